"""Confusion counts: the sufficient statistics of every score over labels.

Counts are (..., C, C) with the true class in rows. Scores over labels are functions of counts
alone, so that a resample of speakers is a sum of their counts.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from merit_cli.errors import BadData
from merit_cli.metrics.spec import FloatArray, MetricSpec

CountArray = npt.NDArray[np.int64]
Counts = npt.NDArray[np.int64] | FloatArray
"""Whole numbers, or float64 where resamples were summed by a matrix product."""


def confusion_matrix(reference: Sequence[str], predicted: Sequence[str], labels: Sequence[str]) -> CountArray:
    """Counts (C, C) of true class (rows) by predicted class (columns), in the order of ``labels``.

    Raises:
        BadData: The lengths differ, there are no items, or a label is not in ``labels``.

    >>> confusion_matrix(["a", "a", "b"], ["a", "b", "b"], ["a", "b"]).tolist()
    [[1, 1], [0, 1]]
    """
    codes = np.zeros(len(reference), dtype=np.int64)
    counts: CountArray = cluster_confusions(reference, predicted, codes, labels)[0]
    return counts


def cluster_confusions(
    reference: Sequence[str], predicted: Sequence[str], codes: npt.NDArray[np.int64], labels: Sequence[str]
) -> CountArray:
    """Counts (K, C, C) of each cluster; ``codes`` (N,) number the clusters from 0.

    Raises:
        BadData: The lengths differ, there are no items, or a label is not in ``labels``.
    """
    if not len(reference) == len(predicted) == codes.size:
        raise BadData(f"{len(reference)} true labels stand against {len(predicted)} predicted ones")
    if not len(reference):
        raise BadData("there are no labels to score")
    num_classes, num_clusters = len(labels), int(codes.max()) + 1
    true_codes, predicted_codes = label_codes(reference, labels), label_codes(predicted, labels)
    flat = (codes * num_classes + true_codes) * num_classes + predicted_codes
    counts = np.bincount(flat, minlength=num_clusters * num_classes**2)
    return counts.reshape(num_clusters, num_classes, num_classes)


def label_codes(names: Sequence[str], labels: Sequence[str]) -> CountArray:
    """The place of each name in ``labels``, (N,).

    Raises:
        BadData: A name is not in ``labels``.

    >>> label_codes(["b", "a"], ["a", "b"]).tolist()
    [1, 0]
    """
    places = {label: place for place, label in enumerate(labels)}
    try:
        return np.fromiter((places[name] for name in names), dtype=np.int64, count=len(names))
    except KeyError as error:
        raise BadData(f"the label {error.args[0]!r} is not a known class", hint=f"known: {', '.join(labels)}") from None


def score_of(spec: MetricSpec, confusion: Counts) -> float:
    """One score of one matrix (C, C).

    Raises:
        BadData: The score is undefined on these counts.
    """
    value = float(spec.compute(confusion))
    if not np.isfinite(value):
        raise BadData(f"{spec.name} is undefined on these labels", hint="a class it needs does not occur")
    return value


def safe_divide(numerator: npt.NDArray[Any], denominator: npt.NDArray[Any]) -> FloatArray:
    """Quotient, NaN where the denominator is 0."""
    undefined = np.full(np.shape(denominator), np.nan)
    quotient: FloatArray = np.divide(numerator, denominator, out=undefined, where=np.asarray(denominator) != 0)
    return quotient
