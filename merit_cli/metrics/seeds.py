"""Seeds of training as a second factor of chance, crossed with speakers: never more rows.

A score of S trained models on the same K speakers varies with the speakers drawn and with the seeds
drawn. Each model's score is spread over speakers by pseudo-values, K y - (K - 1) y without speaker k
(Tukey 1958), which turns any score into a two-way table (S, K) of one value a cell. Its mean squares
for seeds, speakers and the rest give the variance of the mean over both,
(MS_seeds + MS_speakers - MS_rest) / (S K), and degrees of freedom by Satterthwaite 1946 (Searle,
Casella and McCulloch 1992, sec. 4.3). No resampling is used: five seeds cannot be resampled honestly.
"""

from dataclasses import dataclass

import numpy as np

from merit_cli.errors import BadData
from merit_cli.metrics.comparison import Comparison, detectable_difference, sign_flip_p
from merit_cli.metrics.spec import FloatArray
from merit_cli.metrics.statistics import FEW_CLUSTERS, Interval, Statistic, Units, critical_t


@dataclass(frozen=True)
class SeedInterval:
    """A score over seeds and speakers.

    Args:
        interval: Around the mean over seeds.
        num_seeds: Trained models.
        sd_seeds: Standard deviation of one model's score that the seed alone makes; 0 where it shows none.
        sd_units: Standard error of the score that the draw of speakers alone makes; 0 where it shows none.
    """

    interval: Interval
    num_seeds: int
    sd_seeds: float
    sd_units: float


@dataclass(frozen=True)
class _Spread:
    value: float
    error: float
    degrees_of_freedom: float
    sd_seeds: float
    sd_units: float


def seed_interval(
    sufficient: FloatArray, statistic: Statistic, units: Units, *, confidence: float = 0.95
) -> SeedInterval:
    """Mean over seeds of a statistic of summed units, with its interval over seeds and units.

    Args:
        sufficient: Sufficient statistics (S, K, ...) of each seed's model, S and K two at least.
        statistic: From sums (B, ...) to values (B,).
        units: Speakers or patients.
        confidence: Of the interval.

    Raises:
        BadData: There is one seed or one unit, or the statistic is undefined somewhere.

    >>> from merit_cli.metrics.statistics import ratio_of_sums, units_of
    >>> sums = np.array([[[1.0, 1.0], [3.0, 1.0]], [[2.0, 1.0], [4.0, 1.0]]])
    >>> seed_interval(sums, ratio_of_sums, units_of(["a", "b"])).interval.mean
    2.5
    """
    spread = _spread(sufficient, statistic, units)
    reach = critical_t(spread.degrees_of_freedom, confidence) * spread.error
    interval = Interval(
        spread.value,
        spread.value - reach,
        spread.value + reach,
        units.num_clusters,
        "t interval over seeds and " + ("utterances" if units.note else "clusters"),
        _note(units, len(sufficient)),
    )
    return SeedInterval(interval, len(sufficient), spread.sd_seeds, spread.sd_units)


def compare_over_seeds(
    first: FloatArray, second: FloatArray, statistic: Statistic, units: Units, *, seed: int
) -> Comparison:
    """Difference of two systems of S seeds each, on the same rows: first minus second.

    The p-value is the larger of two: Student's t over both factors, and the exchange of the systems within
    whole units, on the scores averaged over seeds.

    Args:
        first: Sufficient statistics (S, K, ...) of one system.
        second: Those of the other, seed by seed; where seeds mean nothing in common any order will do.
        statistic: From sums (B, ...) to values (B,).
        units: Speakers or patients.
        seed: Of the exchanges.

    Raises:
        BadData: There is one seed or one unit, the shapes differ, or the statistic is undefined somewhere.
    """
    from scipy.special import stdtr

    if first.shape != second.shape:
        raise BadData(f"the systems have {first.shape[:2]} and {second.shape[:2]} seeds and units")

    def difference(sums: FloatArray) -> FloatArray:
        return statistic(sums[:, 0]) - statistic(sums[:, 1])

    def over_seeds(sums: FloatArray) -> FloatArray:  # (B, S, ...), a seed at a time
        return np.asarray(np.mean([statistic(sums[:, number]) for number in range(sums.shape[1])], axis=0))

    both = np.stack([first, second], axis=2)
    interval = seed_interval(both, difference, units).interval
    spread = _spread(both, difference, units)
    p_t = 1.0 if spread.error == 0.0 and spread.value == 0.0 else 0.0
    if spread.error > 0.0:
        p_t = 2.0 * float(stdtr(spread.degrees_of_freedom, -abs(spread.value) / spread.error))
    p_exchange = sign_flip_p(first.swapaxes(0, 1), second.swapaxes(0, 1), over_seeds, seed=seed)
    detectable = detectable_difference(spread.error, spread.degrees_of_freedom)
    return Comparison(interval, max(p_t, p_exchange), detectable=detectable)


def _spread(sufficient: FloatArray, statistic: Statistic, units: Units) -> _Spread:
    num_seeds, num_units = sufficient.shape[:2]
    if num_seeds < 2 or num_units < 2:
        raise BadData(f"{num_seeds} seeds and {num_units} units have no spread", hint="two of each at least")
    whole = sufficient.sum(axis=1)
    scores = statistic(whole)
    left_out = np.stack([statistic(sums - parts) for sums, parts in zip(whole, sufficient, strict=True)])
    table = num_units * scores[:, None] - (num_units - 1) * left_out
    if not np.isfinite(table).all():
        raise BadData("the score is undefined for a seed, or where one unit is left out")
    by_seed, by_unit, middle = table.mean(axis=1), table.mean(axis=0), table.mean()
    rest = table - by_seed[:, None] - by_unit + middle
    freedom = (num_seeds - 1.0, units.degrees_of_freedom)
    ms_seeds = num_units * float(np.sum((by_seed - middle) ** 2)) / (num_seeds - 1)
    ms_units = num_seeds * float(np.sum((by_unit - middle) ** 2)) / (num_units - 1)
    ms_rest = float(np.sum(rest**2)) / ((num_seeds - 1) * (num_units - 1))
    # The difference of mean squares may fall below what one factor alone makes: then that factor is all.
    total = max(ms_seeds + ms_units - ms_rest, ms_seeds, ms_units)
    if total == ms_seeds + ms_units - ms_rest and total > 0.0:
        parts = ms_seeds**2 / freedom[0] + ms_units**2 / freedom[1] + ms_rest**2 / (freedom[0] * freedom[1])
        degrees = total**2 / parts
    else:
        degrees = freedom[0] if ms_seeds > ms_units else freedom[1]
    return _Spread(
        float(scores.mean()),
        float(np.sqrt(total / (num_seeds * num_units))),
        max(1.0, degrees),
        float(np.sqrt(max(0.0, ms_seeds - ms_rest) / num_units)),
        float(np.sqrt(max(0.0, ms_units - ms_rest) / (num_seeds * num_units))),
    )


def _note(units: Units, num_seeds: int) -> str:
    few = "" if units.num_units >= FEW_CLUSTERS else "few utterances" if units.note else "few clusters"
    return "; ".join(part for part in (units.note, few, f"{num_seeds} seeds") if part)
