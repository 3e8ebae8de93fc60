"""One optimiser step: from an effective batch to gradients, and from them to new weights.

Shape suffixes: B batch, N samples, C classes.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.amp.grad_scaler import GradScaler

from merit_cli.carriers import MultiTaskOutput, SpeechBatch
from merit_cli.losses.objective import ObjectiveSums, loss_terms
from merit_cli.training.adversary import Adversary
from merit_cli.training.epoch_record import values_of
from merit_cli.training.gradients import check_finite, gradient_norm, router_gradient_norms, routers_of
from merit_cli.training.optim import make_optimiser, trainable_parameters
from merit_cli.training.ranks import average_statistics, gathered, sum_gradients, sum_values
from merit_cli.training.routing_usage import RoutingUsage, batch_snr_db
from merit_cli.training.settings import FitSettings
from merit_cli.training.task_balance import TaskBalance
from merit_cli.training.task_gradients import GradientReport
from merit_cli.training.whole_batch import WholeBatch, over_ranks, sums_of_all

Forward = Callable[[SpeechBatch], MultiTaskOutput]
"""Runs the modules in train mode."""
Objective = Callable[[MultiTaskOutput, SpeechBatch], ObjectiveSums]
"""Unnormalised loss terms of what was run."""


@dataclass(frozen=True)
class StepReport:
    """What a step was like.

    Args:
        values: Each loss term over the effective batch.
        gradient_norm: Before clipping.
        gradients: How the tasks' gradients met, where that was measured.
        usage: Of the experts.
    """

    values: dict[str, float]
    gradient_norm: float
    gradients: GradientReport | None
    usage: RoutingUsage


class Stepper:
    """Optimiser, weighting of the tasks and adversary of a run; several processes step together.

    Args:
        modules: ``backbone``, ``model`` and perhaps ``text``.
        forward: Runs them.
        objective: Loss terms of what was run.
        settings: How to fit.
        scaler: Of the losses, under fp16.
        autocast: Context of the forward pass.
        device: Where the modules are.
        run: Named where a number is not finite.
    """

    def __init__(
        self,
        modules: nn.ModuleDict,
        *,
        forward: Forward,
        objective: Objective,
        settings: FitSettings,
        scaler: GradScaler,
        autocast: AbstractContextManager[Any],
        device: str,
        run: Path,
    ) -> None:
        self.modules, self.forward, self.objective = modules, forward, objective
        self.settings, self.scaler, self.autocast = settings, scaler, autocast
        self.device, self.run = device, run
        trained = {name: one for name, one in modules.named_parameters() if one.requires_grad}
        self.balance = TaskBalance(settings.objective, trained, scaler)
        self.optimizer = make_optimiser(modules, settings.optimiser)
        self.parameters = trainable_parameters(self.optimizer)
        self.routers = routers_of(modules["model"])
        self.adversary = None if settings.adversary is None else Adversary(settings.adversary, device)

    def take(self, parts: Sequence[SpeechBatch], *, is_measured: bool, where: str) -> StepReport:
        """Step once, by the gradients of all parts of all processes together.

        Args:
            parts: Micro-batches of this process's share of the effective batch, on the device; may be none.
            is_measured: Whether to say how the tasks' gradients meet.
            where: The step, for messages.

        Raises:
            CheckFailed: Loss or gradient is not finite.
        """
        num_items = sum(len(part.ids) for part in parts)
        usage, values = RoutingUsage(), list[dict[str, float]]()
        self.balance.start(is_measured=is_measured)
        if len(parts) == 1:
            output, sums = self._run(parts[0])
            whole = over_ranks(sums, num_items, device=self.device)
            values.append(self._backward(parts[0], output, sums, whole, usage))
        else:
            whole = self._whole(parts, num_items)
            values += [self._backward(part, *self._run(part), whole, usage) for part in parts]
        shared = gathered((sum_values(values), usage, self.balance.found()))
        total, usage = sum_values([one for one, _, _ in shared]), _merged([one for _, one, _ in shared])
        check_finite(total["total"], "loss", where=where, run=self.run)
        sum_gradients(self.parameters)
        self.balance.share([one for _, _, one in shared])
        report = self.balance.finish()
        norm = self._step_optimiser(usage, where)
        total |= {} if self.adversary is None else self.adversary.learn()
        average_statistics(self.modules["model"], num_items / max(whole.num_items, 1))
        return StepReport(total, norm, report, usage)

    def _whole(self, parts: Sequence[SpeechBatch], num_items: int) -> WholeBatch:
        """Of several parts, or of none where other processes have all items."""
        sums = None
        if parts:
            sums = sums_of_all(parts, lambda part: self._run(part)[1], modules=self.modules, device=self.device)
        else:
            self.scaler.scale(torch.zeros((), device=self.device))  # fp16: its scale is made at the first use
        return over_ranks(sums, num_items, device=self.device)

    def _run(self, part: SpeechBatch) -> tuple[MultiTaskOutput, ObjectiveSums]:
        with self.autocast:
            output = self.forward(part)
        return output, self.objective(output, part)

    def _backward(
        self, part: SpeechBatch, output: MultiTaskOutput, sums: ObjectiveSums, whole: WholeBatch, usage: RoutingUsage
    ) -> dict[str, float]:
        """Take gradients of a part; returns its loss terms."""
        judged: Tensor | None = None
        if self.adversary is not None:
            judged = self.adversary.generator_term(output, part, num_items=whole.num_items)
        terms = self.balance.backward(loss_terms(sums, self.settings.objective, whole=whole.sums), judged)
        usage.add(output.routing, batch_snr_db(part))
        return values_of(terms)

    def _step_optimiser(self, usage: RoutingUsage, where: str) -> float:
        """Clip, step and clear; returns the gradient norm before clipping."""
        self.scaler.unscale_(self.optimizer)
        norm = gradient_norm(self.parameters)
        if not self.scaler.is_enabled():  # the scaler skips such a step by itself
            check_finite(norm, "gradient", where=where, run=self.run)
        usage.add_gradient_norms(router_gradient_norms(self.routers))
        if self.settings.optimiser.clip_norm is not None:
            clip_norm = self.settings.optimiser.clip_norm
            nn.utils.clip_grads_with_norm_(self.parameters, clip_norm, torch.tensor(norm, device=self.device))
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.optimizer.zero_grad(set_to_none=True)
        return norm


def _merged(usages: Sequence[RoutingUsage]) -> RoutingUsage:
    whole = RoutingUsage()
    for usage in usages:
        whole.merge(usage)
    return whole
