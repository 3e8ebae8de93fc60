"""Intervals that take whole speakers (or patients) as the unit of chance.

Rows of one speaker are not independent, so clusters are resampled, not rows. Every score is a
function of sums over clusters (a sum and a count for a mean, confusion counts for F1), so each
cluster is reduced once to its sufficient statistics (K, ...) and a resample is a weighted sum of
them: 10 000 resamples of 100 000 rows take about a second.

- 20 clusters or more: percentile bootstrap over clusters, its quantiles widened for the number of
  clusters (Hesterberg 2015, "What teachers should know about the bootstrap", sec. 5.3: alpha/2 becomes
  Phi(-sqrt(K* / (K* - 1)) t)); the plain one covers too little.
- 2 to 19: "few clusters", a t interval around the value, its standard error from leaving out one
  cluster at a time (Tukey 1958; Cameron and Miller 2015, sec. VI). For a mean over equal clusters this
  is the t interval over the clusters' means.
- Both count K* = (sum of n)^2 / sum of n^2 clusters, n their numbers of rows (Kish 1965, sec. 11.7): K
  where they are equal. Student's t has K* - 1 degrees of freedom. With K, intervals over clusters of 2 to
  30 rows covered down to 93 % (recipes/benchmarks/evaluate.md has the table of what they cover).
- One cluster, or no speakers known: the same over utterances, and the note says so.

Seeds of training are no rows: they are a second factor, see `seeds`.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from merit_cli.errors import BadData
from merit_cli.metrics.confusion import cluster_confusions
from merit_cli.metrics.spec import FloatArray, MetricSpec

Statistic = Callable[[FloatArray], FloatArray]
"""From sums of sufficient statistics (B, ...) to values (B,); NaN where undefined."""

FEW_CLUSTERS = 20
"""Below this a cluster bootstrap covers too little (measured: 84 % at 5 clusters, 89.5 at 10, 94 at 24)."""
NUM_RESAMPLES = 10_000
MIN_RESAMPLES = 1_000
MAX_DRAWS = 2e8
CHUNK_DRAWS = 2_000_000
"""Random draws held in memory at once."""


@dataclass(frozen=True)
class Interval:
    """A value with its 95 % interval.

    Args:
        mean: The value on all rows.
        low: Lower end; None where no interval can be had.
        high: Upper end.
        num_clusters: Speakers or patients; 0 where they are not known.
        method: How the interval was found.
        note: What a reader must know beside it; empty where there is nothing.
    """

    mean: float
    low: float | None
    high: float | None
    num_clusters: int
    method: str
    note: str = ""


@dataclass(frozen=True)
class Units:
    """What is resampled: ``codes`` (N,) number each row's unit from 0."""

    codes: npt.NDArray[np.int64]
    num_units: int
    num_clusters: int
    note: str = ""

    @property
    def degrees_of_freedom(self) -> float:
        """K* - 1 of this module's rule; 1 at least.

        >>> units_of(["a", "a", "b", "b", "c", "c"]).degrees_of_freedom
        2.0
        """
        sizes = np.bincount(self.codes, minlength=self.num_units).astype(np.float64)
        return max(1.0, float(sizes.sum() ** 2 / np.sum(sizes**2)) - 1.0)

    def widened(self, critical: float) -> float:
        """A point of Student's t for a bootstrap, whose spread is that of K* clusters divided by K* and not K* - 1."""
        return critical * math.sqrt(1.0 + 1.0 / self.degrees_of_freedom)


def units_of(clusters: Sequence[str]) -> Units:
    """The units of chance among rows of these speakers (N,): speakers, or rows where there are not two speakers.

    >>> units_of(["a", "b", "a"]).codes.tolist(), units_of(["a", "a"]).note
    ([0, 1, 0], 'one speaker: interval is over utterances only')
    """
    names, codes = np.unique(np.asarray(clusters, dtype=str), return_inverse=True)
    rows = np.arange(len(clusters))
    if "" in names:
        return Units(rows, rows.size, 0, "speakers unknown: interval is over utterances only")
    if names.size == 1:
        return Units(rows, rows.size, 1, "one speaker: interval is over utterances only")
    return Units(np.asarray(codes, dtype=np.int64), names.size, names.size)


def mean_interval(
    values: npt.NDArray[np.floating], clusters: Sequence[str], *, seed: int, num_resamples: int = NUM_RESAMPLES
) -> Interval:
    """Mean of ``values`` (N,) with its interval over ``clusters`` (N,).

    Raises:
        BadData: There are no values, one is not finite, or there are not as many clusters.

    >>> mean_interval(np.array([1.0, 2.0, 3.0, 4.0]), ["a", "a", "b", "b"], seed=0).mean
    2.5
    """
    units = units_of(clusters)
    sums = mean_statistics(np.asarray(values, dtype=np.float64), units)
    return unit_interval(sums, ratio_of_sums, units, seed=seed, num_resamples=num_resamples)


def score_interval(
    spec: MetricSpec,
    reference: Sequence[str],
    predicted: Sequence[str],
    clusters: Sequence[str],
    *,
    labels: Sequence[str],
    seed: int,
    num_resamples: int = NUM_RESAMPLES,
) -> Interval:
    """A score over labels, such as macro-F1, with its interval over ``clusters`` (N,), within the score's range.

    Args:
        spec: Of kind ``classification`` or ``respiratory``.
        reference: True label of each row.
        predicted: Predicted label of each row.
        clusters: Speaker or patient of each row.
        labels: The classes in order; for respiratory scores normal first.
        seed: Of the bootstrap.
        num_resamples: Of the bootstrap.

    Raises:
        BadData: The lengths differ, a label is unknown, or the score is undefined on these rows.
    """
    units = units_of(clusters)
    counts = cluster_confusions(reference, predicted, units.codes, labels).astype(np.float64)
    interval = unit_interval(counts, spec.compute, units, seed=seed, num_resamples=num_resamples)
    return within(interval, spec.range)


