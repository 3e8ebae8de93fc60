"""Names of metrics as people type them."""

import pytest

from merit_cli.errors import UsageError
from merit_cli.metrics import METRICS
from merit_cli.metrics.spec import _ALIASES, Kind, MetricSpec, canonical_name, load_metric


@pytest.mark.parametrize(
    ("typed", "canonical"),
    [
        ("f1", "macro_f1"),
        ("F1", "macro_f1"),
        ("Macro-F1", "macro_f1"),
        ("pesq", "pesq_wb"),
        ("PESQ-NB", "pesq_nb"),
        ("ssnr", "ssnr_db"),
        ("SSNR_dB", "ssnr_db"),
        ("ssnr-active", "ssnr_active_db"),
        ("SI-SDR", "si_sdr_db"),
        ("si sdr", "si_sdr_db"),
        ("snr", "snr_db"),
        (" stoi ", "stoi"),
        ("UAR", "uar"),
        ("fwSegSNR", "fwssnr_db"),
        ("fwssnr", "fwssnr_db"),
        ("SDR", "sdr_db"),
        ("MCD", "mcd_db"),
        ("LSD", "lsd_db"),
        ("DNSMOS", "dnsmos_ovrl"),
        ("F0", "f0_rmse_cents"),
        ("icbhi-score", "icbhi_score"),
    ],
)
def test_a_metric_is_found_by_every_spelling(typed: str, canonical: str) -> None:
    assert canonical_name(typed) == canonical
    assert load_metric(typed).name == canonical


def test_pesq_is_narrow_band_at_8_khz() -> None:
    assert canonical_name("pesq", sample_rate=8000) == "pesq_nb"


def test_every_alias_leads_to_a_metric() -> None:
    assert [load_metric(alias).name for alias in _ALIASES] == list(_ALIASES.values())


def test_an_unknown_metric_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(UsageError, match="unknown metric 'ssnrr'") as caught:
        canonical_name("ssnrr", place="--metrics")
    assert "did you mean 'ssnr'?" in caught.value.hint
    assert caught.value.place == "--metrics"


def test_only_a_signal_metric_can_have_parts() -> None:
    with pytest.raises(AssertionError, match="only a signal metric has parts"):
        MetricSpec("x", "classification", abs, "", higher_is_better=True, range=(0, 1), source="none", parts=("stoi",))


@pytest.mark.parametrize("kind", ["probability", "attribute"])
def test_a_metric_over_scores_must_say_what_adds_up(kind: Kind) -> None:
    with pytest.raises(AssertionError, match="its sums do not agree"):
        MetricSpec("x", kind, abs, "", higher_is_better=True, range=(0, 1), source="none")


def test_every_part_is_a_signal_metric_without_parts() -> None:
    composed = [spec for spec in map(load_metric, METRICS.table) if spec.parts]
    for spec in composed:
        for part in map(load_metric, spec.parts):
            assert part.kind == "signal"
            assert not part.parts
