"""What an epoch has summed up so far: plain numbers, so that a checkpoint holds them and a resume goes on."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from merit_cli.carriers import LossTerms
from merit_cli.training.routing_usage import RoutingUsage
from merit_cli.training.selection import EpochScore
from merit_cli.training.task_gradients import TASKS, GradientReport

TERMS = ("total", "enhancement", "emotion", "load_balance", "router_z")
_DIGITS = 7


@dataclass
class EpochRecord:
    """Sums over the optimiser steps of one epoch, and what the run has seen before it.

    Args:
        epoch: From 1.
        batches_done: Optimiser steps of this epoch.
        terms: Sum of each loss term over the steps.
        conflict_cosine: Sum of the measured cosines between the tasks' gradients.
        conflict_shared: Sum of the shares of parameters that both tasks reach.
        conflicts: How often these were measured.
        group_cosines: Group of layers to the sum of its cosines, and to how often it had one.
        router_reach: Task to the largest norm of its loss's gradient on the routers, where that was measured and the
            loss had a gradient at all.
        routing: Use of the experts.
        lines_written: Lines of metrics.jsonl.
        history: Dev metrics of the finished epochs.
    """

    epoch: int = 1
    batches_done: int = 0
    terms: dict[str, float] = field(default_factory=lambda: dict.fromkeys(TERMS, 0.0))
    conflict_cosine: float = 0.0
    conflict_shared: float = 0.0
    conflicts: int = 0
    group_cosines: dict[str, list[float]] = field(default_factory=dict)
    router_reach: dict[str, float] = field(default_factory=dict)
    routing: RoutingUsage = field(default_factory=RoutingUsage)
    lines_written: int = 0
    history: list[tuple[int, dict[str, float]]] = field(default_factory=list)

    def next_epoch(self, epoch: int) -> "EpochRecord":
        """An empty record of a new epoch, with the run's history."""
        return EpochRecord(epoch=epoch, lines_written=self.lines_written, history=self.history)

    def add_terms(self, terms: Mapping[str, float]) -> None:
        """Take in the loss terms of one optimiser step."""
        self.batches_done += 1
        for name, value in terms.items():
            self.terms[name] = self.terms.get(name, 0.0) + value

    def add_gradients(self, report: GradientReport | None) -> None:
        """Take in a measurement of how the tasks' gradients meet; None for a step without one."""
        if report is None:
            return
        self.conflicts += 1
        self.conflict_cosine += report.whole.cosine or 0.0
        self.conflict_shared += report.shared_fraction
        for name, meeting in report.groups.items():
            if meeting.cosine is not None:
                total, count = self.group_cosines.get(name, [0.0, 0.0])
                self.group_cosines[name] = [total + meeting.cosine, count + 1.0]
        if "routers" in report.groups:
            routers, whole = report.groups["routers"], report.whole
            reached = ((routers.enhancement, whole.enhancement), (routers.emotion, whole.emotion))
            for task, (square, of_all) in zip(TASKS, reached, strict=True):
                if of_all > 0.0:  # a task without weight reaches nothing
                    self.router_reach[task] = max(self.router_reach.get(task, 0.0), square**0.5)

    def scores(self) -> list[EpochScore]:
        """Dev metrics of the finished epochs."""
        return [EpochScore(epoch, metrics) for epoch, metrics in self.history]

    def summary(self) -> dict[str, Any]:
        """The epoch's training as JSON data."""
        steps = max(self.batches_done, 1)
        line: dict[str, Any] = {"loss": {name: value / steps for name, value in self.terms.items()}}
        if self.conflicts:
            line["gradient_cosine"] = self.conflict_cosine / self.conflicts
            line["shared_gradient_fraction"] = self.conflict_shared / self.conflicts
            line["group_cosines"] = {name: total / count for name, (total, count) in self.group_cosines.items()}
        routing = self.routing.summary()
        return {**line, "routing": routing} if routing else line

    def to_state(self) -> dict[str, Any]:
        """Plain data for a checkpoint."""
        return asdict(self)

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """What `to_state` gave."""
        values = dict(state)
        values["routing"] = RoutingUsage(**values["routing"])
        values["history"] = [(epoch, metrics) for epoch, metrics in values["history"]]
        return cls(**values)


def step_facts(report: GradientReport | None, usage: RoutingUsage, weights: Mapping[str, float]) -> dict[str, Any]:
    """What a step's line says beside its losses, as JSON data; nothing of what there was none.

    Args:
        report: How the tasks' gradients met.
        usage: Of the experts in the step.
        weights: Of the tasks, where they are not fixed.
    """
    facts = {
        "gradients": {} if report is None else report.to_line(),
        "task_weights": dict(weights),
        "routing": usage.summary(),
    }
    return {name: fact for name, fact in facts.items() if fact}


def values_of(terms: LossTerms) -> dict[str, float]:
    """The loss terms as numbers; attributes only where there are any."""
    names = TERMS if terms.attributes is None else (*TERMS, "attributes")
    return {name: float(getattr(terms, name).detach()) for name in names}


def rounded(value: Any) -> Any:
    """JSON data with every float at seven significant digits."""
    if isinstance(value, float):
        return float(f"{value:.{_DIGITS}g}")
    if isinstance(value, Mapping):
        return {key: rounded(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(part) for part in value]
    return value
