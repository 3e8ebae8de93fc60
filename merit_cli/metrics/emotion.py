"""Scores of a single-label classifier, from confusion counts (..., C, C) with the true class in rows.

Which classes a mean runs over is a stated rule, because a class of the label set may not occur:
F1 means run over the classes that occur among the true or the predicted labels (as scikit-learn
does when it is given no label list), recall means over those that occur among the true labels (as
its balanced accuracy). A score is NaN where there are no items at all.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from merit_cli.metrics.confusion import Counts, safe_divide
from merit_cli.metrics.spec import FloatArray, MetricSpec


def class_f1(confusion: Counts) -> FloatArray:
    """F1 of each class (..., C): 2 TP / (2 TP + FP + FN); NaN where the class is neither true nor predicted.

    Source: van Rijsbergen 1979, beta = 1.
    """
    hits = np.diagonal(confusion, axis1=-2, axis2=-1)
    return safe_divide(2.0 * hits, confusion.sum(axis=-1) + confusion.sum(axis=-2))


def class_recall(confusion: Counts) -> FloatArray:
    """Recall of each class (..., C); NaN where the class is never true."""
    return safe_divide(np.diagonal(confusion, axis1=-2, axis2=-1), confusion.sum(axis=-1))


def class_precision(confusion: Counts) -> FloatArray:
    """Precision of each class (..., C); NaN where the class is never predicted."""
    return safe_divide(np.diagonal(confusion, axis1=-2, axis2=-1), confusion.sum(axis=-2))


@dataclass(frozen=True)
class ClassScore:
    """Scores of one class; None where it does not occur where the score looks.

    Args:
        label: The class.
        num_true: Items of it.
        num_predicted: Items called it.
        recall: In [0, 1].
        precision: In [0, 1].
        f1: In [0, 1].
    """

    label: str
    num_true: int
    num_predicted: int
    recall: float | None
    precision: float | None
    f1: float | None


def class_scores(confusion: Counts, labels: Sequence[str]) -> tuple[ClassScore, ...]:
    """Recall, precision and F1 of each class of one matrix (C, C).

    >>> [(one.label, one.recall, one.precision) for one in class_scores(np.array([[1, 1], [0, 0]]), ["a", "b"])]
    [('a', 0.5, 1.0), ('b', None, 0.0)]
    """
    columns = (class_recall(confusion), class_precision(confusion), class_f1(confusion))
    scores = ([float(value) if np.isfinite(value) else None for value in column] for column in columns)
    return tuple(
        ClassScore(label, int(confusion[place].sum()), int(confusion[:, place].sum()), recall, precision, f1)
        for place, (label, recall, precision, f1) in enumerate(zip(labels, *scores, strict=True))
    )


def class_metric(score: Literal["recall", "precision", "f1"], label: str, labels: Sequence[str]) -> MetricSpec:
    """The score of one class as a metric, so that it gets an interval like any other.

    >>> float(class_metric("recall", "b", ["a", "b"]).compute(np.array([[1, 1], [1, 3]])))
    0.75
    """
    formula = {"recall": class_recall, "precision": class_precision, "f1": class_f1}[score]
    place = list(labels).index(label)

    def compute(confusion: Counts) -> FloatArray:
        return np.asarray(formula(confusion)[..., place])

    name = f"{score}_{label}"
    return MetricSpec(
        name, "classification", compute, "", higher_is_better=True, range=(0.0, 1.0), source=f"{score} of one class"
    )


def macro_f1(confusion: Counts) -> FloatArray:
    """Mean F1 over the classes that occur among true or predicted labels; in [0, 1].

    Args:
        confusion: (..., C, C).

    Returns:
        (...).

    Source: Opitz and Burst 2019, "averaged F1".

    >>> float(macro_f1(np.array([[1, 1], [0, 1]])).round(4))
    0.6667
    """
    return _mean_of_defined(class_f1(confusion))


def micro_f1(confusion: Counts) -> FloatArray:
    """F1 of pooled decisions (...); of single labels it equals accuracy.

    >>> float(micro_f1(np.array([[1, 1], [0, 2]])))
    0.75
    """
    return accuracy(confusion)


def weighted_f1(confusion: Counts) -> FloatArray:
    """Mean F1 (...) weighted by how often each class is true.

    >>> float(weighted_f1(np.array([[1, 1], [0, 2]])).round(4))
    0.7333
    """
    support = confusion.sum(axis=-1)
    return safe_divide(np.nansum(class_f1(confusion) * support, axis=-1), support.sum(axis=-1))


def accuracy(confusion: Counts) -> FloatArray:
    """Share of items whose predicted class is the true one (...)."""
    return safe_divide(np.trace(confusion, axis1=-2, axis2=-1), confusion.sum(axis=(-2, -1)))


def uar(confusion: Counts) -> FloatArray:
    """Unweighted average recall (...): mean recall over the classes that occur among true labels.

    Source: Schuller, Steidl, Batliner 2009.

    >>> float(uar(np.array([[1, 1], [0, 2]])))
    0.75
    """
    return _mean_of_defined(class_recall(confusion))


def _mean_of_defined(values: FloatArray) -> FloatArray:
    """Mean over the last axis of what is not NaN; NaN where nothing is."""
    return safe_divide(np.nansum(values, axis=-1), np.isfinite(values).sum(axis=-1))


MACRO_F1 = MetricSpec(
    "macro_f1",
    "classification",
    macro_f1,
    "",
    higher_is_better=True,
    range=(0.0, 1.0),
    source="Opitz and Burst 2019; over classes that occur",
)
MICRO_F1 = MetricSpec(
    "micro_f1", "classification", micro_f1, "", higher_is_better=True, range=(0.0, 1.0), source="equals accuracy"
)
WEIGHTED_F1 = MetricSpec(
    "weighted_f1",
    "classification",
    weighted_f1,
    "",
    higher_is_better=True,
    range=(0.0, 1.0),
    source="F1 weighted by support",
)
ACCURACY = MetricSpec(
    "accuracy", "classification", accuracy, "", higher_is_better=True, range=(0.0, 1.0), source="definition"
)
UAR = MetricSpec(
    "uar",
    "classification",
    uar,
    "",
    higher_is_better=True,
    range=(0.0, 1.0),
    source="Schuller, Steidl, Batliner 2009; over true classes",
)
