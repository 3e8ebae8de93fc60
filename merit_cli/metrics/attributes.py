"""Scores over one continuous attribute, such as arousal, as functions of sums over speakers.

Source: Lin 1989, "A concordance correlation coefficient to evaluate reproducibility".
"""

import numpy as np
import numpy.typing as npt

from merit_cli.errors import BadData
from merit_cli.metrics.confusion import safe_divide
from merit_cli.metrics.spec import FloatArray, MetricSpec

IntArray = npt.NDArray[np.int64]


def moment_sums(truth: FloatArray, predicted: FloatArray, units: IntArray, num_units: int) -> FloatArray:
    """Per unit the sums (K, 6) of 1, t, p, t^2, p^2 and t p, with the mean of the truth taken off both first.

    Raises:
        BadData: The lengths differ, there are no rows, or a value is not finite.

    >>> moment_sums(np.array([1.0, 3.0]), np.array([2.0, 3.0]), np.array([0, 0]), 1).tolist()
    [[2.0, 0.0, 1.0, 2.0, 1.0, 1.0]]
    """
    if not truth.shape == predicted.shape == units.shape or truth.ndim != 1:
        raise BadData(f"{truth.shape} true values stand against {predicted.shape} predicted ones")
    if not truth.size:
        raise BadData("there are no values to score")
    if not (np.isfinite(truth).all() and np.isfinite(predicted).all()):
        raise BadData("a value is not finite; leave out what was not predicted")
    centre = truth.mean()  # keeps the squares small; neither score depends on it
    true, guess = truth - centre, predicted - centre
    columns = (np.ones_like(true), true, guess, true**2, guess**2, true * guess)
    return np.stack([np.bincount(units, weights=column, minlength=num_units) for column in columns], axis=-1)


def ccc(sums: FloatArray) -> FloatArray:
    """Concordance correlation (...) from (..., 6): 2 s_tp / (s_t^2 + s_p^2 + (m_t - m_p)^2), variances over n.

    NaN where neither varies and the means agree.

    Source: Lin 1989, eq. 2.

    >>> truth = np.array([1.0, 2.0, 3.0])
    >>> round(float(ccc(moment_sums(truth, truth + 1.0, np.zeros(3, dtype=np.int64), 1)[0])), 6)
    0.571429
    """
    count = sums[..., 0]
    mean_true, mean_guess = safe_divide(sums[..., 1], count), safe_divide(sums[..., 2], count)
    covariance = safe_divide(sums[..., 5], count) - mean_true * mean_guess
    squares = safe_divide(sums[..., 3] + sums[..., 4], count) - 2.0 * mean_true * mean_guess
    return safe_divide(2.0 * covariance, squares)


def rmse(sums: FloatArray) -> FloatArray:
    """Root mean square error (...) from (..., 6), in the attribute's unit.

    >>> truth = np.array([1.0, 2.0, 3.0])
    >>> float(rmse(moment_sums(truth, truth + 1.0, np.zeros(3, dtype=np.int64), 1)[0]))
    1.0
    """
    squares = sums[..., 3] + sums[..., 4] - 2.0 * sums[..., 5]
    return np.asarray(np.sqrt(np.maximum(safe_divide(squares, sums[..., 0]), 0.0)))


CCC = MetricSpec(
    "ccc",
    "attribute",
    ccc,
    "",
    higher_is_better=True,
    range=(-1.0, 1.0),
    source="Lin 1989, eq. 2; variances over n",
    sufficient=moment_sums,
)
RMSE = MetricSpec(
    "rmse",
    "attribute",
    rmse,
    "",
    higher_is_better=False,
    range=(0.0, float("inf")),
    source="definition",
    sufficient=moment_sums,
)
