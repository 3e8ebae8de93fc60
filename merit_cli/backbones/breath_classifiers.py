"""Breath classifiers, by the name that ``model.name`` of a recipe gives them."""

from typing import Annotated

from pydantic import BeforeValidator, SerializeAsAny

from merit_cli.config.component import component_config
from merit_cli.errors import UsageError
from merit_cli.models.classifier import ClassifierConfig
from merit_cli.registry import Registry

DEFAULT_CLASSIFIER = "breath-cnn"
BREATH_CLASSIFIERS = Registry(
    "breath classifier",
    {
        "breath-cnn": "merit_cli.models.breath:BreathCnnConfig",
        "cnn6": "merit_cli.backbones.breath_panns:Cnn6Config",
        "cnn10": "merit_cli.backbones.breath_panns:Cnn10Config",
        "cnn14": "merit_cli.backbones.breath_panns:Cnn14Config",
        "ast": "merit_cli.backbones.breath_ast:AstConfig",
        "encoder": "merit_cli.backbones.breath_encoder:EncoderClassifierConfig",
    },
    extras={"ast": "hf"},
    plural="breath_classifiers",
)


def classifier_config(value: object) -> ClassifierConfig:
    """The config of the classifier that a recipe names.

    Raises:
        UsageError: The name or a parameter is unknown, or a value is out of range.

    >>> classifier_config({"name": "cnn6", "duration": 5}).num_samples
    80000
    """
    config = component_config(BREATH_CLASSIFIERS, value, default=DEFAULT_CLASSIFIER)
    if not isinstance(config, ClassifierConfig):
        raise UsageError("the plug-in's config is no ClassifierConfig", hint="mend the plug-in package")
    return config


ClassifierChoice = Annotated[SerializeAsAny[ClassifierConfig], BeforeValidator(classifier_config)]
