"""Speech encoders, by the name that recipes give them."""

from merit_cli.registry import Registry

BACKBONES = Registry(
    "backbone",
    {
        "log-mel": "merit_cli.backbones.log_mel:LogMelConfig",
        "waveform": "merit_cli.backbones.waveform:WaveformConfig",
        "moonshine-tiny": "merit_cli.backbones.moonshine:MoonshineConfig",
        "whisper-tiny-turn": "merit_cli.backbones.whisper_turn:WhisperTurnConfig",
        "huggingface": "merit_cli.backbones.huggingface:HuggingFaceConfig",
    },
    extras={"moonshine-tiny": "onnx", "whisper-tiny-turn": "onnx", "huggingface": "hf"},
)
