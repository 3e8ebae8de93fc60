"""Each task's gradient over a whole effective batch: where the two meet, and what they are mixed to.

Shape suffixes: P parameters.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from merit_cli.training.ranks import summed

TASKS = ("enhancement", "emotion")
"""In the order of every pair of this module."""


class Meeting(NamedTuple):
    """Squared norms and inner product of the two tasks' gradients over some parameters.

    A task reaches a parameter where its gradient is not all zero.

    Args:
        enhancement: Squared norm over all of the parameters.
        emotion: Likewise.
        shared_enhancement: Squared norm over the parameters that both tasks reach.
        shared_emotion: Likewise.
        product: Inner product.
        num_shared: Numbers in the parameters that both tasks reach.
        num_parameters: Numbers in all of them.
    """

    enhancement: float
    emotion: float
    shared_enhancement: float
    shared_emotion: float
    product: float
    num_shared: int
    num_parameters: int

    @property
    def cosine(self) -> float | None:
        """Of the gradients over the parameters that both tasks reach; None where there are none."""
        norms = (self.shared_enhancement * self.shared_emotion) ** 0.5
        return max(-1.0, min(1.0, self.product / norms)) if norms > 0.0 else None

    @property
    def gram(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """Inner products of the gradients over the parameters that both tasks reach."""
        return (self.shared_enhancement, self.product), (self.product, self.shared_emotion)


def add_meetings(meetings: Sequence[Meeting]) -> Meeting:
    """The meeting over all of those parameters."""
    return Meeting(*(sum(values) for values in zip(*meetings, strict=True)))


def layer_group(name: str) -> str:
    """Group of layers that a parameter belongs to, by its name in the Brain's modules.

    >>> [layer_group(name) for name in ("model.trunk.project.weight", "model.block.experts.experts.0.0.bias")]
    ['trunk', 'experts']
    >>> layer_group("backbone.encoder.layers.3.weight")
    'backbone'
    """
    parts = [part for part in name.split(".") if part != "module"]  # DDP's wrapper
    if parts[0] != "model":
        return parts[0]
    return parts[2] if parts[1] == "block" else parts[1]


@dataclass(frozen=True)
class GradientReport:
    """How the gradients of the two tasks meet in one step.

    Args:
        whole: Over all trainable parameters.
        groups: Over each group of layers.
    """

    whole: Meeting
    groups: Mapping[str, Meeting]

    @property
    def shared_fraction(self) -> float:
        """Share of the trainable parameters that both tasks reach."""
        return self.whole.num_shared / max(self.whole.num_parameters, 1)

    def to_line(self) -> dict[str, Any]:
        """JSON data for metrics.jsonl; ``cosine`` is missing where the tasks share nothing."""
        groups = {
            name: {
                **({} if meeting.cosine is None else {"cosine": meeting.cosine}),
                "shared_fraction": meeting.num_shared / max(meeting.num_parameters, 1),
                "enhancement_norm": meeting.enhancement**0.5,
                "emotion_norm": meeting.emotion**0.5,
            }
            for name, meeting in self.groups.items()
        }
        return {"cosine": self.whole.cosine or 0.0, "shared_fraction": self.shared_fraction, "groups": groups}


class TaskGradients:
    """Sums of the tasks' gradients over the parts of an effective batch.

    Args:
        parameters: Name to each trainable parameter; one that is closed in this epoch has no gradient.
    """

    def __init__(self, parameters: Mapping[str, nn.Parameter]) -> None:
        self.names, self.parameters = tuple(parameters), tuple(parameters.values())
        self.sums: dict[str, list[Tensor | None]] = {}

    def clear(self) -> None:
        """Forget the last effective batch."""
        self.sums = {}

    def add(self, losses: Mapping[str, Tensor]) -> None:
        """Take in the gradients of a part's losses; leaves the graph and ``grad`` as they are.

        Args:
            losses: Task to its loss; one that nothing leads to counts as zero.
        """
        for task in TASKS:
            sums = self.sums.setdefault(task, [None] * len(self.parameters))
            if not losses[task].requires_grad:
                continue
            open_now = [place for place, one in enumerate(self.parameters) if one.requires_grad]
            wanted = [self.parameters[place] for place in open_now]
            found = torch.autograd.grad(losses[task], wanted, retain_graph=True, allow_unused=True)
            for place, gradient in zip(open_now, found, strict=True):
                if gradient is not None:
                    before = sums[place]
                    sums[place] = gradient.detach() if before is None else before + gradient.detach()

    def sum_over_ranks(self) -> None:
        """Take in what the other processes have; each calls it at the same time, with parts or without."""
        for task in TASKS:
            self.sums[task] = summed(self.sums.get(task, [None] * len(self.parameters)), self.parameters)

    def meetings(self, *, scale: float = 1.0) -> list[Meeting]:
        """The meeting of each parameter, in their order.

        Args:
            scale: That the losses were multiplied with.
        """
        rows = [
            _products(first, second, parameter.device)
            for first, second, parameter in zip(*(self.sums[task] for task in TASKS), self.parameters, strict=True)
        ]
        found_P3 = (torch.stack(rows) / scale**2).tolist()  # the one wait for the device
        sizes = [parameter.numel() for parameter in self.parameters]
        return [_meeting(one, two, both, size) for (one, two, both), size in zip(found_P3, sizes, strict=True)]

    def report(self, meetings: Sequence[Meeting]) -> GradientReport:
        """The meetings over the groups of layers, and over all."""
        groups: dict[str, list[Meeting]] = {}
        for name, meeting in zip(self.names, meetings, strict=True):
            groups.setdefault(layer_group(name), []).append(meeting)
        return GradientReport(add_meetings(meetings), {name: add_meetings(part) for name, part in groups.items()})

    @torch.no_grad()
    def mix_into_grad(
        self, meetings: Sequence[Meeting], *, shared: Sequence[float], own: Sequence[float] = (1.0, 1.0)
    ) -> None:
        """Add a combination of the tasks' gradients to each parameter's ``grad``.

        Args:
            meetings: Of the parameters.
            shared: Factor of each task where both reach.
            own: Factor of each task elsewhere.
        """
        for place, parameter in enumerate(self.parameters):
            factors = shared if meetings[place].num_shared else own
            for task, factor in zip(TASKS, factors, strict=True):
                gradient = self.sums[task][place]
                if gradient is not None:
                    step = factor * gradient
                    parameter.grad = step if parameter.grad is None else parameter.grad.add_(step)


def _products(first: Tensor | None, second: Tensor | None, device: torch.device) -> Tensor:
    """Squared norms and inner product (3,), float64; zero for a gradient that is missing."""
    pairs = ((first, first), (second, second), (first, second))
    values = [
        torch.zeros((), dtype=torch.float64, device=device)
        if a is None or b is None
        else torch.dot(a.flatten(), b.flatten()).double()
        for a, b in pairs
    ]
    return torch.stack(values)


def _meeting(enhancement: float, emotion: float, product: float, size: int) -> Meeting:
    is_shared = enhancement > 0.0 and emotion > 0.0
    if not is_shared:
        return Meeting(enhancement, emotion, 0.0, 0.0, 0.0, 0, size)
    return Meeting(enhancement, emotion, enhancement, emotion, product, size, size)
