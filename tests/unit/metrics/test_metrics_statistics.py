"""Intervals, comparisons and chance: against loops, against other libraries, and by simulation."""

import itertools
import time

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats

from merit_cli.errors import BadData
from merit_cli.metrics.chance import permutation_test
from merit_cli.metrics.comparison import Comparison, compare_means, compare_scores, holm, pair_by_id, verdict
from merit_cli.metrics.confusion import confusion_matrix, score_of
from merit_cli.metrics.emotion import MACRO_F1, UAR
from merit_cli.metrics.statistics import Interval, mean_interval, resampled_sums, score_interval

LABELS = ["a", "b", "c"]
Rows = tuple[list[str], list[str], list[str]]


def speakers(num_speakers: int, rows_each: int) -> list[str]:
    return [f"s{number % num_speakers}" for number in range(num_speakers * rows_each)]


def labelled(num_speakers: int, rows_each: int, skill: float, seed: int) -> Rows:
    """True and predicted labels, right with probability ``skill`` and else random, and speakers."""
    rng = np.random.default_rng(seed)
    names = speakers(num_speakers, rows_each)
    true = rng.choice(LABELS, len(names))
    guess = np.where(rng.random(len(names)) < skill, true, rng.choice(LABELS, len(names)))
    return true.tolist(), guess.tolist(), names


def test_the_value_is_the_mean_of_all_rows() -> None:
    values = np.random.default_rng(0).standard_normal(90)
    names = ["x"] * 50 + ["y"] * 30 + ["z"] * 10
    assert mean_interval(values, names, seed=0).mean == pytest.approx(values.mean())


def test_a_bootstrap_over_clusters_equals_the_loop_that_joins_rows() -> None:
    values = np.random.default_rng(0).standard_normal(30)
    codes = np.arange(30) % 5
    sums = np.stack([np.bincount(codes, values), np.bincount(codes)], axis=1).astype(float)
    fast = resampled_sums(sums, 50, np.random.default_rng(4))
    rng = np.random.default_rng(4)
    for resample in fast:
        rows = np.concatenate([values[codes == cluster] for cluster in rng.integers(0, 5, 5)])
        assert resample[0] / resample[1] == pytest.approx(rows.mean())


def test_few_equal_clusters_get_the_t_interval_over_their_means() -> None:
    values = np.random.default_rng(1).standard_normal((10, 6))  # rows by speaker, column-wise
    interval = mean_interval(values.ravel(), speakers(6, 10), seed=0)
    means = values.mean(axis=0)
    low, high = stats.t.interval(0.95, 5, means.mean(), stats.sem(means))
    assert (interval.low, interval.high) == (pytest.approx(low), pytest.approx(high))
    assert interval.note == "few clusters"
    assert interval.num_clusters == 6


def test_few_clusters_are_said_below_20_only() -> None:
    values = np.random.default_rng(0).standard_normal(200)
    assert "few clusters" in mean_interval(values[:190], speakers(19, 10), seed=0).note
    assert mean_interval(values, speakers(20, 10), seed=0).note == ""


@pytest.mark.parametrize("num_rows", [8, 50])
def test_one_speaker_gets_an_interval_over_utterances_and_is_told(num_rows: int) -> None:
    values = np.random.default_rng(0).standard_normal(num_rows)
    interval = mean_interval(values, ["x"] * num_rows, seed=0)
    assert interval.note.startswith("one speaker: interval is over utterances only")
    assert interval.num_clusters == 1
    assert interval.low < values.mean() < interval.high


def test_unknown_speakers_are_told() -> None:
    interval = mean_interval(np.arange(30.0), [""] * 30, seed=0)
    assert interval.note == "speakers unknown: interval is over utterances only"
    assert interval.num_clusters == 0


def test_one_row_has_no_interval() -> None:
    interval = mean_interval(np.array([3.0]), ["x"], seed=0)
    assert (interval.mean, interval.low, interval.high) == (3.0, None, None)


@pytest.mark.parametrize("num_speakers", [10, 30])
def test_the_same_seed_gives_the_same_interval(num_speakers: int) -> None:
    true, guess, names = labelled(num_speakers, 8, 0.5, seed=0)
    first, second = (score_interval(MACRO_F1, true, guess, names, labels=LABELS, seed=3) for _ in range(2))
    assert first == second


def test_the_score_is_that_of_all_rows_and_lies_inside_its_interval() -> None:
    true, guess, names = labelled(24, 10, 0.6, seed=0)
    interval = score_interval(MACRO_F1, true, guess, names, labels=LABELS, seed=0)
    assert interval.mean == score_of(MACRO_F1, confusion_matrix(true, guess, LABELS))
    assert interval.low < interval.mean < interval.high


