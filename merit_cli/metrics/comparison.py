"""Two systems on the same rows: paired differences, p-values, and a verdict in words.

Intervals and p-values take speakers as units, by the rule of
`statistics`. The verdict has three words, and needs the interval and the p-value to agree.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from merit_cli.errors import BadData
from merit_cli.metrics.confusion import cluster_confusions
from merit_cli.metrics.spec import FloatArray, MetricSpec
from merit_cli.metrics.statistics import (
    CHUNK_DRAWS,
    MAX_DRAWS,
    MIN_RESAMPLES,
    NUM_RESAMPLES,
    Interval,
    Statistic,
    Units,
    jackknife_error,
    mean_statistics,
    ratio_of_sums,
    unit_interval,
    units_of,
)

Verdict = Literal["ahead", "behind", "not distinguishable"]
EXACT_UNITS = 16
"""Up to this many units all sign patterns are tried: 32 768 at most, half of them by symmetry."""


@dataclass(frozen=True)
class Comparison:
    """A system minus another on the same rows.

    Args:
        difference: First minus second.
        p_value: Two-sided, of exchanging the systems within whole speakers.
        note: Such as the smallest p that so few speakers allow.
        detectable: Least true difference seen with power .8, see `detectable_difference`; None where it is unknown.
    """

    difference: Interval
    p_value: float
    note: str = ""
    detectable: float | None = None


def pair_by_id(
    first: Mapping[str, float | None], second: Mapping[str, float | None]
) -> tuple[list[str], FloatArray, FloatArray]:
    """Ids that both scored, sorted, with both systems' values (N,).

    Raises:
        BadData: No id was scored by both.

    >>> pair_by_id({"a": 1.0, "b": 2.0}, {"b": 3.0, "c": 4.0})[0]
    ['b']
    """
    ids = sorted(key for key, value in first.items() if value is not None and second.get(key) is not None)
    if not ids:
        raise BadData("no item was scored by both systems", hint="compare runs over the same utterances")
    return ids, _values(first, ids), _values(second, ids)


def compare_means(
    first: npt.NDArray[np.floating],
    second: npt.NDArray[np.floating],
    clusters: Sequence[str],
    *,
    seed: int,
    num_resamples: int = NUM_RESAMPLES,
) -> Comparison:
    """Difference of two systems' mean values (N,) on the same rows.

    Raises:
        BadData: The lengths differ or a value is not finite.

    >>> compare_means(np.array([1.0, 2.0]), np.array([0.0, 1.0]), ["a", "b"], seed=0).difference.mean
    1.0
    """
    units = units_of(clusters)
    both = [mean_statistics(np.asarray(values, dtype=np.float64), units) for values in (first, second)]
    return compare_sums(both[0], both[1], ratio_of_sums, units, seed=seed, num_resamples=num_resamples)


def compare_scores(
    spec: MetricSpec,
    reference: Sequence[str],
    first: Sequence[str],
    second: Sequence[str],
    clusters: Sequence[str],
    *,
    labels: Sequence[str],
    seed: int,
    num_resamples: int = NUM_RESAMPLES,
) -> Comparison:
    """Difference of two systems' scores over labels, such as macro-F1, on the same rows.

    Raises:
        BadData: The lengths differ, a label is unknown, or a score is undefined.
    """
    units = units_of(clusters)
    both = [
        cluster_confusions(reference, predicted, units.codes, labels).astype(np.float64)
        for predicted in (first, second)
    ]
    return compare_sums(both[0], both[1], spec.compute, units, seed=seed, num_resamples=num_resamples)


def sign_flip_p(
    first: FloatArray, second: FloatArray, statistic: Statistic, *, seed: int, num_patterns: int = NUM_RESAMPLES
) -> float:
    """Two-sided p-value of |statistic(first) - statistic(second)| under exchange of the two within whole units.

    All patterns up to 16 units, which is exact; beyond, ``num_patterns`` drawn ones and the observed one.

    Args:
        first: Sufficient statistics (K, ...) of one system.
        second: Those of the other.
        statistic: From sums (B, ...) to values (B,).
        seed: Of the drawn patterns.
        num_patterns: How many to draw.

    Source: Fisher 1935, sec. 21; Phipson and Smyth 2010 for counting the observed pattern.

    >>> pairs = np.array([[1.0, 1.0], [2.0, 1.0], [3.0, 1.0]])
    >>> sign_flip_p(pairs, pairs * [0.0, 1.0], ratio_of_sums, seed=0)
    0.25
    """
    num_units = len(first)
    middle = ((first + second) / 2.0).sum(axis=0)
    half = ((first - second) / 2.0).reshape(num_units, -1)

    def differences(signs: npt.NDArray[np.floating]) -> FloatArray:
        shift = (signs @ half).reshape(len(signs), *first.shape[1:])
        return np.abs(statistic(middle + shift) - statistic(middle - shift))

    observed = differences(np.ones((1, num_units)))[0] * (1.0 - 1e-9)  # ties must count in spite of rounding
    if num_units <= EXACT_UNITS:
        patterns = np.arange(2 ** (num_units - 1))[:, None] >> np.arange(num_units) & 1
        return float(np.mean(differences(1.0 - 2.0 * patterns) >= observed))
    rng = np.random.default_rng(seed)
    num_drawn = int(min(num_patterns, max(MIN_RESAMPLES, MAX_DRAWS // num_units)))
    step = max(1, CHUNK_DRAWS // num_units)
    as_large = 0
    for start in range(0, num_drawn, step):
        size = min(step, num_drawn - start)
        signs = 1.0 - 2.0 * rng.integers(0, 2, (size, num_units), dtype=np.int8)
        as_large += int(np.count_nonzero(differences(signs) >= observed))
    return (1 + as_large) / (1 + num_drawn)


def detectable_difference(
    standard_error: float, degrees_of_freedom: float, *, alpha: float = 0.05, power: float = 0.8
) -> float:
    """Least true difference that a two-sided t test of level ``alpha`` sees with probability ``power``.

    (t(1 - alpha / 2) + t(power)) times the standard error of the paired difference, which for a mean over K
    equal clusters is sd(differences of clusters) / sqrt(K).

    Source: Bloom 1995, "Minimum detectable effects", eq. 1.

    >>> round(detectable_difference(1.0, 23.0), 3)
    2.926
    """
    from scipy.special import stdtrit

    quantiles = stdtrit(degrees_of_freedom, np.array([1.0 - alpha / 2.0, power]))
    return float(quantiles.sum() * standard_error)


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """P-values adjusted for their number, by name, in the given order.

    Source: Holm 1979.

    >>> holm({"a": 0.01, "b": 0.04, "c": 0.03})
    {'a': 0.03, 'b': 0.06, 'c': 0.06}
    """
    adjusted: dict[str, float] = {}
    largest = 0.0
    for rank, name in enumerate(sorted(p_values, key=lambda key: p_values[key])):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[name]))
        adjusted[name] = largest
    return {name: adjusted[name] for name in p_values}


def verdict(
    comparison: Comparison, *, higher_is_better: bool, p_value: float | None = None, alpha: float = 0.05
) -> Verdict:
    """Whether the first system is ahead of the second: only where interval and p-value both say so.

    Args:
        comparison: First minus second.
        higher_is_better: Of the metric.
        p_value: To use in place of the comparison's own, such as one adjusted by `holm`.
        alpha: Level of the p-value.
    """
    low, high = comparison.difference.low, comparison.difference.high
    p = comparison.p_value if p_value is None else p_value
    if low is None or high is None or p > alpha or low <= 0.0 <= high:
        return "not distinguishable"
    return "ahead" if (low > 0.0) == higher_is_better else "behind"


def _values(scores: Mapping[str, float | None], ids: Sequence[str]) -> FloatArray:
    return np.array([scores[key] for key in ids], dtype=np.float64)


def compare_sums(
    first: FloatArray,
    second: FloatArray,
    statistic: Statistic,
    units: Units,
    *,
    seed: int,
    num_resamples: int = NUM_RESAMPLES,
) -> Comparison:
    """Difference of a statistic of two systems' sufficient statistics (K, ...) on the same rows.

    Raises:
        BadData: The statistic is undefined on all rows.
    """

    def difference(sums: FloatArray) -> FloatArray:
        return statistic(sums[:, 0]) - statistic(sums[:, 1])

    both = np.stack([first, second], axis=1)
    interval = unit_interval(both, difference, units, seed=seed, num_resamples=num_resamples)
    p_value = sign_flip_p(first, second, statistic, seed=seed, num_patterns=num_resamples)
    smallest = math.ldexp(1.0, 1 - units.num_units)
    kind = "utterances" if units.note else "clusters"
    note = f"{units.num_units} {kind} allow no p under {smallest:.3g}" if smallest > 0.05 else ""
    detectable = None
    if units.num_units > 1 and np.isfinite(error := jackknife_error(both, difference)):
        detectable = detectable_difference(error, units.degrees_of_freedom)
    return Comparison(interval, p_value, note, detectable)
