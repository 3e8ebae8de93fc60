"""What the gradients say: norms of the routers', and whether the two tasks pull the same way."""

import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from torch import nn

from merit_cli.carriers import LossTerms
from merit_cli.errors import CheckFailed
from merit_cli.models.routing import Router


class TaskConflict(NamedTuple):
    """How the gradients of the two tasks meet.

    Args:
        cosine: Of the two gradients over the parameters that both reach; 0 where a gradient is zero.
        shared_fraction: Share of the trainable parameters that both reach.
    """

    cosine: float
    shared_fraction: float


def task_conflict(terms: LossTerms, parameters: Sequence[nn.Parameter]) -> TaskConflict | None:
    """Compare the gradients of the two tasks' losses; leaves the graph and ``grad`` as they are.

    Args:
        terms: Of one forward pass.
        parameters: The trainable ones.

    Returns:
        None for a model with one task.
    """
    if not (terms.enhancement.requires_grad and terms.emotion.requires_grad):
        return None
    first = torch.autograd.grad(terms.enhancement, parameters, retain_graph=True, allow_unused=True)
    second = torch.autograd.grad(terms.emotion, parameters, retain_graph=True, allow_unused=True)
    shared = [(a.double(), b.double()) for a, b in zip(first, second, strict=True) if a is not None and b is not None]
    product = sum(float((a * b).sum()) for a, b in shared)
    norms = [sum(float(pair[side].square().sum()) for pair in shared) ** 0.5 for side in (0, 1)]
    total = sum(parameter.numel() for parameter in parameters)
    return TaskConflict(
        cosine=product / (norms[0] * norms[1]) if min(norms) > 0.0 else 0.0,
        shared_fraction=sum(a.numel() for a, _ in shared) / max(total, 1),
    )


def routers_of(model: nn.Module) -> dict[str, Router]:
    """Task to its router; empty for a model without."""
    return {name.rsplit(".", 1)[-1]: module for name, module in model.named_modules() if isinstance(module, Router)}


def router_gradient_norms(model: nn.Module) -> dict[str, float]:
    """Task to the norm of its router's gradient, after a backward pass."""
    return {task: gradient_norm(router.parameters()) for task, router in routers_of(model).items()}


def gradient_norm(parameters: Iterable[nn.Parameter]) -> float:
    """Euclidean norm of all gradients together; parameters without one count as zero."""
    squares = [
        parameter.grad.detach().double().square().sum() for parameter in parameters if parameter.grad is not None
    ]
    return float(torch.stack(squares).sum().sqrt()) if squares else 0.0


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
