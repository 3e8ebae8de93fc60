"""Which items make which batch: fixed by (seed, epoch), so that any step of any epoch can be found again."""

from collections.abc import Iterator, Sequence

import numpy as np
from torch.utils.data import Sampler

from merit_cli.carriers import NO_LABEL
from merit_cli.data.class_balance import Balance, epoch_items, epoch_size

WINDOW_BATCHES = 16
"""Batches in a window that is sorted by length: large pads little, small mixes more (ours)."""


class LengthBucketSampler(Sampler[list[int]]):
    """Batches of items of like length, in an order drawn anew for each epoch.

    An epoch has every item once, unless classes are balanced; its last batch may be smaller. Nothing but the seed
    and the epoch decides the batches, so the position to go on from is two numbers.

    Args:
        lengths: Samples of each item.
        items_per_batch: Items of one optimiser step.
        seed: Of the order.
        share: This process, from 0, and how many there are: each gets its part of every batch, with items of like
            lengths; one without items gets an empty list.
        classes: Class index of each item, or `NO_LABEL`; needed where they are balanced.
        balance: How often each class stands in an epoch; see `class_balance.epoch_items`.
    """

    def __init__(
        self,
        lengths: Sequence[int],
        *,
        items_per_batch: int,
        seed: int,
        share: tuple[int, int] = (0, 1),
        classes: Sequence[int] | None = None,
        balance: Balance = "none",
    ) -> None:
        assert balance == "none" or classes is not None, "classes that are not known cannot be balanced"
        self.classes = [NO_LABEL] * len(lengths) if classes is None else list(classes)
        self.balance = balance
        self.lengths = np.asarray(lengths)
        self.items_per_batch = items_per_batch
        self.seed = seed
        self.share = share
        self.epoch = 1
        self.start = 0

    def batches(self, epoch: int) -> list[list[int]]:
        """All batches of an epoch, in order."""
        generator = np.random.default_rng([self.seed, epoch])
        items = epoch_items(self.classes, self.balance, generator)
        order = items[generator.permutation(len(items))]
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
        return -(-epoch_size(self.classes, self.balance) // self.items_per_batch)
