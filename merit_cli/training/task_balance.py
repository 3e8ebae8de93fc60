"""One step of two tasks, by the objective's weighting: what it learns, and the gradients that it mixes.

The Brain hands over the terms of each part of an effective batch, then calls `finish` once; after that ``grad``
holds what the optimiser is to take.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.amp.grad_scaler import GradScaler

from merit_cli.carriers import LossTerms
from merit_cli.losses.objective import ObjectiveConfig
from merit_cli.losses.weighting import (
    CagradWeighting,
    GradnormWeighting,
    LossKind,
    PcgradWeighting,
    UncertaintyWeighting,
    cagrad_coefficients,
    gradnorm_slopes,
    pcgrad_coefficients,
    uncertainty_factor,
    uncertainty_slope,
)
from merit_cli.training.task_gradients import TASKS, GradientReport, Meeting, TaskGradients

KINDS: tuple[LossKind, LossKind] = ("regression", "classification")
SMALLEST_WEIGHT = 1e-3
"""GradNorm's weights stay over this, so that no task is lost to rounding."""


class BalanceFacts(NamedTuple):
    """What a process found in its parts of an effective batch.

    Args:
        losses: Of each task.
        has_both: Whether a part had both tasks.
        has_gradients: Whether the tasks' gradients were taken apart.
    """

    losses: tuple[float, ...]
    has_both: bool
    has_gradients: bool


