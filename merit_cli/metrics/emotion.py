"""Scores of a single-label classifier, from confusion counts (..., C, C) with the true class in rows.

Which classes a mean runs over is a stated rule, because a class of the label set may not occur:
F1 means run over the classes that occur among the true or the predicted labels (as scikit-learn
does when it is given no label list), recall means over those that occur among the true labels (as
its balanced accuracy). A score is NaN where there are no items at all.
"""

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
