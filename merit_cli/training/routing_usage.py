"""How the routers used the experts over a step or an epoch.

Shape suffixes: B batch, N samples, T frames, M valid frames, E experts, K chosen, R ranges of SNR, S tasks.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.nn.functional as nnf
from torch import Tensor

from merit_cli.carriers import Routing, SpeechBatch
from merit_cli.metrics.information import entropy_of, mutual_information, shares_of

COLLAPSE_SHARE = 0.01
"""An expert with less than this share of the frames, over all tasks and a whole epoch, is collapsed."""
SNRS_DB = tuple(range(-20, 45, 5))
"""Middles of the ranges by which use is counted; the first and the last take all that lies beyond."""
SMALLEST_NORM = 1e-6


@dataclass
class RoutingUsage:
    """Sums over frames; plain numbers, so that a checkpoint can hold them.

    Args:
        counts: Task to how often each expert was chosen.
        entropy: Task to the sum of the frames' entropies in nats.
        frames: Valid frames.
        overlap: Sum over frames of the share of chosen experts that all tasks have in common.
        union: Sum over frames of the number of experts that any task chose.
        gradient_norms: Task to the sum over steps of its router's gradient norm.
        steps: Steps in ``gradient_norms``.
        by_snr: Middle of an SNR range, as text, to task to how often each expert was chosen there.
    """

    counts: dict[str, list[int]] = field(default_factory=dict)
    entropy: dict[str, float] = field(default_factory=dict)
    frames: int = 0
    overlap: float = 0.0
    union: int = 0
    gradient_norms: dict[str, float] = field(default_factory=dict)
    steps: int = 0
    by_snr: dict[str, dict[str, list[int]]] = field(default_factory=dict)

    @torch.no_grad()
    def add(self, routing: Mapping[str, Routing], snr_db_B: Tensor | None = None) -> None:
        """Take in the routing of one batch.

        Args:
            routing: Of every task, over the same frames.
            snr_db_B: Of each utterance; None counts nothing by SNR.
        """
        if not routing:
            return
        first = next(iter(routing.values()))
        num_experts, num_chosen = first.logits_BTE.shape[-1], first.chosen_BTK.shape[-1]
        chosen_SMK = torch.stack([route.chosen_BTK[first.valid_BT] for route in routing.values()])
        probability_SME = torch.stack([route.probabilities_BTE[first.valid_BT] for route in routing.values()]).double()
        chosen_SME = nnf.one_hot(chosen_SMK, num_experts).sum(2).double()
        counts_SRE = torch.einsum("sme,mr->sre", chosen_SME, _ranges_MR(snr_db_B, first.valid_BT))
        together_2 = torch.stack([chosen_SME.amin(0).sum(), chosen_SME.amax(0).sum()])
        entropy_S = torch.special.entr(probability_SME).sum((1, 2))
        found = torch.cat([together_2, entropy_S, counts_SRE.flatten()]).tolist()  # the one wait for the device
        overlap, union, *rest = found
        self.frames += chosen_SMK.shape[1]
        self.overlap += overlap / num_chosen
        self.union += int(union)
        entropies, flat = rest[: len(routing)], [int(value) for value in rest[len(routing) :]]
        rows = [flat[start : start + num_experts] for start in range(0, len(flat), num_experts)]
        num_ranges = len(rows) // len(routing)
        for place, (task, entropy) in enumerate(zip(routing, entropies, strict=True)):
            self.entropy[task] = self.entropy.get(task, 0.0) + entropy
            self._count(task, rows[place * num_ranges : (place + 1) * num_ranges], by_snr=snr_db_B is not None)

    def _count(self, task: str, rows: Sequence[list[int]], *, by_snr: bool) -> None:
        self.counts[task] = _added(self.counts.get(task), [sum(column) for column in zip(*rows, strict=True)])
        for snr_db, row in zip(SNRS_DB if by_snr else (), rows, strict=by_snr):
            if any(row):
                tasks = self.by_snr.setdefault(str(snr_db), {})
                tasks[task] = _added(tasks.get(task), row)

    def merge(self, other: "RoutingUsage") -> None:
        """Take in all that ``other`` has summed up."""
        for task, counts in other.counts.items():
            self.counts[task] = _added(self.counts.get(task), counts)
        for mine, theirs in ((self.entropy, other.entropy), (self.gradient_norms, other.gradient_norms)):
            for task, value in theirs.items():
                mine[task] = mine.get(task, 0.0) + value
        for snr_db, found in other.by_snr.items():
            tasks = self.by_snr.setdefault(snr_db, {})
            for task, counts in found.items():
                tasks[task] = _added(tasks.get(task), counts)
        self.frames += other.frames
        self.overlap += other.overlap
        self.union += other.union
        self.steps += other.steps

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
        """The use as JSON data; empty for a model without routers.

        ``load`` is each expert's share of the task's choices, ``entropy`` that of a frame's probabilities in nats
        and ``load_entropy`` that of the load, ``overlap`` the share of chosen experts that the tasks have in common
        (1/N for two independent uniform top-1 routers), ``experts_per_frame`` the mean size of the union of chosen
        experts, ``mutual_information`` that of task and expert in nats, ``dead`` the experts that were never chosen,
        ``by_snr`` the load by the middle of a range of SNR in dB.
        """
        if not self.counts or self.frames == 0:
            return {}
        tasks = {
            task: {
                "load": shares_of(counts),
                "load_entropy": entropy_of(shares_of(counts)),
                "entropy": self.entropy[task] / self.frames,
                "gradient_norm": self.gradient_norms.get(task, 0.0) / max(self.steps, 1),
            }
            for task, counts in self.counts.items()
        }
        ordered = sorted(self.by_snr.items(), key=lambda one: int(one[0]))
        by_snr = {snr_db: {task: shares_of(row) for task, row in found.items()} for snr_db, found in ordered}
        return {
            "tasks": tasks,
            "overlap": self.overlap / self.frames,
            "experts_per_frame": self.union / self.frames,
            "mutual_information": mutual_information(list(self.counts.values())),
            "dead": [number for number, one in enumerate(zip(*self.counts.values(), strict=True)) if not any(one)],
            "collapsed": self.collapsed(),
            **({"by_snr": by_snr} if by_snr else {}),
        }


def batch_snr_db(batch: SpeechBatch) -> Tensor | None:
    """RMS ratio of clean speech to what was added (B,), in dB; None without clean references.

    A batch is padded with zeros, which add nothing to either.
    """
    if batch.clean_BN is None:
        return None
    clean_B = torch.linalg.vector_norm(batch.clean_BN, dim=1)
    noise_B = torch.linalg.vector_norm(batch.noisy_BN - batch.clean_BN, dim=1)
    return 20.0 * torch.log10(clean_B.clamp(min=SMALLEST_NORM) / noise_B.clamp(min=SMALLEST_NORM))


def _ranges_MR(snr_db_B: Tensor | None, valid_BT: Tensor) -> Tensor:
    """One at the range of each valid frame's utterance, float64; a single range where the SNR is not known."""
    if snr_db_B is None:
        place_B, num_ranges = torch.zeros(len(valid_BT), dtype=torch.int64, device=valid_BT.device), 1
    else:
        step, num_ranges = SNRS_DB[1] - SNRS_DB[0], len(SNRS_DB)
        place_B = ((snr_db_B - SNRS_DB[0]) / step).round().clamp(0, num_ranges - 1).long()
    range_BR = nnf.one_hot(place_B, num_ranges).double()
    return range_BR.unsqueeze(1).expand(-1, valid_BT.shape[1], -1)[valid_BT]


def _added(before: list[int] | None, counts: Sequence[int]) -> list[int]:
    return list(counts) if before is None else [old + new for old, new in zip(before, counts, strict=True)]
