"""From what a user wrote to the config of an enhancer: a name, a mapping, or a trained run's folder."""

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, SerializeAsAny

from merit_cli.config.load import load_recipe
from merit_cli.enhancers import ENHANCERS
from merit_cli.enhancers.contract import EnhancerConfig
from merit_cli.errors import NoInput, UsageError

DEFAULT_ENHANCER = "mmse-lsa"
CHECKPOINT = "from-checkpoint"
_CHECKPOINT_CONFIG = ("merit_cli.enhancers.from_checkpoint", "CheckpointConfig")
"""The config of a trained run as an enhancer; its one required key is ``folder``."""


def enhancer_config(value: object) -> EnhancerConfig:
    """The config that ``value`` describes.

    Args:
        value: A config; a registered name; the path of a trained run; or a mapping with ``name``
            (the default enhancer without it) and the parameters of that enhancer.

    Raises:
        UsageError: The name or a parameter is unknown, or a value is out of range.
        NoInput: It looks like a path and there is nothing.

    >>> enhancer_config({"name": "mmse-lsa", "min_gain_db": -15}).min_gain_db
    -15.0
    """
    if isinstance(value, EnhancerConfig):
        return value
    parameters = dict(value) if isinstance(value, Mapping) else {"name": value}
    name = str(parameters.pop("name", DEFAULT_ENHANCER))
    if name != CHECKPOINT and name not in ENHANCERS.names() and _looks_like_path(name):
        if not Path(name).is_dir():
            raise NoInput("there is no trained run in this place", place=name, hint="give the folder of a train run")
        name, parameters = CHECKPOINT, {"folder": name, **parameters}
    return load_recipe(_config_class(name), flags=parameters)


def _looks_like_path(name: str) -> bool:
    return "/" in name or "\\" in name or name.startswith(".") or Path(name).is_dir()


def _config_class(name: str) -> type[EnhancerConfig]:
    if name == CHECKPOINT:
        module, attribute = _CHECKPOINT_CONFIG
        component: object = getattr(importlib.import_module(module), attribute)
    else:
        component = ENHANCERS.load(name, place="enhancer")
    if not (isinstance(component, type) and issubclass(component, EnhancerConfig)):
        raise UsageError(
            f"the enhancer {name!r} is not an EnhancerConfig", hint="mend or uninstall the plug-in package"
        )
    return component


EnhancerChoice = Annotated[SerializeAsAny[EnhancerConfig], BeforeValidator(enhancer_config)]
"""A recipe's field that holds an enhancer; dumped with all of its parameters."""


def enhancer_tree(
    choice: str | None, *, mix_back: float | None = None, attenuation_limit: float | None = None
) -> dict[str, Any] | None:
    """What flags contribute to a recipe, so that ``--set enhancer.key=value`` can add to it; None without any.

    >>> enhancer_tree("gtcrn", mix_back=0.1)
    {'name': 'gtcrn', 'mix_back': 0.1}
    """
    said = {"name": choice, "mix_back": mix_back, "attenuation_limit": attenuation_limit}
    tree = {key: value for key, value in said.items() if value is not None}
    return tree or None
