"""Scores over labels against scikit-learn, and by hand on counts small enough to see."""

from collections.abc import Callable

import numpy as np
import pytest
from sklearn import metrics as sklearn_metrics

from merit_cli.errors import BadData
from merit_cli.metrics.confusion import cluster_confusions, confusion_matrix, score_of
from merit_cli.metrics.emotion import (
    ACCURACY,
    MACRO_F1,
    MICRO_F1,
    UAR,
    WEIGHTED_F1,
    class_metric,
    class_scores,
)
from merit_cli.metrics.respiratory import ICBHI_SCORE, ICBHI_SE, ICBHI_SE_TWO_CLASS, ICBHI_SP
from merit_cli.metrics.spec import MetricSpec

LABELS = ["angry", "happy", "neutral", "sad"]
Draw = Callable[[int], tuple[list[str], list[str]]]
ORACLES = [
    (MACRO_F1, lambda true, guess: sklearn_metrics.f1_score(true, guess, average="macro")),
    (MICRO_F1, lambda true, guess: sklearn_metrics.f1_score(true, guess, average="micro")),
    (WEIGHTED_F1, lambda true, guess: sklearn_metrics.f1_score(true, guess, average="weighted")),
    (ACCURACY, sklearn_metrics.accuracy_score),
    (UAR, sklearn_metrics.balanced_accuracy_score),
]


def draw(seed: int, true_labels: list[str], predicted_labels: list[str]) -> tuple[list[str], list[str]]:
    rng = np.random.default_rng(seed)
    true = rng.choice(true_labels, 60)
    guess = np.where(rng.random(60) < 0.4, true, rng.choice(predicted_labels, 60))
    return true.tolist(), guess.tolist()


@pytest.mark.parametrize(("spec", "oracle"), ORACLES, ids=[spec.name for spec, _ in ORACLES])
@pytest.mark.parametrize(
    ("true_labels", "predicted_labels"),
    [(LABELS, LABELS), (LABELS, LABELS[:2]), (LABELS[:2], LABELS[:3])],
    ids=["all", "class never predicted", "class never true"],
)
@pytest.mark.filterwarnings("ignore:y_pred contains classes")
def test_scores_equal_scikit_learn(
    spec: MetricSpec, oracle: Callable[..., float], true_labels: list[str], predicted_labels: list[str]
) -> None:
    for seed in range(5):
        true, guess = draw(seed, true_labels, predicted_labels)
        assert score_of(spec, confusion_matrix(true, guess, LABELS)) == pytest.approx(oracle(true, guess), abs=1e-12)


def test_confusion_equals_scikit_learn() -> None:
    true, guess = draw(0, LABELS, LABELS)
    expected = sklearn_metrics.confusion_matrix(true, guess, labels=LABELS)
    assert confusion_matrix(true, guess, LABELS).tolist() == expected.tolist()


def test_scores_of_many_matrices_are_those_of_each() -> None:
    counts = np.random.default_rng(0).integers(0, 9, (7, 4, 4))
    for spec in (MACRO_F1, MICRO_F1, WEIGHTED_F1, ACCURACY, UAR, ICBHI_SE, ICBHI_SE_TWO_CLASS, ICBHI_SP, ICBHI_SCORE):
        np.testing.assert_allclose(spec.compute(counts), [score_of(spec, matrix) for matrix in counts])


def test_counts_of_clusters_sum_to_the_whole() -> None:
    true, guess = draw(1, LABELS, LABELS)
    parts = cluster_confusions(true, guess, np.arange(60) % 7, LABELS)
    assert parts.shape == (7, 4, 4)
    assert parts.sum(axis=0).tolist() == confusion_matrix(true, guess, LABELS).tolist()


def test_icbhi_scores_by_hand() -> None:
    # 10 normal (8 right), 10 abnormal: 6 exact, 2 in the other abnormal class, 2 called normal
    counts = np.array([[8, 1, 1], [1, 4, 1], [1, 1, 2]])
    assert score_of(ICBHI_SP, counts) == 0.8
    assert score_of(ICBHI_SE, counts) == 0.6
    assert score_of(ICBHI_SE_TWO_CLASS, counts) == 0.8
    assert score_of(ICBHI_SCORE, counts) == pytest.approx(0.7)


@pytest.mark.parametrize("spec", [ICBHI_SE, ICBHI_SE_TWO_CLASS, ICBHI_SCORE])
def test_icbhi_without_abnormal_cycles_is_refused(spec: MetricSpec) -> None:
    with pytest.raises(BadData, match=f"{spec.name} is undefined"):
        score_of(spec, np.array([[3, 1], [0, 0]]))


def test_an_unknown_label_is_refused_by_name() -> None:
    with pytest.raises(BadData, match="'bored' is not a known class"):
        confusion_matrix(["bored"], ["sad"], LABELS)


@pytest.mark.parametrize(("true", "guess", "words"), [(["sad"], [], "1 true labels"), ([], [], "no labels")])
def test_labels_that_do_not_pair_are_refused(true: list[str], guess: list[str], words: str) -> None:
    with pytest.raises(BadData, match=words):
        confusion_matrix(true, guess, LABELS)


def test_scores_of_each_class_equal_scikit_learn() -> None:
    true, guess = draw(2, LABELS, LABELS)
    counts = confusion_matrix(true, guess, LABELS)
    precision, recall, f1, support = sklearn_metrics.precision_recall_fscore_support(true, guess, labels=LABELS)
    found = class_scores(counts, LABELS)
    assert [one.label for one in found] == LABELS
    assert [one.precision for one in found] == pytest.approx(precision)
    assert [one.recall for one in found] == pytest.approx(recall)
    assert [one.f1 for one in found] == pytest.approx(f1)
    assert [one.num_true for one in found] == support.tolist()
    assert float(class_metric("precision", "sad", LABELS).compute(counts)) == pytest.approx(precision[3])


def test_scores_of_a_class_that_never_occurs_are_none_and_not_zero() -> None:
    [_, _, _, sad] = class_scores(confusion_matrix(["angry"], ["happy"], LABELS), LABELS)
    assert (sad.num_true, sad.num_predicted, sad.recall, sad.precision, sad.f1) == (0, 0, None, None, None)
