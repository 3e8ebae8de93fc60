"""What the gradients say: norms of the routers', and whether the two tasks pull the same way."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from merit_cli.models.routing import Router


class TaskConflict(NamedTuple):
    """How the gradients of the two tasks meet.

    Args:
        cosine: Of the two gradients over the parameters that both reach; 0 where a gradient is zero.
        shared_fraction: Share of the trainable parameters that both reach.
    """

    cosine: float
    shared_fraction: float


def task_conflict(enhancement: Tensor, emotion: Tensor, parameters: Sequence[nn.Parameter]) -> TaskConflict:
    """Compare the gradients of two losses of one forward pass; leaves the graph and ``grad`` as they are.

    Args:
        enhancement: Scalar loss.
        emotion: Scalar loss.
        parameters: The trainable ones.
    """
    first = torch.autograd.grad(enhancement, parameters, retain_graph=True, allow_unused=True)
    second = torch.autograd.grad(emotion, parameters, retain_graph=True, allow_unused=True)
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
