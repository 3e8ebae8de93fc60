"""Which epoch is the best: one rule, the same for every model.

Each dev metric becomes a z-score over the epochs of the run, and the epoch with the largest mean of its
z-scores is taken; of equals the first. A model with one task is so chosen by that task's metric. Only
an epoch that fewer than K others equal or beat in every metric can be among the K best, so the weights of
the rest need not be kept.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class EpochScore:
    """The dev metrics of an epoch, higher is better in each."""

    epoch: int
    metrics: Mapping[str, float]


@dataclass(frozen=True)
class BestEpoch:
    """The chosen epoch, its mean z-score and its dev metrics."""

    epoch: int
    score: float
    metrics: Mapping[str, float]


def best_epoch(history: Sequence[EpochScore]) -> BestEpoch:
    """The epoch with the largest mean z-score.

    >>> best_epoch([EpochScore(1, {"f1": 0.2, "sdr": 3.0}), EpochScore(2, {"f1": 0.4, "sdr": 3.1})]).epoch
    2
    """
    return best_epochs(history, 1)[0]


def best_epochs(history: Sequence[EpochScore], count: int) -> list[BestEpoch]:
    """The ``count`` best epochs, or all where there are fewer; the best first.

    >>> [one.epoch for one in best_epochs([EpochScore(n, {"f1": f1}) for n, f1 in enumerate((0.2, 0.4, 0.3))], 2)]
    [1, 2]
    """
    assert history, "no epoch was scored"
    names = sorted(_deciding(history[0].metrics))
    scores = [0.0] * len(history)
    for name in names:
        for index, z in enumerate(_z_scores([entry.metrics[name] for entry in history])):
            scores[index] += z / len(names)
    order = sorted(range(len(history)), key=lambda index: (-scores[index], history[index].epoch))
    return [BestEpoch(history[index].epoch, scores[index], history[index].metrics) for index in order[:count]]


def epochs_to_keep(history: Sequence[EpochScore], count: int = 1) -> set[int]:
    """Epochs that can still be among the ``count`` best, whatever epochs are to come."""
    return {entry.epoch for entry in history if sum(_beats(other, entry) for other in history) < count}


def is_over(history: Sequence[EpochScore], patience: int | None) -> bool:
    """Whether the best epoch is ``patience`` epochs ago; never for None.

    >>> [is_over([EpochScore(n, {"f1": f1}) for n, f1 in enumerate((0.4, 0.2, 0.3))], patience) for patience in (2, 3)]
    [True, False]
    """
    return patience is not None and history[-1].epoch - best_epoch(history).epoch >= patience


def _deciding(metrics: Mapping[str, float]) -> dict[str, float]:
    """The metrics that choose: not those of single attributes, whose mean ``ccc`` does."""
    return {name: value for name, value in metrics.items() if not name.startswith("ccc_")}


def _z_scores(values: Sequence[float]) -> list[float]:
    mean = math.fsum(values) / len(values)
    std = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / len(values))
    return [(value - mean) / std if std > 1e-12 else 0.0 for value in values]


def _beats(other: EpochScore, entry: EpochScore) -> bool:
    """Whether ``other`` is nowhere worse, and better somewhere or earlier."""
    differences = [other.metrics[name] - value for name, value in _deciding(entry.metrics).items()]
    nowhere_worse = all(difference >= 0.0 for difference in differences)
    return nowhere_worse and (any(d > 0.0 for d in differences) or other.epoch < entry.epoch)
