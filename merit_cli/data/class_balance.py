"""Which items an epoch has where classes are to stand in it equally often."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

from merit_cli.carriers import NO_LABEL

Balance = Literal["none", "up", "down"]
IntArray = npt.NDArray[np.int64]


def epoch_items(classes: Sequence[int], balance: Balance, generator: np.random.Generator) -> IntArray:
    """Indices of the items of an epoch, class by class; items without a label stand in it once.

    ``up`` brings every class to the size of the largest: each item as often as it fits wholly, and the rest drawn
    without replacement. ``down`` draws as many items of each class as the smallest has. ``none`` draws nothing.

    Args:
        classes: Class index of each item, or `NO_LABEL`.
        balance: How.
        generator: Of the epoch, so that the rest is another one each time.

    >>> epoch_items([0, 0, 0, 1], "up", np.random.default_rng(0)).tolist()
    [0, 1, 2, 3, 3, 3]
    """
    index_of = np.asarray(classes, dtype=np.int64)
    if balance == "none":
        return np.arange(len(index_of))
    members = [np.flatnonzero(index_of == label) for label in np.unique(index_of) if label != NO_LABEL]
    size = _size(members, balance)
    drawn = [_drawn(items, size, generator) for items in members]
    return np.concatenate([np.flatnonzero(index_of == NO_LABEL), *drawn])


def epoch_size(classes: Sequence[int], balance: Balance) -> int:
    """How many items an epoch has.

    >>> [epoch_size([0, 0, 0, 1, -1], balance) for balance in ("none", "up", "down")]
    [5, 7, 3]
    """
    index_of = np.asarray(classes, dtype=np.int64)
    if balance == "none":
        return len(index_of)
    members = [np.flatnonzero(index_of == label) for label in np.unique(index_of) if label != NO_LABEL]
    return _size(members, balance) * len(members) + int((index_of == NO_LABEL).sum())


def _size(members: Sequence[IntArray], balance: Balance) -> int:
    sizes = [len(items) for items in members]
    return (max if balance == "up" else min)(sizes, default=0)


def _drawn(items: IntArray, size: int, generator: np.random.Generator) -> IntArray:
    whole, rest = divmod(size, len(items))
    return np.concatenate([np.tile(items, whole), np.sort(generator.choice(items, rest, replace=False))])
