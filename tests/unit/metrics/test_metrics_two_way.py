"""Intervals clustered two ways: against the formula written out, and by their coverage."""

import numpy as np
import pytest

from merit_cli.errors import BadData
from merit_cli.metrics.agreement import cohen_kappa
from merit_cli.metrics.statistics import critical_t
from merit_cli.metrics.two_way import Influenced, average_of, clusters_of, mean_of, two_way_interval


def _mean(values: np.ndarray, rows: np.ndarray | None = None) -> Influenced:
    found = mean_of(values, np.ones(len(values), dtype=bool) if rows is None else rows)
    assert found is not None
    return found


def test_the_variance_is_that_of_the_formula_written_out() -> None:
    rng = np.random.default_rng(0)
    raters = [f"r{k % 5}" for k in range(40)]
    items = [f"i{k // 5}" for k in range(40)]
    values = rng.normal(size=40)
    deviations = (values - values.mean()) / 40
    variances = []
    for sign, keys in ((1, raters), (1, items), (-1, [f"{r}/{i}" for r, i in zip(raters, items, strict=True)])):
        names = sorted(set(keys))
        sums = [sum(d for d, key in zip(deviations, keys, strict=True) if key == name) for name in names]
        variances.append(sign * len(names) / (len(names) - 1) * sum(total**2 for total in sums))
    variance = max(sum(variances), *variances[:2])
    interval = two_way_interval(_mean(values), clusters_of(raters, items))
    assert interval.high is not None
    assert interval.high - interval.mean == pytest.approx(critical_t(4) * variance**0.5)
    assert interval.num_clusters == 5


def test_the_interval_of_a_mean_covers_the_truth_about_as_often_as_it_says() -> None:
    """Eight raters and 30 items, both with effects of their own; 400 panels: sd of the share 0.011."""
    rng = np.random.default_rng(1)
    raters = np.repeat([f"r{k}" for k in range(8)], 30)
    items = np.tile([f"i{k}" for k in range(30)], 8)
    clusters = clusters_of(raters.tolist(), items.tolist())
    covered = 0
    for _ in range(400):
        values = np.repeat(rng.normal(0, 0.3, 8), 30) + np.tile(rng.normal(0, 0.5, 30), 8) + rng.normal(0, 1, 240)
        interval = two_way_interval(_mean(values), clusters)
        assert interval.low is not None
        assert interval.high is not None
        covered += interval.low <= 0.0 <= interval.high
    assert 0.92 <= covered / 400 <= 0.99


def test_the_variance_never_falls_under_that_of_raters_or_of_items_alone() -> None:
    rng = np.random.default_rng(3)
    raters, items = np.repeat(np.arange(6), 12).astype(str).tolist(), np.tile(np.arange(12), 6).astype(str).tolist()
    for _ in range(50):
        values = rng.normal(size=72)
        both = two_way_interval(_mean(values), clusters_of(raters, items))
        assert both.high is not None
        for labels, count in ((raters, 6), (items, 12)):
            sums = [
                sum(v - values.mean() for v, key in zip(values, labels, strict=True) if key == n) for n in set(labels)
            ]
            variance = count / (count - 1) * sum(total**2 for total in sums) / 72**2
            assert both.high - both.mean >= critical_t(5) * variance**0.5 - 1e-12


def test_rows_taken_as_independent_would_be_too_sure() -> None:
    rng = np.random.default_rng(2)
    values = np.repeat(rng.normal(0, 1, 8), 50)  # each rater says one thing fifty times
    raters = np.repeat([f"r{k}" for k in range(8)], 50).tolist()
    interval = two_way_interval(_mean(values), clusters_of(raters, [f"i{k}" for k in range(400)]))
    assert interval.high is not None
    assert interval.high - interval.mean > 5 * 1.96 * values.std() / 400**0.5


def test_the_mean_of_two_statistics_has_both_influences() -> None:
    rows = np.arange(10) < 4
    values = np.arange(10.0)
    both = average_of(_mean(values, rows), _mean(values, ~rows))
    assert both.value == pytest.approx((1.5 + 6.5) / 2)
    assert both.influence.sum() == pytest.approx(0.0)
    assert both.num_rows == 10


def test_one_rater_gives_no_interval() -> None:
    interval = two_way_interval(_mean(np.arange(4.0)), clusters_of(["a"] * 4, list("wxyz")))
    assert (interval.low, interval.high) == (None, None)


def test_no_rows_give_no_mean() -> None:
    assert mean_of([1.0], [False]) is None


def test_kappa_of_a_published_table() -> None:
    """Cohen 1960, table 1: 88 + 40 + 20 + ... as in his text, observed .70 and chance .41 give kappa .492."""
    counts = {("s", "s"): 88, ("s", "n"): 14, ("s", "p"): 18, ("n", "s"): 10, ("n", "n"): 40, ("n", "p"): 10}
    counts |= {("p", "s"): 2, ("p", "n"): 6, ("p", "p"): 12}
    pairs = [pair for pair, count in counts.items() for _ in range(count)]
    kappa = cohen_kappa([one for one, _ in pairs], [two for _, two in pairs])
    observed, chance = 140 / 200, (120 * 100 + 60 * 60 + 20 * 40) / 200**2
    assert kappa == pytest.approx((observed - chance) / (1 - chance))
    assert kappa == pytest.approx(0.4915, abs=1e-3)


def test_kappa_is_undefined_where_everything_is_one_answer() -> None:
    assert cohen_kappa(["a", "a"], ["a", "a"]) is None
    assert cohen_kappa([], []) is None
    with pytest.raises(BadData, match="1 answers stand against 2"):
        cohen_kappa(["a"], ["a", "a"])
