"""Seeds as a second factor: against the textbook's analysis of variance, and by simulation."""

import numpy as np
import numpy.typing as npt
import pytest

from merit_cli.errors import BadData
from merit_cli.metrics.comparison import verdict
from merit_cli.metrics.emotion import MACRO_F1
from merit_cli.metrics.seeds import compare_over_seeds, seed_interval
from merit_cli.metrics.statistics import Units, ratio_of_sums, units_of

Table = npt.NDArray[np.float64]


def units(count: int) -> Units:
    return units_of([f"s{number}" for number in range(count)])


def sums_of(table: Table) -> Table:
    """One row a speaker and seed: (S, K, 2)."""
    return np.stack([table, np.ones_like(table)], axis=2)


def draw(rng: np.random.Generator, num_seeds: int, num_units: int, sd: tuple[float, float, float]) -> Table:
    """A table of seed, speaker and rest."""
    seeds, speakers = sd[0] * rng.standard_normal((num_seeds, 1)), sd[1] * rng.standard_normal(num_units)
    return seeds + speakers + sd[2] * rng.standard_normal((num_seeds, num_units))


def test_the_variance_is_that_of_the_textbook_s_table() -> None:
    table = draw(np.random.default_rng(0), 4, 9, (0.5, 1.0, 0.4))
    found = seed_interval(sums_of(table), ratio_of_sums, units(9))
    rows, columns = table.mean(axis=1), table.mean(axis=0)
    rest = table - rows[:, None] - columns + table.mean()
    ms = 9 * rows.var(ddof=1), 4 * columns.var(ddof=1), np.sum(rest**2) / 24
    degrees = (ms[0] + ms[1] - ms[2]) ** 2 / (ms[0] ** 2 / 3 + ms[1] ** 2 / 8 + ms[2] ** 2 / 24)
    from scipy.stats import t

    reach = t.ppf(0.975, degrees) * np.sqrt((ms[0] + ms[1] - ms[2]) / 36)
    assert found.interval.mean == pytest.approx(table.mean())
    assert found.interval.high - found.interval.mean == pytest.approx(reach)
    assert found.sd_seeds == pytest.approx(np.sqrt((ms[0] - ms[2]) / 9))
    assert found.interval.note == "few clusters; 4 seeds"


def test_seeds_as_rows_would_give_an_interval_that_is_too_narrow() -> None:
    table = draw(np.random.default_rng(1), 5, 24, (0.0, 1.0, 0.1))  # five models that agree: no new speakers
    both = seed_interval(sums_of(table), ratio_of_sums, units(24)).interval
    pooled = 1.96 * table.std(ddof=1) / np.sqrt(table.size)
    assert both.high - both.mean > 2.0 * pooled


@pytest.mark.parametrize(("sd", "num_units"), [((0.3, 1.0, 0.5), 24), ((0.6, 0.3, 0.5), 12), ((0.0, 1.0, 0.5), 8)])
def test_intervals_over_both_factors_cover(sd: tuple[float, float, float], num_units: int) -> None:
    rng, hits = np.random.default_rng(0), 0
    for _ in range(1000):
        interval = seed_interval(sums_of(draw(rng, 5, num_units, sd)), ratio_of_sums, units(num_units)).interval
        hits += interval.low <= 0.0 <= interval.high
    assert 0.93 <= hits / 1000 <= 0.985  # the rule errs to the safe side where one factor is nothing


def test_a_difference_that_only_a_lucky_seed_makes_is_not_distinguishable() -> None:
    rng = np.random.default_rng(2)
    speakers = rng.standard_normal(24)
    first, second = (speakers + 0.05 * rng.standard_normal((3, 24)) for _ in range(2))
    first[0] += 1.0  # for every speaker, so that the exchange of systems within speakers is fooled
    result = compare_over_seeds(sums_of(first), sums_of(second), ratio_of_sums, units(24), seed=0)
    assert result.difference.mean == pytest.approx(1.0 / 3.0, abs=0.03)
    assert result.p_value > 0.2
    assert verdict(result, higher_is_better=True) == "not distinguishable"


def test_a_difference_of_every_seed_and_speaker_is_seen() -> None:
    rng = np.random.default_rng(3)
    first = draw(rng, 5, 24, (0.1, 1.0, 0.2))
    second = first - 0.3 + 0.1 * rng.standard_normal((5, 24))
    result = compare_over_seeds(sums_of(first), sums_of(second), ratio_of_sums, units(24), seed=0)
    assert verdict(result, higher_is_better=True) == "ahead"
    assert 0.0 < result.detectable < 0.3


def test_a_system_against_itself_over_seeds_has_no_difference() -> None:
    sums = sums_of(draw(np.random.default_rng(0), 3, 6, (1.0, 1.0, 1.0)))
    result = compare_over_seeds(sums, sums, ratio_of_sums, units(6), seed=0)
    assert (result.difference.low, result.difference.high, result.p_value) == (0.0, 0.0, 1.0)


def test_scores_over_labels_take_seeds_too() -> None:
    counts = np.random.default_rng(0).integers(1, 9, (3, 20, 2, 2)).astype(float)
    found = seed_interval(counts, MACRO_F1.compute, units(20))
    assert found.interval.mean == pytest.approx(np.mean(MACRO_F1.compute(counts.sum(axis=1))))
    assert found.interval.low < found.interval.mean < found.interval.high


@pytest.mark.parametrize("shape", [(1, 5, 2), (5, 1, 2)])
def test_one_seed_or_one_speaker_has_no_spread(shape: tuple[int, ...]) -> None:
    with pytest.raises(BadData, match="two of each at least"):
        seed_interval(np.ones(shape), ratio_of_sums, units(shape[1]))
