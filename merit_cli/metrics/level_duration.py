"""The baseline a classifier must beat: the label from level and duration alone.

Acted emotion is given away by loudness: noise that is scaled to the speech keeps its level at every
SNR, so a model that is not above this baseline has shown nothing. A multinomial logistic regression
on two standardised features, fitted by gradient descent with a small ridge penalty, in numpy.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
QUIETEST_DB = -120.0
"""Level given to digital silence."""


def level_and_duration(samples: npt.NDArray[np.floating], sample_rate: int) -> tuple[float, float]:
    """RMS level in dB re full scale and log duration in log seconds, of a signal (N,).

    >>> level_and_duration(np.full(16000, 0.1), 16000)
    (-20.0, 0.0)
    """
    power = float(np.mean(np.square(samples, dtype=np.float64)))
    level = 10.0 * np.log10(power) if power > 0.0 else QUIETEST_DB
    return float(round(max(level, QUIETEST_DB), 9)), float(np.log(len(samples) / sample_rate))


@dataclass(frozen=True)
class LogisticModel:
    """A fitted multinomial logistic regression.

    Args:
        labels: C classes in the order of the columns.
        mean: Of each feature (F,) in training.
        scale: Standard deviation of each feature (F,), 1 where it is constant.
        weights: (F + 1, C), the last row is the bias.
    """

    labels: tuple[str, ...]
    mean: FloatArray
    scale: FloatArray
    weights: FloatArray

    def predict(self, features: npt.ArrayLike) -> list[str]:
        """The most probable label of each row of ``features`` (B, F)."""
        scores = _with_bias((np.asarray(features, dtype=np.float64) - self.mean) / self.scale) @ self.weights
        return [self.labels[index] for index in scores.argmax(axis=1)]


def fit_logistic(
    features: npt.ArrayLike, labels: Sequence[str], *, ridge: float = 1e-3, steps: int = 2000
) -> LogisticModel:
    """Fit by full-batch gradient descent with the classes weighted equally.

    Args:
        features: (B, F).
        labels: B of them, two classes at least.
        ridge: Penalty on the squared weights, the bias left out; ours.
        steps: Of gradient descent, at the largest step that is safe for this loss; ours.

    >>> model = fit_logistic([[0.0], [0.1], [0.9], [1.0]], ["low", "low", "high", "high"])
    >>> model.predict([[0.2], [0.8]])
    ['low', 'high']
    """
    values = np.asarray(features, dtype=np.float64)
    names = tuple(sorted(set(labels)))
    assert len(names) >= 2, f"only the class {names}"
    assert len(values) == len(labels), f"{len(values)} rows, {len(labels)} labels"
    mean, scale = values.mean(axis=0), values.std(axis=0)
    scale = np.where(scale > 0.0, scale, 1.0)
    inputs = _with_bias((values - mean) / scale)
    targets = np.array([[label == name for name in names] for label in labels], dtype=np.float64)
    balance = (targets / targets.sum(axis=0)).sum(axis=1, keepdims=True) / len(names)  # sums to 1 over the rows
    penalty = np.full((inputs.shape[1], 1), ridge)
    penalty[-1] = 0.0
    # The softmax loss has a Hessian below half the weighted second moment of the inputs.
    curvature = 0.5 * float(np.linalg.norm(inputs.T @ (balance * inputs), 2)) + ridge
    weights = np.zeros((inputs.shape[1], len(names)))
    for _ in range(steps):
        gradient = inputs.T @ (balance * (_softmax(inputs @ weights) - targets)) + penalty * weights
        weights = weights - gradient / curvature
    return LogisticModel(names, mean, scale, weights)


def _with_bias(values: FloatArray) -> FloatArray:
    return np.hstack([values, np.ones((len(values), 1))])


def _softmax(scores: FloatArray) -> FloatArray:
    grown = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(grown / grown.sum(axis=1, keepdims=True))
