"""What the gradients of a step say: their norms, and whether they are numbers at all."""

import math
from collections.abc import Iterable, Mapping
from pathlib import Path

from torch import nn

from merit_cli.errors import CheckFailed
from merit_cli.models.routing import Router


def routers_of(model: nn.Module) -> dict[str, Router]:
    """Task to its router; empty for a model without."""
    return {name.rsplit(".", 1)[-1]: module for name, module in model.named_modules() if isinstance(module, Router)}


def router_gradient_norms(routers: Mapping[str, Router]) -> dict[str, float]:
    """Task to the norm of its router's gradient, after a backward pass."""
    return {task: gradient_norm(router.parameters()) for task, router in routers.items()}


def gradient_norm(parameters: Iterable[nn.Parameter]) -> float:
    """Euclidean norm of all gradients together; parameters without one count as zero."""
    return float(nn.utils.get_total_norm([one.grad for one in parameters if one.grad is not None]))


def check_finite(value: float, what: str, *, where: str, run: Path) -> None:
    """Refuse a loss or a gradient norm that is not a number.

    Raises:
        CheckFailed: It is infinite or NaN.
    """
    if not math.isfinite(value):
        raise CheckFailed(
            f"the {what} is {value} at {where}",
            place=str(run),
            hint="lower optimiser.learning_rate or set optimiser.clip_norm; checkpoints/last is from before",
        )
