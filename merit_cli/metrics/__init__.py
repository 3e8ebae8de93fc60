"""Metrics: what is measured, how, in which unit; their intervals and comparisons live in `statistics`."""

from merit_cli.registry import Registry

METRICS = Registry(
    "metric",
    {
        "ssnr_db": "merit_cli.metrics.signal:SSNR_DB",
        "ssnr_active_db": "merit_cli.metrics.signal:SSNR_ACTIVE_DB",
        "si_sdr_db": "merit_cli.metrics.signal:SI_SDR_DB",
        "snr_db": "merit_cli.metrics.signal:SNR_DB",
        "pesq_wb": "merit_cli.metrics.perceptual:PESQ_WB",
        "pesq_nb": "merit_cli.metrics.perceptual:PESQ_NB",
        "stoi": "merit_cli.metrics.perceptual:STOI",
        "estoi": "merit_cli.metrics.perceptual:ESTOI",
        "macro_f1": "merit_cli.metrics.emotion:MACRO_F1",
        "micro_f1": "merit_cli.metrics.emotion:MICRO_F1",
        "weighted_f1": "merit_cli.metrics.emotion:WEIGHTED_F1",
        "accuracy": "merit_cli.metrics.emotion:ACCURACY",
        "uar": "merit_cli.metrics.emotion:UAR",
        "icbhi_se": "merit_cli.metrics.respiratory:ICBHI_SE",
        "icbhi_se_two_class": "merit_cli.metrics.respiratory:ICBHI_SE_TWO_CLASS",
        "icbhi_sp": "merit_cli.metrics.respiratory:ICBHI_SP",
        "icbhi_score": "merit_cli.metrics.respiratory:ICBHI_SCORE",
    },
)
