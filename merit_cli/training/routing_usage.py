"""How the routers used the experts over an epoch.

Shape suffixes: B batch, T frames, E experts, K chosen.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.nn.functional as nnf

from merit_cli.carriers import Routing

COLLAPSE_SHARE = 0.01
"""An expert with less than this share of the frames, over all tasks and a whole epoch, is collapsed."""


@dataclass
class RoutingUsage:
    """Sums over the frames of an epoch; plain numbers, so that a checkpoint can hold them.

    Args:
        counts: Task to how often each expert was chosen.
        entropy: Task to the sum of the frames' entropies in nats.
        frames: Valid frames.
        overlap: Sum over frames of the share of chosen experts that all tasks have in common.
        union: Sum over frames of the number of experts that any task chose.
        gradient_norms: Task to the sum over steps of its router's gradient norm.
        steps: Steps in ``gradient_norms``.
    """

    counts: dict[str, list[int]] = field(default_factory=dict)
    entropy: dict[str, float] = field(default_factory=dict)
    frames: int = 0
    overlap: float = 0.0
    union: int = 0
    gradient_norms: dict[str, float] = field(default_factory=dict)
    steps: int = 0

    @torch.no_grad()
    def add(self, routing: Mapping[str, Routing]) -> None:
        """Take in the routing of one batch."""
        if not routing:
            return
        chosen = []
        for task, route in routing.items():
            valid_BT = route.valid_BT
            num_experts = route.logits_BTE.shape[-1]
            chosen_MK = route.chosen_BTK[valid_BT]
            counts = torch.bincount(chosen_MK.flatten(), minlength=num_experts).tolist()
            before = self.counts.get(task, [0] * num_experts)
            self.counts[task] = [old + new for old, new in zip(before, counts, strict=True)]
            probability_ME = route.probabilities_BTE[valid_BT].double()
            entropy = float(torch.special.entr(probability_ME).sum())
            self.entropy[task] = self.entropy.get(task, 0.0) + entropy
            chosen.append(nnf.one_hot(chosen_MK, num_experts).sum(1).bool())
        chosen_SME = torch.stack(chosen)
        self.frames += chosen_SME.shape[1]
        self.overlap += float(chosen_SME.all(0).sum()) / next(iter(routing.values())).chosen_BTK.shape[-1]
        self.union += int(chosen_SME.any(0).sum())

    def add_gradient_norms(self, norms: Mapping[str, float]) -> None:
        """Take in the routers' gradient norms of one step."""
        self.steps += 1
        for task, norm in norms.items():
            self.gradient_norms[task] = self.gradient_norms.get(task, 0.0) + norm

    def collapsed(self) -> list[int]:
        """Experts with less than `COLLAPSE_SHARE` of the choices of all tasks together."""
        if not self.counts:
            return []
        totals = [sum(column) for column in zip(*self.counts.values(), strict=True)]
        return [expert for expert, total in enumerate(totals) if total < COLLAPSE_SHARE * sum(totals)]

    def summary(self) -> dict[str, Any]:
        """The epoch as JSON data; empty for a model without routers.

        ``load`` is each expert's share of the task's choices, ``entropy`` is in nats, ``overlap`` the
        share of chosen experts that the tasks have in common (1/N for two independent uniform top-1
        routers), ``experts_per_frame`` the mean size of the union of chosen experts.
        """
        if not self.counts or self.frames == 0:
            return {}
        tasks = {
            task: {
                "load": [count / sum(counts) for count in counts],
                "entropy": self.entropy[task] / self.frames,
                "gradient_norm": self.gradient_norms.get(task, 0.0) / max(self.steps, 1),
            }
            for task, counts in self.counts.items()
        }
        return {
            "tasks": tasks,
            "overlap": self.overlap / self.frames,
            "experts_per_frame": self.union / self.frames,
            "collapsed": self.collapsed(),
        }
