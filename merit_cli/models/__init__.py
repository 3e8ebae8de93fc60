"""Models, by the name that recipes and ``--model`` give them."""

from merit_cli.registry import Registry

MODELS = Registry(
    "model",
    {
        "naive-mtl": "merit_cli.models.naive_multitask:NaiveMultitaskConfig",
        "sparse-merit": "merit_cli.models.sparse_merit:SparseMeritConfig",
        "se": "merit_cli.models.naive_multitask:EnhancementConfig",
        "ser": "merit_cli.models.naive_multitask:EmotionConfig",
        "ser-attributes": "merit_cli.models.naive_multitask:AttributesConfig",
        "ser-multi-task": "merit_cli.models.naive_multitask:EmotionAndAttributesConfig",
        "ser-text": "merit_cli.models.speech_text:TextConfig",
        "fusion": "merit_cli.models.speech_text:FusionConfig",
        "fusion-attributes": "merit_cli.models.speech_text:FusionAttributesConfig",
        "bsse-se": "merit_cli.models.naive_multitask:BsseSeConfig",
        "wave-u-net": "merit_cli.models.wave_u_net:WaveUNetConfig",
        "manner": "merit_cli.models.manner:MannerConfig",
        "phasen": "merit_cli.models.phasen:PhasenConfig",
        "cmgan": "merit_cli.models.cmgan:CmganConfig",
    },
)
