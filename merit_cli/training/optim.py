"""The optimiser, its parameter groups and its learning rate at each step."""

import math
from collections.abc import Iterable
from typing import Literal

import torch
from pydantic import Field
from torch import nn

from merit_cli.backbones.fine_tuning import TunedEncoder
from merit_cli.config.frozen import FrozenConfig


class OptimiserConfig(FrozenConfig):
    """AdamW.

    Args:
        learning_rate: Of the new modules.
        backbone_learning_rate: Of a backbone that is trained.
        text_learning_rate: Of a text encoder that is trained.
        layer_decay: The rate of each layer of a trained encoder over that of the layer above it; 1 treats all alike
            (Clark et al., 2020, ELECTRA, appendix A).
        weight_decay: Decoupled; not applied to biases, gains and other vectors.
        schedule: ``constant``, or ``cosine`` from the full rate to zero at the last step.
        warmup_steps: Steps of linear rise to the full rate.
        clip_norm: Largest norm of all gradients together; None leaves them.
        average_decay: Of the running average of the weights that is scored and exported; 0: the weights
            themselves.
    """

    learning_rate: float = Field(default=5e-5, gt=0.0)
    backbone_learning_rate: float = Field(default=2.5e-5, gt=0.0)
    text_learning_rate: float = Field(default=2.5e-5, gt=0.0)
    layer_decay: float = Field(default=1.0, gt=0.0, le=1.0)
    weight_decay: float = Field(default=0.01, ge=0.0)
    schedule: Literal["constant", "cosine"] = "constant"
    warmup_steps: int = Field(default=0, ge=0)
    clip_norm: float | None = Field(default=None, gt=0.0)
    average_decay: float = Field(default=0.0, ge=0.0, lt=1.0)


def make_optimiser(modules: nn.ModuleDict, config: OptimiserConfig) -> torch.optim.AdamW:
    """AdamW over every trainable parameter; each group remembers its full rate as ``full_lr``.

    Args:
        modules: ``model``, ``backbone`` and perhaps ``text``, each with a rate of its own.
        config: The rates.
    """
    rates = {
        "model": config.learning_rate,
        "backbone": config.backbone_learning_rate,
        "text": config.text_learning_rate,
    }
    groups = [
        group
        for name, rate in rates.items()
        if name in modules
        for parameters, share in _shares(modules[name], config.layer_decay)
        for group in _groups(parameters, rate * share, config.weight_decay)
    ]
    return torch.optim.AdamW(groups, lr=config.learning_rate)


def _shares(module: nn.Module, layer_decay: float) -> list[tuple[Iterable[nn.Parameter], float]]:
    """Parameters with their share of the module's rate: less for each stage below an encoder's last layer."""
    if layer_decay == 1.0 or not isinstance(module, TunedEncoder):
        return [(module.parameters(), 1.0)]
    stages = module.stages()
    return [(stage, layer_decay**depth) for depth, stage in enumerate(reversed(stages))]


def _groups(parameters: Iterable[nn.Parameter], rate: float, weight_decay: float) -> list[dict[str, object]]:
    trainable = [parameter for parameter in parameters if parameter.requires_grad]
    matrices = [parameter for parameter in trainable if parameter.ndim > 1]
    vectors = [parameter for parameter in trainable if parameter.ndim <= 1]
    made = [(matrices, weight_decay), (vectors, 0.0)]
    return [{"params": group, "lr": rate, "full_lr": rate, "weight_decay": decay} for group, decay in made if group]


def rate_factor(step: int, *, num_steps: int, config: OptimiserConfig) -> float:
    """Share of the full learning rate at a step, from 0; a function of the step alone, so nothing is to be saved.

    >>> rate_factor(0, num_steps=10, config=OptimiserConfig(warmup_steps=4))
    0.25
    """
    if step < config.warmup_steps:
        return (step + 1) / config.warmup_steps
    if config.schedule == "constant":
        return 1.0
    share = (step - config.warmup_steps) / max(1, num_steps - config.warmup_steps)
    return 0.5 * (1.0 + math.cos(math.pi * min(1.0, share)))


def set_rate(optimiser: torch.optim.Optimizer, factor: float) -> None:
    """Set every group to ``factor`` of its full rate."""
    for group in optimiser.param_groups:
        group["lr"] = group["full_lr"] * factor


def trainable_parameters(optimiser: torch.optim.Optimizer) -> list[nn.Parameter]:
    """Parameters of all groups, in order."""
    return [parameter for group in optimiser.param_groups for parameter in group["params"]]