def test_an_interval_stays_in_the_score_s_range() -> None:
    true, _, names = labelled(3, 4, 0.5, seed=0)
    guess = ["c" if name == "s0" else label for label, name in zip(true, names, strict=True)]
    interval = score_interval(UAR, true, guess, names, labels=LABELS, seed=0)
    assert 0.0 <= interval.low <= interval.mean <= interval.high == 1.0


def test_clusters_that_agree_inside_widen_the_interval() -> None:
    per_speaker = np.random.default_rng(0).standard_normal(25)
    values = np.tile(per_speaker, 20)
    whole = mean_interval(values, speakers(25, 20), seed=0)
    rows = mean_interval(values, [""] * 500, seed=0)
    assert (whole.high - whole.low) > 3 * (rows.high - rows.low)


@pytest.mark.parametrize("num_clusters", [6, 24])
def test_intervals_cover_the_truth_19_times_in_20(num_clusters: int) -> None:
    rng = np.random.default_rng(0)
    names = speakers(num_clusters, 5)
    hits = 0
    for seed in range(400):
        values = np.tile(rng.standard_normal(num_clusters), 5) + 0.5 * rng.standard_normal(5 * num_clusters)
        interval = mean_interval(values, names, seed=seed, num_resamples=1000)
        hits += interval.low <= 0.0 <= interval.high
    assert 0.92 <= hits / 400 <= 0.98  # 95 % with a binomial error of 1.1 points


def test_100_000_rows_take_seconds() -> None:
    true, guess, names = labelled(1000, 100, 0.6, seed=0)
    start = time.process_time()
    score_interval(MACRO_F1, true, guess, names, labels=LABELS, seed=0)
    assert time.process_time() - start < 5.0


@pytest.mark.parametrize(("values", "names"), [([1.0, np.nan], ["a", "b"]), ([1.0], ["a", "b"]), ([], [])])
def test_values_that_are_not_scored_are_refused(values: list[float], names: list[str]) -> None:
    with pytest.raises(BadData):
        mean_interval(np.array(values), names, seed=0)


def naive_exchange_p(first: npt.NDArray[np.float64], second: npt.NDArray[np.float64]) -> float:
    """All exchanges of the systems within speakers, of rows (speakers, rows)."""
    observed = abs(first.mean() - second.mean())
    patterns = list(itertools.product([False, True], repeat=len(first)))
    as_large = 0
    for swap in patterns:
        chosen = np.array(swap)[:, None]
        difference = np.where(chosen, second, first).mean() - np.where(chosen, first, second).mean()
        as_large += abs(difference) >= observed - 1e-12
    return as_large / len(patterns)


def test_the_exact_p_equals_trying_every_exchange() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.standard_normal((7, 3)) + 0.7, rng.standard_normal((7, 3))
    result = compare_means(first.T.ravel(), second.T.ravel(), speakers(7, 3), seed=0)
    assert result.p_value == pytest.approx(naive_exchange_p(first, second))
    assert 0.01 < result.p_value < 0.9


def test_the_drawn_p_is_near_the_exact_one() -> None:
    rng = np.random.default_rng(0)
    differences = rng.standard_normal(30) + 0.35
    result = compare_means(differences, np.zeros(30), speakers(30, 1), seed=0)
    flips = stats.permutation_test(
        (differences,), np.mean, permutation_type="samples", n_resamples=20_000, rng=np.random.default_rng(1)
    )
    assert result.p_value == pytest.approx(flips.pvalue, abs=0.015)  # two binomial errors of 10 000 draws


def test_f1_exchange_p_equals_trying_every_exchange() -> None:
    true, first, names = labelled(6, 12, 0.7, seed=1)
    second = labelled(6, 12, 0.3, seed=2)[1]
    result = compare_scores(MACRO_F1, true, first, second, names, labels=LABELS, seed=0)

    def f1(guess: list[str]) -> float:
        return score_of(MACRO_F1, confusion_matrix(true, guess, LABELS))

    observed, as_large = abs(f1(first) - f1(second)), 0
    for swap in itertools.product([False, True], repeat=6):
        swapped = [swap[int(name[1:])] for name in names]
        one = [b if s else a for a, b, s in zip(first, second, swapped, strict=True)]
        other = [a if s else b for a, b, s in zip(first, second, swapped, strict=True)]
        as_large += abs(f1(one) - f1(other)) >= observed - 1e-12
    assert result.p_value == pytest.approx(as_large / 64)
    assert result.difference.mean == pytest.approx(f1(first) - f1(second))


