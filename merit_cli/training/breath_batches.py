"""The clips a breath classifier learns from, and their order and changes in each epoch.

Shape suffixes: B batch, N samples, P places in an epoch.
"""

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor
from torch.utils.data import Dataset

from merit_cli.data.class_balance import Balance
from merit_cli.data.sampler import LengthBucketSampler

Batch = tuple[Tensor, Tensor]
"""Waves (B, N) and class indices (B,)."""


@dataclass(frozen=True)
class ClipSet:
    """Clips of one length, in memory.

    Args:
        waves_BN: Float32.
        labels_B: Class index, int64.
    """

    waves_BN: Tensor
    labels_B: Tensor

    def __len__(self) -> int:
        return len(self.labels_B)


class FreshWaves(Protocol):
    """Clips that are another signal in each epoch, such as the same breath in other noise."""

    def draw_epoch(self, epoch: int) -> None:
        """Draw what the clips of an epoch, from 1, are."""
        ...

    def wave(self, index: int) -> Tensor | None:
        """A clip (N,) of the epoch; None leaves it as it is in memory."""
        ...


class EpochBatches(Dataset[Batch]):
    """The batches of one epoch, fixed by (seed, epoch).

    Args:
        clips: To learn from.
        batch_size: Clips a step.
        max_shift: Largest circular shift, as a share of a clip's length.
        seed: Of order and shifts.
        balance: How often each class stands in an epoch.
        fresh: What changes a clip before it is shifted.
    """

    def __init__(
        self,
        clips: ClipSet,
        *,
        batch_size: int,
        max_shift: float,
        seed: int,
        balance: Balance = "none",
        fresh: FreshWaves | None = None,
    ) -> None:
        self.clips, self.batch_size, self.seed, self.balance, self.fresh = clips, batch_size, seed, balance, fresh
        self.reach = int(max_shift * clips.waves_BN.shape[1])
        num_clips = len(clips)
        self.sampler = LengthBucketSampler(
            [1] * num_clips, items_per_batch=batch_size, seed=seed, classes=clips.labels_B.tolist(), balance=balance
        )
        self.start_epoch(1)

    def start_epoch(self, epoch: int) -> None:
        """Draw the order and the shifts of an epoch, from 1."""
        generator = torch.Generator().manual_seed(self.seed * 100_003 + epoch)
        if self.balance == "none":
            order_P = torch.randperm(len(self.clips), generator=generator)
        else:
            order_P = torch.tensor([index for batch in self.sampler.batches(epoch) for index in batch])
        shifts_P = torch.randint(0, self.reach + 1, (len(order_P),), generator=generator)
        if self.balance == "none":  # a clip's own draw, in whatever order: what published runs had
            shifts_P = shifts_P[order_P]
        firsts = range(0, len(order_P), self.batch_size)
        self.rows = [order_P[first : first + self.batch_size] for first in firsts]
        self.shifts = [shifts_P[first : first + self.batch_size].tolist() for first in firsts]
        if self.fresh is not None:
            self.fresh.draw_epoch(epoch)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> Batch:
        rows_B = self.rows[index]
        placed = zip(rows_B.tolist(), self.shifts[index], strict=True)
        waves = [torch.roll(self._wave(row), shift) for row, shift in placed]
        return torch.stack(waves), self.clips.labels_B[rows_B]

    def _wave(self, row: int) -> Tensor:
        changed = None if self.fresh is None else self.fresh.wave(row)
        return self.clips.waves_BN[row] if changed is None else changed
