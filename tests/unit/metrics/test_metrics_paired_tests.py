"""Tests with a name: against scipy, by hand, and the detectable difference against simulated power."""

import numpy as np
import pytest
from scipy import stats

from merit_cli.errors import BadData
from merit_cli.metrics.comparison import compare_means, detectable_difference
from merit_cli.metrics.paired_tests import mcnemar_p, wilcoxon_p


@pytest.mark.parametrize(("only_first", "only_second"), [(0, 0), (5, 5), (1, 9), (12, 3), (0, 4)])
def test_mcnemar_is_the_binomial_test_of_what_differs(only_first: int, only_second: int) -> None:
    first = [1] * only_first + [0] * only_second + [1, 1, 0]
    second = [0] * only_first + [1] * only_second + [1, 1, 0]
    number = only_first + only_second
    expected = stats.binomtest(only_first, number).pvalue if number else 1.0
    assert mcnemar_p(first, second) == pytest.approx(expected)


def test_wilcoxon_ranks_speakers_and_not_rows() -> None:
    rng = np.random.default_rng(0)
    names = [f"s{number % 12}" for number in range(120)]
    first, second = rng.standard_normal((2, 120)) + np.array([[0.4], [0.0]])
    means = [np.mean((first - second)[np.array(names) == name]) for name in sorted(set(names))]
    assert wilcoxon_p(first, second, names) == pytest.approx(stats.wilcoxon(means).pvalue)
    assert wilcoxon_p(first, first, names) == 1.0


def test_values_of_other_lengths_are_refused() -> None:
    with pytest.raises(BadData):
        mcnemar_p([1, 0], [1])
    with pytest.raises(BadData):
        wilcoxon_p(np.ones(2), np.ones(3), ["a", "b"])


def test_the_detectable_difference_is_seen_four_times_in_five() -> None:
    error = 1.0 / np.sqrt(24)
    differences = np.random.default_rng(0).standard_normal((20_000, 24)) + detectable_difference(error, 23.0)
    p_values = stats.ttest_1samp(differences, 0.0, axis=1).pvalue
    assert np.mean(p_values < 0.05) == pytest.approx(0.8, abs=0.01)


def test_a_comparison_says_what_it_could_have_seen() -> None:
    values = np.random.default_rng(0).standard_normal(24)
    result = compare_means(values, np.zeros(24), [f"s{number}" for number in range(24)], seed=0)
    assert result.detectable == pytest.approx(detectable_difference(stats.sem(values), 23.0))