def test_a_system_against_itself_has_no_difference() -> None:
    true, guess, names = labelled(24, 5, 0.5, seed=0)
    result = compare_scores(MACRO_F1, true, guess, guess, names, labels=LABELS, seed=0)
    assert (result.difference.mean, result.difference.low, result.difference.high) == (0.0, 0.0, 0.0)
    assert result.p_value == 1.0
    assert verdict(result, higher_is_better=True) == "not distinguishable"


def test_the_paired_test_keeps_its_level() -> None:
    rng = np.random.default_rng(0)
    p_values = [
        compare_means(*rng.standard_normal((2, 40)), speakers(8, 5), seed=0, num_resamples=100).p_value
        for _ in range(400)
    ]
    assert 0.02 <= np.mean(np.array(p_values) <= 0.05) <= 0.08


def test_too_few_speakers_are_told_what_p_they_allow() -> None:
    result = compare_means(np.arange(4.0) + 5.0, np.zeros(4), speakers(4, 1), seed=0)
    assert result.p_value == 0.125
    assert result.note == "4 clusters allow no p under 0.125"
    assert verdict(result, higher_is_better=True) == "not distinguishable"


@pytest.mark.parametrize(
    ("shift", "higher_is_better", "word"),
    [(1.0, True, "ahead"), (-1.0, True, "behind"), (1.0, False, "behind"), (-1.0, False, "ahead")],
)
def test_a_clear_difference_is_said_in_words(shift: float, higher_is_better: bool, word: str) -> None:  # noqa: FBT001
    values = np.random.default_rng(0).standard_normal(120)
    result = compare_means(values + shift, values * 0.9, speakers(24, 5), seed=0)
    assert verdict(result, higher_is_better=higher_is_better) == word
    assert verdict(result, higher_is_better=higher_is_better, p_value=0.2) == "not distinguishable"


def test_an_interval_over_zero_is_not_distinguishable_whatever_p() -> None:
    result = Comparison(Interval(0.1, -0.1, 0.3, 24, "test"), 0.001)
    assert verdict(result, higher_is_better=True) == "not distinguishable"


def test_holm_by_hand() -> None:
    assert holm({"x": 0.02, "y": 0.01, "z": 0.5, "w": 0.9}) == {"x": 0.06, "y": 0.04, "z": 1.0, "w": 1.0}


def test_pairs_are_the_ids_that_both_scored() -> None:
    ids, first, second = pair_by_id({"b": 1.0, "a": 2.0, "c": None}, {"a": 3.0, "b": 4.0, "c": 5.0, "d": 6.0})
    assert (ids, first.tolist(), second.tolist()) == (["a", "b"], [2.0, 1.0], [3.0, 4.0])


def test_runs_without_a_common_id_are_refused() -> None:
    with pytest.raises(BadData, match="no item was scored by both"):
        pair_by_id({"a": 1.0}, {"b": 1.0})


def test_skill_is_above_chance_and_chance_is_a_third() -> None:
    true, guess, names = labelled(12, 20, 0.4, seed=0)
    result = permutation_test(guess, true, names, spec=UAR, labels=LABELS, seed=0)
    assert result.p_value == pytest.approx(1 / 2001)
    assert result.chance == pytest.approx(1 / 3, abs=0.01)
    assert result.chance < result.chance_high < result.observed


def test_knowing_only_the_speaker_is_chance() -> None:
    names = speakers(3, 30)
    true = ["abc"[int(name[1:])] if number % 3 else "a" for number, name in enumerate(names)]
    guess = ["abc"[int(name[1:])] for name in names]
    result = permutation_test(guess, true, names, spec=MACRO_F1, labels=LABELS, seed=0, num_permutations=200)
    assert result.p_value == 1.0
    assert result.chance == pytest.approx(result.observed)


def test_p_of_pure_guessing_is_uniform() -> None:
    p_values = []
    for seed in range(200):
        true, guess, names = labelled(5, 20, 0.0, seed=seed)
        test = permutation_test(guess, true, names, spec=MACRO_F1, labels=LABELS, seed=seed, num_permutations=99)
        p_values.append(test.p_value)
    assert stats.kstest(p_values, "uniform").statistic < 0.12  # the 1 % point for 200 draws is 0.115
    assert np.mean(np.array(p_values) <= 0.05) < 0.10


@pytest.mark.filterwarnings("error")
def test_undefined_resamples_are_left_out_and_counted() -> None:
    from merit_cli.metrics.respiratory import ICBHI_SCORE

    true = ["normal"] * 58 + ["wheeze"] * 2
    names = [f"p{number // 2}" for number in range(60)]
    interval = score_interval(ICBHI_SCORE, true, true, names, labels=["normal", "wheeze"], seed=0)
    assert interval.mean == 1.0
    assert "undefined in" in interval.note
