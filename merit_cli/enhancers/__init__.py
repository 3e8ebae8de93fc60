"""Enhancers by name: each a frozen config whose ``build()`` gives a callable under one contract."""

from merit_cli.registry import Registry

ENHANCERS = Registry(
    "enhancer",
    {
        "identity": "merit_cli.enhancers.identity:IdentityConfig",
        "spectral-gate": "merit_cli.enhancers.spectral_gate:SpectralGateConfig",
        "mmse-lsa": "merit_cli.enhancers.mmse_lsa:MmseLsaConfig",
        "gtcrn": "merit_cli.enhancers.gtcrn:GtcrnConfig",
    },
    extras={"gtcrn": "onnx"},
)
