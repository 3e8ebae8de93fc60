"""Intervals for answers that share a rater and share a clip, so that neither can be counted twice.

A statistic is written as its value and the influence of each row on it; variances then add up over raters and over
items, less what both have in common. That difference can fall short by chance, so the variance is never taken under
that of either clustering alone.

Source: Cameron, Gelbach and Miller 2011, Robust inference with multiway clustering, JBES 29(2), eq. 2.4 and the
factor G / (G - 1) of each part; MacKinnon, Nielsen and Webb 2024, Jackknife inference with two-way clustering, for the
larger of the three.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from merit_cli.metrics.statistics import FEW_CLUSTERS, Interval, critical_t

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Influenced:
    """A statistic of rows and what each row contributes to its deviation.

    Args:
        value: On all rows.
        influence: (N,), sums to 0; 0 for rows that the statistic does not rest on.
        rows: (N,), whether it rests on a row.
    """

    value: float
    influence: FloatArray
    rows: npt.NDArray[np.bool_]

    @property
    def num_rows(self) -> int:
        """Rows it rests on."""
        return int(self.rows.sum())

    def __sub__(self, other: "Influenced") -> "Influenced":
        return Influenced(self.value - other.value, self.influence - other.influence, self.rows | other.rows)


class Clusters(NamedTuple):
    """Rater and item of each row, as numbers from 0."""

    rater_N: npt.NDArray[np.int64]
    item_N: npt.NDArray[np.int64]


def clusters_of(raters: Sequence[str], items: Sequence[str]) -> Clusters:
    """Clusters by name."""
    return Clusters(*(np.unique(np.asarray(names), return_inverse=True)[1] for names in (raters, items)))


def mean_of(values_N: npt.ArrayLike, rows_N: npt.ArrayLike) -> Influenced | None:
    """Mean of the values (N,) over the rows that are asked for (N,); None without any.

    >>> mean_of([1.0, 0.0, 5.0], [True, True, False]).value
    0.5
    """
    rows = np.asarray(rows_N, dtype=bool)
    values = np.asarray(values_N, dtype=np.float64)
    if not rows.any():
        return None
    mean = float(values[rows].mean())
    return Influenced(mean, np.where(rows, values - mean, 0.0) / rows.sum(), rows)


def average_of(first: Influenced, second: Influenced) -> Influenced:
    """Mean of two statistics, such as Score of Se and Sp."""
    influence = (first.influence + second.influence) / 2.0
    return Influenced((first.value + second.value) / 2.0, influence, first.rows | second.rows)


def two_way_interval(statistic: Influenced, clusters: Clusters) -> Interval:
    """The statistic with a 95 % t interval whose degrees of freedom are those of the fewer clusters, less one.

    There is no interval where one rater or one item is all there is, or where all agree.

    >>> rows = mean_of([1.0, 0.0, 1.0, 1.0], [True] * 4)
    >>> interval = two_way_interval(rows, clusters_of(["a", "a", "b", "b"], ["1", "2", "1", "2"]))
    >>> interval.mean, interval.num_clusters
    (0.75, 2)
    """
    counted = np.flatnonzero(statistic.rows)
    rater_N, item_N = clusters.rater_N[counted], clusters.item_N[counted]
    fewest = min(len(np.unique(rater_N)), len(np.unique(item_N)))
    method = "t interval clustered by rater and item"
    if fewest < 2:
        return Interval(statistic.value, None, None, fewest, method, "one rater or one item gives no interval")
    influence = statistic.influence[counted]
    both = rater_N * (int(clusters.item_N.max()) + 1) + item_N
    parts = [_variance(influence, labels) for labels in (rater_N, item_N, both)]
    variance = max(parts[0] + parts[1] - parts[2], parts[0], parts[1])
    if variance <= 0.0:
        return Interval(statistic.value, None, None, fewest, method, "all answers agree: no interval can be had")
    half = critical_t(fewest - 1.0) * variance**0.5
    note = f"few clusters: {fewest}" if fewest < FEW_CLUSTERS else ""
    return Interval(statistic.value, statistic.value - half, statistic.value + half, fewest, method, note)


def _variance(influence: FloatArray, labels: npt.NDArray[np.int64]) -> float:
    _, places = np.unique(labels, return_inverse=True)
    sums = np.bincount(places, weights=influence)
    return float(len(sums) / max(len(sums) - 1, 1) * np.sum(sums**2))
