"""Tests of two systems on the same rows that readers know by name: McNemar's and Wilcoxon's."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from merit_cli.errors import BadData
from merit_cli.metrics.statistics import mean_statistics, ratio_of_sums, units_of


def mcnemar_p(first_right: npt.ArrayLike, second_right: npt.ArrayLike) -> float:
    """Two-sided exact p-value that two classifiers are wrong equally often on the same rows (N,).

    Only rows that one of them has right and the other wrong count; under the null either is as likely.
    The rows are taken as independent, so with several rows a speaker it is too small: it is shown beside
    the exchange of systems within speakers (`comparison.sign_flip_p`), never in its place.

    Raises:
        BadData: The lengths differ.

    Source: McNemar 1947; exact binomial form, Agresti 2013, sec. 11.1.

    >>> mcnemar_p([1, 1, 1, 1, 1, 1, 0], [0, 0, 0, 0, 0, 0, 0])
    0.03125
    """
    from scipy.special import bdtr

    first, second = np.asarray(first_right, dtype=bool), np.asarray(second_right, dtype=bool)
    if first.shape != second.shape:
        raise BadData(f"{first.size} rows stand against {second.size}")
    only_first, only_second = int(np.sum(first & ~second)), int(np.sum(~first & second))
    fewer = min(only_first, only_second)
    return min(1.0, 2.0 * float(bdtr(fewer, only_first + only_second, 0.5)))


def wilcoxon_p(first: npt.NDArray[np.floating], second: npt.NDArray[np.floating], clusters: Sequence[str]) -> float:
    """Two-sided p-value of the signed ranks of clusters' mean differences, of values (N,) on the same rows.

    Clusters without a difference are left out. Exact up to 50 clusters where no two differences tie.

    Raises:
        BadData: The lengths differ or a value is not finite.

    Source: Wilcoxon 1945, by `scipy.stats.wilcoxon`.

    >>> wilcoxon_p(np.arange(1.0, 7.0), np.zeros(6), list("abcdef"))
    0.03125
    """
    units = units_of(clusters)
    if np.shape(first) != np.shape(second):
        raise BadData(f"{np.size(first)} values stand against {np.size(second)}")
    differences = ratio_of_sums(mean_statistics(np.asarray(first, dtype=np.float64) - second, units))
    differences = differences[differences != 0.0]
    if not differences.size:
        return 1.0
    from scipy.stats import wilcoxon

    return float(wilcoxon(differences).pvalue)
