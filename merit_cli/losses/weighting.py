"""How the losses of several tasks become one step: their weights, or the mixture of their gradients.

A step that mixes gradients is a combination of the tasks' gradients, and all that it needs to know of them is
their Gram matrix, the inner products G_ij = g_i . g_j over the parameters that every task reaches.

Shape suffixes: S tasks.
"""

import math
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from merit_cli.config.frozen import FrozenConfig

Gram = Sequence[Sequence[float]]
LossKind = Literal["regression", "classification"]


class FixedWeighting(FrozenConfig):
    """The recipe's weights, the same at every step."""

    name: Literal["fixed"] = "fixed"


class UncertaintyWeighting(FrozenConfig):
    """A learned variance for each task, whose logarithm is trained beside the model by Adam.

    Source: Kendall, Gal and Cipolla (2018), Multi-task learning using uncertainty to weigh losses, eqs. 7 and 10.

    Args:
        learning_rate: Of the log variances, which start at 0.
    """

    name: Literal["uncertainty"] = "uncertainty"
    learning_rate: float = Field(default=1e-2, gt=0.0)


class GradnormWeighting(FrozenConfig):
    """Weights that bring the tasks' gradients to one norm, more for a task that learns slowly; their sum stays.

    Source: Chen et al. (2018), GradNorm, algorithm 1. Norms are over all parameters that every task reaches: in a
    routed model the last layer, which the paper takes, is not always one of them.

    Args:
        alpha: How much more a slow task gets; 0 asks for equal norms.
        learning_rate: Of the weights, by Adam.
    """

    name: Literal["gradnorm"] = "gradnorm"
    alpha: float = Field(default=1.5, ge=0.0)
    learning_rate: float = Field(default=0.025, gt=0.0)


class PcgradWeighting(FrozenConfig):
    """Each task's gradient loses its part against the other's.

    Source: Yu et al. (2020), Gradient surgery for multi-task learning, algorithm 1.
    """

    name: Literal["pcgrad"] = "pcgrad"


class CagradWeighting(FrozenConfig):
    """The step near the mean gradient that serves the worse served task best.

    Source: Liu et al. (2021), Conflict-averse gradient descent for multi-task learning, algorithm 1.

    Args:
        c: Radius around the mean gradient, over its norm; 0 is the mean itself.
    """

    name: Literal["cagrad"] = "cagrad"
    c: float = Field(default=0.4, ge=0.0, lt=1.0)


def _named(value: Any) -> Any:
    """A bare name stands for the method with its defaults."""
    return {"name": value} if isinstance(value, str) else value


Weighting = Annotated[
    Annotated[
        FixedWeighting | UncertaintyWeighting | GradnormWeighting | PcgradWeighting | CagradWeighting,
        Field(discriminator="name"),
    ],
    BeforeValidator(_named),
]


def uncertainty_factor(log_variance: float, kind: LossKind) -> float:
    """What a task's loss is multiplied with: exp(-s) for classification, half of it for regression.

    >>> uncertainty_factor(0.0, "regression"), uncertainty_factor(0.0, "classification")
    (0.5, 1.0)
    """
    return math.exp(-log_variance) * (0.5 if kind == "regression" else 1.0)


def uncertainty_slope(log_variance: float, loss: float, kind: LossKind) -> float:
    """Derivative of factor * loss + s / 2 by s; 0 where the variance is the loss, or twice it for classification.

    >>> uncertainty_slope(math.log(3.0), 3.0, "regression")
    0.0
    """
    return 0.5 - uncertainty_factor(log_variance, kind) * loss


