"""Which items make which batch: fixed by (seed, epoch), so that any step of any epoch can be found again."""

from collections.abc import Iterator, Sequence

import numpy as np
from torch.utils.data import Sampler

WINDOW_BATCHES = 16
"""Batches in a window that is sorted by length: large pads little, small mixes more (ours)."""


class LengthBucketSampler(Sampler[list[int]]):
    """Batches of items of like length, in an order drawn anew for each epoch.

    An epoch has every item once; its last batch may be smaller. Nothing but the seed and the epoch
    decides the batches, so the position to go on from is two numbers.

    Args:
        lengths: Samples of each item.
        items_per_batch: Items of one optimiser step.
        seed: Of the order.
        share: This process, from 0, and how many there are: each gets its part of every batch, with items of like
            lengths; one without items gets an empty list.
    """

    def __init__(
        self, lengths: Sequence[int], *, items_per_batch: int, seed: int, share: tuple[int, int] = (0, 1)
    ) -> None:
        self.lengths = np.asarray(lengths)
        self.items_per_batch = items_per_batch
        self.seed = seed
        self.share = share
        self.epoch = 1
        self.start = 0

    def batches(self, epoch: int) -> list[list[int]]:
        """All batches of an epoch, in order."""
        generator = np.random.default_rng([self.seed, epoch])
        order = generator.permutation(len(self.lengths))
        window = WINDOW_BATCHES * self.items_per_batch
        parts = [order[first : first + window] for first in range(0, len(order), window)]
        by_length = np.concatenate([part[np.argsort(self.lengths[part], kind="stable")] for part in parts])
        firsts = range(0, len(by_length), self.items_per_batch)
        made = [by_length[first : first + self.items_per_batch].tolist() for first in firsts]
        return [made[index] for index in generator.permutation(len(made))]

    def set_epoch(self, epoch: int) -> None:
        """Take the order of ``epoch``; a position set for the same epoch is kept."""
        if epoch != self.epoch:
            self.epoch, self.start = epoch, 0

    def state(self, *, epoch: int, batches_done: int) -> dict[str, int]:
        """The position behind ``batches_done`` batches, as `restore` takes it.

        The trainer counts, not the sampler: a loader's workers draw batches ahead of their use.
        """
        return {"epoch": epoch, "start": batches_done, "seed": self.seed, "num_items": len(self.lengths)}

    def restore(self, state: dict[str, int]) -> None:
        """Go on from a saved position."""
        assert (state["seed"], state["num_items"]) == (self.seed, len(self.lengths)), state
        self.epoch, self.start = state["epoch"], state["start"]

    def __iter__(self) -> Iterator[list[int]]:
        for batch in self.batches(self.epoch)[self.start :]:
            yield self._own(batch)

    def _own(self, batch: list[int]) -> list[int]:
        number, count = self.share
        if count == 1:
            return batch
        return sorted(batch, key=lambda index: (-int(self.lengths[index]), index))[number::count]

    def __len__(self) -> int:
        return -(-len(self.lengths) // self.items_per_batch)