def mean_statistics(values: FloatArray, units: Units) -> FloatArray:
    """Sum and count of each unit, (K, 2)."""
    if values.shape != units.codes.shape or not values.size:
        raise BadData(f"{values.size} values stand against {units.codes.size} rows")
    if not np.isfinite(values).all():
        raise BadData("a value is not finite; leave out what was not scored")
    sums = np.bincount(units.codes, weights=values, minlength=units.num_units)
    return np.stack([sums, np.bincount(units.codes, minlength=units.num_units).astype(np.float64)], axis=1)


def ratio_of_sums(sums: FloatArray) -> FloatArray:
    """Mean (...) from a sum and a count (..., 2)."""
    ratio: FloatArray = sums[..., 0] / sums[..., 1]
    return ratio


def unit_interval(
    sufficient: FloatArray,
    statistic: Statistic,
    units: Units,
    *,
    seed: int,
    num_resamples: int = NUM_RESAMPLES,
    confidence: float = 0.95,
) -> Interval:
    """A statistic of summed units (K, ...) with its interval, by the rule of this module.

    Raises:
        BadData: The statistic is undefined on all rows.
    """
    value = float(statistic(sufficient.sum(axis=0, keepdims=True))[0])
    if not np.isfinite(value):
        raise BadData("the score is undefined on these rows", hint="a class it needs does not occur")
    if units.num_units < 2:
        return Interval(value, None, None, units.num_clusters, "no interval", _join(units.note, "one utterance"))
    critical = critical_t(units.degrees_of_freedom, confidence)
    if units.num_units >= FEW_CLUSTERS:
        interval = _bootstrap(
            sufficient, statistic, value, critical=units.widened(critical), seed=seed, wanted=num_resamples
        )
    else:
        interval = _jackknife_t(sufficient, statistic, value, critical=critical)
        few = "few clusters" if not units.note else "few utterances"
        interval = replace(interval, note=_join(few, interval.note))
    kind = "utterances" if units.note else "clusters"
    note = _join(units.note, interval.note)
    return replace(interval, num_clusters=units.num_clusters, method=f"{interval.method} over {kind}", note=note)


def critical_t(degrees_of_freedom: float, confidence: float = 0.95) -> float:
    """Two-sided point of Student's t.

    >>> round(critical_t(4.0), 3)
    2.776
    """
    from scipy.special import stdtrit  # scipy.stats takes a second to import

    return float(stdtrit(degrees_of_freedom, (1.0 + confidence) / 2.0))


def _bootstrap(
    sufficient: FloatArray, statistic: Statistic, value: float, *, critical: float, seed: int, wanted: int
) -> Interval:
    from scipy.special import ndtr

    num_units = len(sufficient)
    num_resamples = int(min(wanted, max(MIN_RESAMPLES, MAX_DRAWS // num_units)))
    values = statistic(resampled_sums(sufficient, num_resamples, np.random.default_rng(seed)))
    defined = values[np.isfinite(values)]
    note = "" if defined.size == values.size else f"undefined in {values.size - defined.size} resamples, left out"
    share = float(ndtr(-critical))
    low, high = np.quantile(defined, [share, 1.0 - share])
    return Interval(value, float(low), float(high), num_units, f"bootstrap of {num_resamples} resamples", note)


def resampled_sums(sufficient: FloatArray, num_resamples: int, rng: np.random.Generator) -> FloatArray:
    """Sums (B, ...) over K units drawn with replacement from (K, ...)."""
    num_units = len(sufficient)
    flat = sufficient.reshape(num_units, -1)
    sums = np.empty((num_resamples, flat.shape[1]))
    step = max(1, CHUNK_DRAWS // num_units)
    for start in range(0, num_resamples, step):
        size = min(step, num_resamples - start)
        drawn = rng.integers(0, num_units, (size, num_units)) + num_units * np.arange(size)[:, None]
        times = np.bincount(drawn.ravel(), minlength=size * num_units).reshape(size, num_units)
        sums[start : start + size] = times.astype(np.float64) @ flat
    return sums.reshape(num_resamples, *sufficient.shape[1:])


def jackknife_error(sufficient: FloatArray, statistic: Statistic) -> float:
    """Standard error of a statistic of summed units (K, ...), leaving out one unit at a time; NaN where undefined.

    Source: Tukey 1958.
    """
    num_units = len(sufficient)
    left_out = statistic(sufficient.sum(axis=0) - sufficient)
    return float(np.sqrt((num_units - 1) / num_units * np.sum((left_out - left_out.mean()) ** 2)))


def _jackknife_t(sufficient: FloatArray, statistic: Statistic, value: float, *, critical: float) -> Interval:
    num_units = len(sufficient)
    error = jackknife_error(sufficient, statistic)
    if not np.isfinite(error):
        return Interval(value, None, None, num_units, "no interval", "undefined where one is left out")
    reach = critical * error
    return Interval(value, value - reach, value + reach, num_units, "jackknife t interval")


def within(interval: Interval, bounds: tuple[float, float]) -> Interval:
    """The interval cut to the range of its metric."""
    if interval.low is None or interval.high is None:
        return interval
    return replace(interval, low=max(interval.low, bounds[0]), high=min(interval.high, bounds[1]))


def _join(*notes: str) -> str:
    return "; ".join(note for note in notes if note)