def gradnorm_slopes(
    weights: Sequence[float],
    norms: Sequence[float],
    *,
    losses: Sequence[float],
    first_losses: Sequence[float],
    alpha: float,
) -> list[float]:
    """Derivative of sum_i |w_i n_i - target_i| by each weight, the targets held constant.

    target_i is the mean of all w_j n_j times r_i ** alpha; r_i is loss over first loss, over its mean.

    >>> gradnorm_slopes([1.0, 1.0], [4.0, 2.0], losses=[1.0, 1.0], first_losses=[1.0, 1.0], alpha=0.0)
    [4.0, -2.0]

    Args:
        weights: w, of the losses.
        norms: n, of the unweighted losses' gradients.
        losses: Of the step, positive.
        first_losses: Of the first step, positive.
        alpha: See `GradnormWeighting`.
    """
    count = len(weights)
    shares = [loss / first for loss, first in zip(losses, first_losses, strict=True)]
    mean_share = sum(shares) / count
    mean_norm = sum(weight * norm for weight, norm in zip(weights, norms, strict=True)) / count
    targets = [mean_norm * (share / mean_share) ** alpha for share in shares]
    gaps = [weight * norm - target for weight, norm, target in zip(weights, norms, targets, strict=True)]
    return [norm * ((gap > 0.0) - (gap < 0.0)) for norm, gap in zip(norms, gaps, strict=True)]


def pcgrad_coefficients(gram_SS: Gram) -> list[float]:
    """What to multiply each task's gradient with, so that the sum is that of the projected gradients.

    A gradient that meets another at an obtuse angle loses its component along it. The paper takes the others in
    random order; with two tasks there is but one.

    >>> pcgrad_coefficients([[1.0, -1.0], [-1.0, 2.0]])  # g_1 = (1, 0), g_2 = (-1, 1)
    [2.0, 1.5]
    """
    count = len(gram_SS)
    sums = [0.0] * count
    for task in range(count):
        own = [float(other == task) for other in range(count)]
        for other in range(count):
            product = sum(value * gram_SS[place][other] for place, value in enumerate(own))
            if other != task and product < 0.0:
                own[other] -= product / gram_SS[other][other]
        sums = [before + value for before, value in zip(sums, own, strict=True)]
    return sums


def cagrad_coefficients(gram_SS: Gram, c: float) -> list[float]:
    """What to multiply the gradients of two tasks with; the sum is twice the paper's step, so that c = 0 is plain.

    The step is d = g_0 + c |g_0| g_w / |g_w|, with g_0 the mean gradient and g_w = w g_1 + (1 - w) g_2 for the w in
    [0, 1] that makes F(w) = g_w . g_0 + c |g_0| |g_w| least. F is convex, so its slope is bisected.

    >>> [round(value, 6) for value in cagrad_coefficients([[1.0, 0.0], [0.0, 1.0]], 0.5)]
    [1.5, 1.5]
    """
    (one, both), (_, two) = gram_SS
    mean_norm = 0.5 * math.sqrt(max(one + 2.0 * both + two, 0.0))
    if c == 0.0 or mean_norm == 0.0:
        return [1.0, 1.0]

    def norm(share: float) -> float:
        squared = share**2 * one + 2.0 * share * (1.0 - share) * both + (1.0 - share) ** 2 * two
        return math.sqrt(max(squared, 0.0))

    def slope(share: float) -> float:
        along_mean = 0.5 * (one - two)  # (g_1 - g_2) . g_0
        along_step = share * (one - both) + (1.0 - share) * (both - two)  # (g_1 - g_2) . g_w
        length = norm(share)
        return along_mean + (c * mean_norm * along_step / length if length > 0.0 else 0.0)

    share = _zero_of(slope)
    length = norm(share)
    gain = c * mean_norm / length if length > 0.0 else 0.0
    return [1.0 + 2.0 * gain * share, 1.0 + 2.0 * gain * (1.0 - share)]


def _zero_of(rising: Callable[[float], float]) -> float:
    """Where a rising function of [0, 1] crosses zero; the end that is nearest where it does not."""
    low, high = 0.0, 1.0
    if rising(low) >= 0.0:
        return low
    if rising(high) <= 0.0:
        return high
    while high - low > 1e-12:
        middle = 0.5 * (low + high)
        low, high = (middle, high) if rising(middle) < 0.0 else (low, middle)
    return 0.5 * (low + high)
