"""Scores over labels, probabilities and attributes as their definitions read: loops over rows. Slow on purpose."""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


def class_counts(truth: Sequence[int], guess: Sequence[int], label: int) -> tuple[int, int, int]:
    """Right, true and predicted rows of one class."""
    right = sum(t == label and g == label for t, g in zip(truth, guess, strict=True))
    return right, sum(t == label for t in truth), sum(g == label for g in guess)


def macro_f1(truth: Sequence[int], guess: Sequence[int]) -> float:
    """Mean F1 over the classes that occur."""
    counts = [class_counts(truth, guess, label) for label in sorted({*truth, *guess})]
    return sum(2 * right / (true + predicted) for right, true, predicted in counts) / len(counts)


def weighted_f1(truth: Sequence[int], guess: Sequence[int]) -> float:
    """Mean F1 weighted by the true rows."""
    counts = [class_counts(truth, guess, label) for label in sorted({*truth, *guess})]
    return sum(true * 2 * right / (true + predicted) for right, true, predicted in counts) / len(truth)


def accuracy(truth: Sequence[int], guess: Sequence[int]) -> float:
    """Share of right rows."""
    return sum(t == g for t, g in zip(truth, guess, strict=True)) / len(truth)


def uar(truth: Sequence[int], guess: Sequence[int]) -> float:
    """Mean recall over the true classes."""
    counts = [class_counts(truth, guess, label) for label in sorted(set(truth))]
    return sum(right / true for right, true, _ in counts) / len(counts)


def icbhi(truth: Sequence[int], guess: Sequence[int]) -> dict[str, float]:
    """Sensitivity, two-class sensitivity, specificity and Score; class 0 is normal."""
    rows = list(zip(truth, guess, strict=True))
    abnormal, normal = [row for row in rows if row[0] > 0], [row for row in rows if row[0] == 0]
    exact = sum(t == g for t, g in abnormal) / len(abnormal)
    specificity = sum(g == 0 for _, g in normal) / len(normal)
    return {
        "icbhi_se": exact,
        "icbhi_se_two_class": sum(g > 0 for _, g in abnormal) / len(abnormal),
        "icbhi_sp": specificity,
        "icbhi_score": (exact + specificity) / 2,
    }


def area(positive: Array, negative: Array) -> float:
    """Share of pairs in which the positive scores higher, ties half."""
    return sum(float((p > negative).sum() + 0.5 * (p == negative).sum()) for p in positive) / (
        len(positive) * len(negative)
    )


def auc(truth: npt.NDArray[np.int64], probabilities: Array) -> float:
    """Mean area of each class against the rest."""
    classes = range(probabilities.shape[1])
    return float(np.mean([area(probabilities[truth == c, c], probabilities[truth != c, c]) for c in classes]))


def ece(truth: npt.NDArray[np.int64], probabilities: Array) -> float:
    """Expected calibration error over 15 bins (i / 15, (i + 1) / 15]."""
    confidence, guess = probabilities.max(axis=1), probabilities.argmax(axis=1)
    total = 0.0
    for i in range(15):
        rows = [k for k in range(len(truth)) if i / 15 < confidence[k] <= (i + 1) / 15]
        if rows:
            right = sum(bool(guess[k] == truth[k]) for k in rows) / len(rows)
            total += len(rows) / len(truth) * abs(right - math.fsum(confidence[k] for k in rows) / len(rows))
    return total


def ccc(truth: Array, predicted: Array) -> float:
    """Concordance correlation, moments over n."""
    n = len(truth)
    mean_t, mean_p = math.fsum(truth) / n, math.fsum(predicted) / n
    covariance = math.fsum((t - mean_t) * (p - mean_p) for t, p in zip(truth, predicted, strict=True)) / n
    spread = math.fsum((t - mean_t) ** 2 for t in truth) / n + math.fsum((p - mean_p) ** 2 for p in predicted) / n
    return 2 * covariance / (spread + (mean_t - mean_p) ** 2)


def rmse(truth: Array, predicted: Array) -> float:
    """Root mean square error."""
    return math.sqrt(math.fsum((t - p) ** 2 for t, p in zip(truth, predicted, strict=True)) / len(truth))
