"""What a model that may abstain is worth: risk against coverage, scores of what it answers.

Rows are answered in order of falling confidence; rows of equal confidence are answered together, as the
mean over their orders. Nothing here chooses a threshold: that is done on dev data.

Source: El-Yaniv and Wiener 2010; Geifman and El-Yaniv 2017, "Selective classification for deep neural networks".
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from merit_cli.errors import BadData
from merit_cli.metrics.spec import FloatArray, MetricSpec

IntArray = npt.NDArray[np.int64]
ABSTENTION_SCORES = ("accuracy", "micro_f1", "uar", "icbhi_se", "icbhi_se_two_class", "icbhi_sp", "icbhi_score")
"""Scores of recall alone, for which an unanswered row can count as wrong without counting for a class."""


@dataclass(frozen=True)
class RiskCoverage:
    """Risk at every number of answered rows.

    Args:
        coverage: Share of rows answered (N,), 1/N to 1.
        risk: Share of the answered rows that are wrong (N,).
        threshold: Confidence of the last row answered (N,).
    """

    coverage: FloatArray
    risk: FloatArray
    threshold: FloatArray

    @property
    def area(self) -> float:
        """Mean risk over all coverages, in [0, 1], lower is better (Geifman and El-Yaniv 2017, AURC)."""
        return float(self.risk.mean())

    @property
    def excess_area(self) -> float:
        """The area above that of the best order of the same answers (Geifman, Uziel, El-Yaniv 2019, E-AURC)."""
        num_rows = self.risk.size
        num_wrong = round(float(self.risk[-1]) * num_rows)
        wrong = np.maximum(np.arange(1, num_rows + 1) - (num_rows - num_wrong), 0)
        return self.area - float((wrong / np.arange(1, num_rows + 1)).mean())

    def risk_at(self, coverage: float) -> float:
        """Risk where at least this share of the rows is answered.

        Raises:
            BadData: The share is not in (0, 1].
        """
        return float(self.risk[num_answered(coverage, self.risk.size) - 1])


def risk_coverage(is_right: npt.NDArray[np.bool_], confidence: FloatArray) -> RiskCoverage:
    """The curve over rows that are right or wrong (N,) with these confidences (N,).

    Raises:
        BadData: The lengths differ, there are no rows, or a confidence is not finite.

    >>> curve = risk_coverage(np.array([True, True, False]), np.array([0.9, 0.8, 0.3]))
    >>> curve.risk.round(3).tolist(), round(curve.area, 3)
    ([0.0, 0.0, 0.333], 0.111)
    """
    _check(is_right, confidence)
    order = np.argsort(-confidence, kind="stable")
    threshold = confidence[order]
    wrong = (~is_right[order]).astype(np.float64)
    starts = np.flatnonzero(np.concatenate([[True], threshold[1:] != threshold[:-1]]))
    sizes = np.diff(np.append(starts, wrong.size))
    wrong = np.repeat(np.add.reduceat(wrong, starts) / sizes, sizes)  # equal confidences: mean over their orders
    numbers = np.arange(1, wrong.size + 1)
    return RiskCoverage(numbers / wrong.size, np.cumsum(wrong) / numbers, threshold)


def selective_score(
    spec: MetricSpec, true_codes: IntArray, predicted_codes: IntArray, answered: npt.NDArray[np.bool_], num_classes: int
) -> float | None:
    """A score over the answered rows alone; None where it is undefined on them.

    Args:
        spec: Of kind ``classification`` or ``respiratory``.
        true_codes: (N,).
        predicted_codes: (N,).
        answered: (N,).
        num_classes: C.
    """
    counts = _confusion(true_codes[answered], predicted_codes[answered], num_classes)
    value = float(spec.compute(counts))
    return value if np.isfinite(value) else None


def score_at_full_coverage(
    spec: MetricSpec, true_codes: IntArray, predicted_codes: IntArray, answered: npt.NDArray[np.bool_], num_classes: int
) -> float | None:
    """A score over all rows, where an unanswered one counts as wrong; None where it is undefined on them.

    An unanswered row of class 0, normal, counts as class 1, one of any other class as class 0: wrong for
    every score of recall, the two-class sensitivity included.

    Raises:
        BadData: The score also counts false alarms of a class (F1), for which "wrong" does not say enough.
    """
    if spec.name not in ABSTENTION_SCORES:
        raise BadData(
            f"{spec.name} does not say what an unanswered row is worth",
            hint=f"use one of {', '.join(ABSTENTION_SCORES)}",
        )
    wrong = np.where(true_codes == 0, 1, 0)
    return selective_score(
        spec, true_codes, np.where(answered, predicted_codes, wrong), np.ones_like(answered), num_classes
    )


def scores_by_coverage(
    spec: MetricSpec,
    true_codes: IntArray,
    predicted_codes: IntArray,
    confidence: FloatArray,
    *,
    num_classes: int,
    coverages: Sequence[float],
) -> list[float | None]:
    """The score over the most confident rows at each coverage; None where it is undefined there.

    Rows as confident as the last one needed are answered too.

    Raises:
        BadData: As `risk_coverage`; or a coverage is not in (0, 1].
    """
    _check(true_codes == predicted_codes, confidence)
    falling = np.sort(confidence)[::-1]
    return [
        selective_score(
            spec,
            true_codes,
            predicted_codes,
            confidence >= falling[num_answered(coverage, falling.size) - 1],
            num_classes,
        )
        for coverage in coverages
    ]


def num_answered(coverage: float, num_rows: int) -> int:
    """The least number of rows that is this share of them.

    Raises:
        BadData: The share is not in (0, 1].

    >>> num_answered(0.7, 10), num_answered(0.71, 10)
    (7, 8)
    """
    if not 0.0 < coverage <= 1.0:
        raise BadData(f"a coverage of {coverage} is not in (0, 1]")
    return max(1, int(np.ceil(coverage * num_rows - 1e-9)))


def _confusion(true_codes: IntArray, predicted_codes: IntArray, num_classes: int) -> FloatArray:
    flat = np.bincount(true_codes * num_classes + predicted_codes, minlength=num_classes**2)
    return flat.reshape(num_classes, num_classes).astype(np.float64)


def _check(is_right: npt.NDArray[np.bool_], confidence: FloatArray) -> None:
    if is_right.shape != confidence.shape or is_right.ndim != 1:
        raise BadData(f"{is_right.size} answers stand against {confidence.size} confidences")
    if not is_right.size:
        raise BadData("there are no answers to score")
    if not np.isfinite(confidence).all():
        raise BadData("a confidence is not finite")
