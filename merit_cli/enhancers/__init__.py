"""Enhancers by name: each a frozen config whose ``build()`` gives a callable under one contract."""

from merit_cli.registry import Registry

ENHANCERS = Registry(
    "enhancer",
    {
        "identity": "merit_cli.enhancers.identity:IdentityConfig",
        "spectral-gate": "merit_cli.enhancers.spectral_gate:SpectralGateConfig",
        "mmse-lsa": "merit_cli.enhancers.mmse_lsa:MmseLsaConfig",
        "gtcrn": "merit_cli.enhancers.gtcrn:GtcrnConfig",
        "dtln": "merit_cli.enhancers.dtln:DtlnConfig",
        "rnnoise": "merit_cli.enhancers.rnnoise:RnnoiseConfig",
        "fastenhancer": "merit_cli.enhancers.fastenhancer:FastEnhancerConfig",
        "onnx": "merit_cli.enhancers.onnx_wave:OnnxConfig",
    },
    extras={"gtcrn": "onnx", "dtln": "onnx", "fastenhancer": "onnx", "onnx": "onnx"},
)
