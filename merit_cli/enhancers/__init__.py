"""Enhancers by name: each a frozen config whose ``build()`` gives a callable under one contract."""

from merit_cli.registry import Registry

ENHANCERS = Registry(
    "enhancer",
    {
        "identity": "merit_cli.enhancers.identity:IdentityConfig",
        "spectral-gate": "merit_cli.enhancers.spectral_gate:SpectralGateConfig",
        "spectral-subtraction": "merit_cli.enhancers.spectral_subtraction:SpectralSubtractionConfig",
        "wiener": "merit_cli.enhancers.wiener:WienerConfig",
        "mmse-stsa": "merit_cli.enhancers.mmse_stsa:MmseStsaConfig",
        "mmse-lsa": "merit_cli.enhancers.mmse_lsa:MmseLsaConfig",
        "low-pass": "merit_cli.enhancers.low_pass:LowPassConfig",
        "om-lsa": "merit_cli.enhancers.om_lsa:OmLsaConfig",
        "gtcrn": "merit_cli.enhancers.gtcrn:GtcrnConfig",
        "dtln": "merit_cli.enhancers.dtln:DtlnConfig",
        "rnnoise": "merit_cli.enhancers.rnnoise:RnnoiseConfig",
        "deepfilternet3": "merit_cli.enhancers.deepfilternet3:DeepFilterNet3Config",
        "fastenhancer": "merit_cli.enhancers.fastenhancer:FastEnhancerConfig",
        "onnx": "merit_cli.enhancers.onnx_wave:OnnxConfig",
        "speechbrain": "merit_cli.enhancers.speechbrain_folder:SpeechBrainConfig",
    },
    extras={"gtcrn": "onnx", "dtln": "onnx", "deepfilternet3": "onnx", "fastenhancer": "onnx", "onnx": "onnx"},
)
