"""ICBHI scores of lung sounds, from confusion counts (..., C, C) with the true class in rows and normal as class 0.

Two sensitivities are in use and differ by several points: the exact one asks for the right abnormal
class, the two-class one for any abnormal class. The Score here is the mean of Sp and the exact Se.

Source: Rocha et al. 2019, "An open access database for the evaluation of respiratory sound classification algorithms".
"""

import numpy as np

from merit_cli.metrics.confusion import Counts, safe_divide
from merit_cli.metrics.spec import FloatArray, MetricSpec

_SOURCE = "Rocha et al. 2019"


def icbhi_se(confusion: Counts) -> FloatArray:
    """Sensitivity (...): abnormal cycles given their exact class, over all abnormal cycles; NaN without any.

    >>> counts = np.array([[8, 1, 1], [1, 2, 1], [0, 0, 4]])
    >>> float(icbhi_se(counts)), float(icbhi_se_two_class(counts)), float(icbhi_sp(counts))
    (0.75, 0.875, 0.8)
    """
    abnormal = confusion[..., 1:, :]
    hits = np.trace(confusion[..., 1:, 1:], axis1=-2, axis2=-1)
    return safe_divide(hits, abnormal.sum(axis=(-2, -1)))


def icbhi_se_two_class(confusion: Counts) -> FloatArray:
    """Looser sensitivity (...): abnormal cycles given any abnormal class, over all abnormal cycles."""
    hits = confusion[..., 1:, 1:].sum(axis=(-2, -1))
    return safe_divide(hits, confusion[..., 1:, :].sum(axis=(-2, -1)))


def icbhi_sp(confusion: Counts) -> FloatArray:
    """Specificity (...): normal cycles called normal, over all normal cycles; NaN without any."""
    return safe_divide(confusion[..., 0, 0], confusion[..., 0, :].sum(axis=-1))


def icbhi_score(confusion: Counts) -> FloatArray:
    """ICBHI Score (...): mean of `icbhi_se` and `icbhi_sp`; NaN without normal or without abnormal cycles."""
    return (icbhi_se(confusion) + icbhi_sp(confusion)) / 2.0


ICBHI_SE = MetricSpec(
    "icbhi_se",
    "respiratory",
    icbhi_se,
    "",
    higher_is_better=True,
    range=(0.0, 1.0),
    source=f"{_SOURCE}; exact class",
)
ICBHI_SE_TWO_CLASS = MetricSpec(
    "icbhi_se_two_class",
    "respiratory",
    icbhi_se_two_class,
    "",
    higher_is_better=True,
    range=(0.0, 1.0),
    source=f"{_SOURCE}; any abnormal class",
)
ICBHI_SP = MetricSpec("icbhi_sp", "respiratory", icbhi_sp, "", higher_is_better=True, range=(0.0, 1.0), source=_SOURCE)
ICBHI_SCORE = MetricSpec(
    "icbhi_score",
    "respiratory",
    icbhi_score,
    "",
    higher_is_better=True,
    range=(0.0, 1.0),
    source=f"{_SOURCE}; exact class",
)