class TaskBalance:
    """The weighting at work.

    Args:
        config: Of the objective.
        parameters: Name to each trainable parameter.
        scaler: Of the losses, under fp16.
    """

    def __init__(self, config: ObjectiveConfig, parameters: Mapping[str, nn.Parameter], scaler: GradScaler) -> None:
        self.config, self.scaler = config, scaler
        self.weighting = config.weighting
        self.gradients = TaskGradients(parameters)
        self.mixes = isinstance(self.weighting, GradnormWeighting | PcgradWeighting | CagradWeighting)
        is_gradnorm = isinstance(self.weighting, GradnormWeighting)
        self.learned = torch.full((len(TASKS),), float(is_gradnorm), dtype=torch.float64)
        self.first_losses: list[float] = []
        self.optimiser: torch.optim.Adam | None = None
        if isinstance(self.weighting, UncertaintyWeighting | GradnormWeighting):
            self.optimiser = torch.optim.Adam([self.learned], lr=self.weighting.learning_rate)
        self.start(is_measured=False)

    def state(self) -> dict[str, Any]:
        """What is learned, for a checkpoint: plain data and tensors, empty where nothing is."""
        if self.optimiser is None:
            return {}
        return {
            "learned": self.learned.clone(),
            "first_losses": list(self.first_losses),
            "optimiser": self.optimiser.state_dict(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Put back what `state` gave."""
        if self.optimiser is not None:
            self.learned.copy_(state["learned"])
            self.first_losses = list(state["first_losses"])
            self.optimiser.load_state_dict(state["optimiser"])

    def start(self, *, is_measured: bool) -> None:
        """Begin an effective batch.

        Args:
            is_measured: Whether `finish` is to say how the tasks' gradients meet, which costs a backward pass of
                each task where the weighting does not need it anyway.
        """
        self.gradients.clear()
        self.is_measured = is_measured
        self.losses = [0.0] * len(TASKS)
        self.has_both = False
        self.factors = self._factors()

    def backward(self, terms: LossTerms, extra: Tensor | None = None) -> LossTerms:
        """Take gradients of a part; returns its terms with the total that the step goes by.

        Args:
            terms: Of the part.
            extra: Further loss that is added as it is, such as an adversary's.
        """
        losses = self.config.task_losses(terms)
        self.losses = [before + float(losses[task].detach()) for before, task in zip(self.losses, TASKS, strict=True)]
        has_both = all(losses[task].requires_grad for task in TASKS)
        self.has_both = self.has_both or has_both
        rest = self.config.router_loss(terms) if extra is None else self.config.router_loss(terms) + extra
        total = rest + sum(factor * losses[task] for factor, task in zip(self.factors, TASKS, strict=True))
        if self.weighting.name == "fixed":
            total = terms.total if extra is None else terms.total + extra
        if self.mixes or (self.is_measured and has_both):
            self.gradients.add({task: self.scaler.scale(loss) for task, loss in losses.items()})
        differentiated = rest if self.mixes else total
        if differentiated.requires_grad:
            self.scaler.scale(differentiated).backward()  # type: ignore[no-untyped-call]
        return replace(terms, total=total)

    def found(self) -> "BalanceFacts":
        """What this process found in its parts, for `share`."""
        return BalanceFacts(tuple(self.losses), self.has_both, bool(self.gradients.sums))

    def share(self, found: Sequence["BalanceFacts"]) -> None:
        """Make losses and gradients of the tasks those of all processes; each calls it at the same time.

        Args:
            found: What each process found.
        """
        self.losses = [math.fsum(values) for values in zip(*(one.losses for one in found), strict=True)]
        self.has_both = any(one.has_both for one in found)
        if any(one.has_gradients for one in found):
            self.gradients.sum_over_ranks()

    def finish(self) -> GradientReport | None:
        """Complete ``grad``, and learn for the next step; call once, before gradients are unscaled or clipped.

        Returns:
            How the gradients meet where that was asked for and both tasks were there.
        """
        if not self.gradients.sums:
            self._learn([])
            return None
        scale = float(self.scaler.get_scale()) if self.scaler.is_enabled() else 1.0
        meetings = self.gradients.meetings(scale=scale)
        report = self.gradients.report(meetings)
        if self.mixes:
            shared, own = self._coefficients(report.whole), self.factors
            self.gradients.mix_into_grad(meetings, shared=shared, own=own)
            self.factors = list(shared)
        self._learn([report.whole.shared_enhancement**0.5, report.whole.shared_emotion**0.5])
        self.gradients.clear()
        return report if self.is_measured and self.has_both else None

    def to_line(self) -> dict[str, float]:
        """What the last step multiplied each task's gradient with (where both reach), for metrics.jsonl."""
        return dict(zip(TASKS, self.factors, strict=True)) if self.weighting.name != "fixed" else {}

    def _factors(self) -> list[float]:
        """What the step multiplies each task's loss with."""
        if isinstance(self.weighting, UncertaintyWeighting):
            return [uncertainty_factor(s, kind) for s, kind in zip(self.learned.tolist(), KINDS, strict=True)]
        return self.learned.tolist() if isinstance(self.weighting, GradnormWeighting) else [1.0] * len(TASKS)

    def _coefficients(self, whole: Meeting) -> Sequence[float]:
        if not all(math.isfinite(value) for value in whole):
            return self.factors  # under fp16 the scaler leaves out this step
        if isinstance(self.weighting, PcgradWeighting):
            return pcgrad_coefficients(whole.gram)
        if isinstance(self.weighting, CagradWeighting):
            return cagrad_coefficients(whole.gram, self.weighting.c)
        return self.factors

    def _learn(self, norms: Sequence[float]) -> None:
        """One step of log variances or weights; none where a task is missing or a number is not finite."""
        if self.optimiser is None or not self.has_both:
            return
        if not all(math.isfinite(value) for value in (*self.losses, *norms)) or min(self.losses) <= 0.0:
            return
        if isinstance(self.weighting, GradnormWeighting):
            self.first_losses = self.first_losses or list(self.losses)
            weights = self.learned.tolist()
            slopes = gradnorm_slopes(
                weights, norms, losses=self.losses, first_losses=self.first_losses, alpha=self.weighting.alpha
            )
        else:
            rows = zip(self.learned.tolist(), self.losses, KINDS, strict=True)
            slopes = [uncertainty_slope(s, loss, kind) for s, loss, kind in rows]
        self.learned.grad = torch.tensor(slopes, dtype=torch.float64)
        self.optimiser.step()
        if isinstance(self.weighting, GradnormWeighting):
            self.learned.clamp_(min=SMALLEST_WEIGHT)
            self.learned.mul_(len(TASKS) / self.learned.sum())
