"""Risk against coverage, and scores of a model that may abstain."""

import itertools

import numpy as np
import pytest

from merit_cli.errors import BadData
from merit_cli.metrics.emotion import ACCURACY, MACRO_F1
from merit_cli.metrics.respiratory import ICBHI_SCORE, ICBHI_SE_TWO_CLASS, ICBHI_SP
from merit_cli.metrics.selective import risk_coverage, score_at_full_coverage, scores_by_coverage, selective_score


def test_the_curve_is_the_risk_of_each_prefix() -> None:
    rng = np.random.default_rng(0)
    confidence = rng.permutation(200) / 200.0
    right = rng.random(200) < confidence
    curve = risk_coverage(right, confidence)
    order = sorted(range(200), key=lambda row: -confidence[row])
    for answered in (1, 17, 200):
        assert curve.risk[answered - 1] == pytest.approx(np.mean([not right[row] for row in order[:answered]]))
        assert curve.coverage[answered - 1] == answered / 200
        assert curve.threshold[answered - 1] == confidence[order[answered - 1]]


def test_equal_confidences_are_the_mean_over_their_orders() -> None:
    right = np.array([True, False, True, False, False])
    confidence = np.array([0.9, 0.5, 0.5, 0.5, 0.1])
    curves = []
    for middle in itertools.permutations([1, 2, 3]):
        wrong = ~right[[0, *middle, 4]]
        curves.append(np.cumsum(wrong) / np.arange(1, 6))
    curve = risk_coverage(right, confidence)
    np.testing.assert_allclose(curve.risk, np.mean(curves, axis=0))


def test_the_best_order_has_no_excess_area() -> None:
    right = np.array([False, True, True, False, True])
    assert risk_coverage(right, right.astype(np.float64)).excess_area == pytest.approx(0.0)
    assert risk_coverage(right, np.array([0.1, 0.9, 0.8, 0.2, 0.7])).excess_area == pytest.approx(0.0)
    assert risk_coverage(right, np.array([0.9, 0.1, 0.2, 0.8, 0.3])).excess_area > 0.3


def test_risk_is_read_at_the_least_coverage_asked_for() -> None:
    curve = risk_coverage(np.array([True, True, False, False]), np.array([0.9, 0.8, 0.7, 0.6]))
    assert [curve.risk_at(coverage) for coverage in (0.25, 0.5, 0.51, 1.0)] == pytest.approx([0.0, 0.0, 1 / 3, 0.5])
    with pytest.raises(BadData, match=r"not in \(0, 1\]"):
        curve.risk_at(0.0)


TRUE = np.array([0, 0, 0, 0, 1, 1, 2, 2])
GUESS = np.array([0, 0, 0, 1, 1, 2, 2, 0])
ANSWERED = np.array([True, True, False, True, True, True, False, True])


def test_the_selective_score_is_over_answered_rows() -> None:
    assert selective_score(ACCURACY, TRUE, GUESS, ANSWERED, 3) == pytest.approx(3 / 6)
    assert selective_score(ICBHI_SP, TRUE, GUESS, ANSWERED, 3) == pytest.approx(2 / 3)


def test_at_full_coverage_an_unanswered_row_is_wrong() -> None:
    assert score_at_full_coverage(ACCURACY, TRUE, GUESS, ANSWERED, 3) == pytest.approx(3 / 8)
    assert score_at_full_coverage(ICBHI_SP, TRUE, GUESS, ANSWERED, 3) == pytest.approx(2 / 4)
    assert score_at_full_coverage(ICBHI_SE_TWO_CLASS, TRUE, GUESS, ANSWERED, 3) == pytest.approx(2 / 4)
    assert score_at_full_coverage(ICBHI_SCORE, TRUE, GUESS, ANSWERED, 3) == pytest.approx((2 / 4 + 1 / 4) / 2)


def test_f1_of_unanswered_rows_is_refused_with_what_can_be_used() -> None:
    with pytest.raises(BadData, match="macro_f1 does not say") as caught:
        score_at_full_coverage(MACRO_F1, TRUE, GUESS, ANSWERED, 3)
    assert "icbhi_score" in caught.value.hint


def test_scores_by_coverage_answer_the_most_confident_first() -> None:
    confidence = np.array([0.9, 0.8, 0.3, 0.2, 0.7, 0.1, 0.6, 0.15])
    found = scores_by_coverage(ACCURACY, TRUE, GUESS, confidence, num_classes=3, coverages=(0.5, 0.75, 1.0))
    assert found == pytest.approx([1.0, 5 / 6, 5 / 8])
    [nothing] = scores_by_coverage(ICBHI_SCORE, TRUE, GUESS, confidence, num_classes=3, coverages=(0.1,))
    assert nothing is None  # one normal row has no sensitivity


@pytest.mark.parametrize(
    ("right", "confidence", "words"),
    [
        (np.ones(2, dtype=bool), np.ones(3), "2 answers stand against 3"),
        (np.ones(0, dtype=bool), np.ones(0), "no answers"),
        (np.ones(1, dtype=bool), np.array([np.nan]), "not finite"),
    ],
)
def test_answers_that_do_not_pair_are_refused(right, confidence, words: str) -> None:  # noqa: ANN001
    with pytest.raises(BadData, match=words):
        risk_coverage(right, confidence)
