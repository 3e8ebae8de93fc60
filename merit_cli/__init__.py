"""merit: noisy-audio pipelines from raw corpus to a table that can be believed.

The commands are functions here too: ``from merit_cli import mix, enhance, evaluate, predict``.
"""

import importlib
from typing import Any

__version__ = "0.1.0"

_FUNCTIONS = ("enhance", "evaluate", "mix", "predict")


def __getattr__(name: str) -> Any:  # the functions are loaded when asked for, so that merit --help starts fast
    if name in _FUNCTIONS:
        return getattr(importlib.import_module("merit_cli.workflows.api"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
