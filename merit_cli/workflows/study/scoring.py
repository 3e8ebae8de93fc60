"""The numbers of a listening study: by arm, arm against arm, and each rater against himself.

Intervals are clustered by rater and by patient; p-values come from the exchange of two arms within raters. An answer
of ``none fits`` or ``unusable`` is a wrong one, and its share is a number of its own.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from merit_cli.metrics.agreement import cohen_kappa
from merit_cli.metrics.comparison import Comparison, holm, sign_flip_p, verdict
from merit_cli.metrics.statistics import Interval, within
from merit_cli.metrics.two_way import Clusters, Influenced, average_of, clusters_of, mean_of, two_way_interval
from merit_cli.workflows.study.answers import Row
from merit_cli.workflows.study.page import UNUSABLE

NORMAL = "normal"
PRIMARY = "icbhi_score"
REFERENCE_ARM = "noisy"
FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class StudyMetric:
    """One number of an arm.

    Args:
        name: Key in JSON.
        words: As tables say it.
        bounds: Smallest and largest value.
        higher_is_better: Which way is good; None for a plain fact.
    """

    name: str
    words: str
    bounds: tuple[float, float]
    higher_is_better: bool | None = True


METRICS = (
    StudyMetric("accuracy", "accuracy", (0.0, 1.0)),
    StudyMetric("icbhi_se", "Se, exact class", (0.0, 1.0)),
    StudyMetric("icbhi_sp", "Sp", (0.0, 1.0)),
    StudyMetric(PRIMARY, "Score", (0.0, 1.0)),
    StudyMetric("confidence", "confidence, 1-5", (1.0, 5.0)),
    StudyMetric("trust", "trust, 1-5", (1.0, 5.0)),
    StudyMetric("unusable", "called unusable", (0.0, 1.0), higher_is_better=False),
    StudyMetric("plays", "plays", (0.0, math.inf), higher_is_better=None),
    StudyMetric("seconds", "time (s)", (0.0, math.inf), higher_is_better=None),
)


@dataclass(frozen=True)
class ArmScore:
    """One number of one arm, and the answers it rests on."""

    interval: Interval
    num_answers: int


@dataclass(frozen=True)
class Contrast:
    """One arm less the reference in one metric.

    Args:
        metric: Name.
        arm: The one.
        against: The other, which is taken from it.
        comparison: Difference with its interval, and the p-value of exchanging the arms within raters.
        p_value: Adjusted for the number of metrics; that of the primary contrast is not.
        verdict: ``ahead``, ``behind`` or ``not distinguishable``.
        primary: Whether this is the contrast that was fixed beforehand.
        num_answers: It rests on, in both arms together.
    """

    metric: str
    arm: str
    against: str
    comparison: Comparison
    p_value: float
    verdict: str
    primary: bool
    num_answers: int


class StudyAnswers:
    """First hearings of every clip, as columns.

    Args:
        rows: Of all raters; hidden duplicates are left out.
    """

    def __init__(self, rows: Sequence[Row]) -> None:
        self.rows = [row for row in rows if not row.repeats]
        self.clusters: Clusters = clusters_of([row.rater for row in self.rows], [row.patient for row in self.rows])
        self.arm_N = np.asarray([row.arm for row in self.rows])
        self.is_normal_N = np.asarray([row.truth == NORMAL for row in self.rows], dtype=bool)
        self._values = {
            "accuracy": np.asarray([row.label == row.truth for row in self.rows], dtype=np.float64),
            "unusable": np.asarray([row.label == UNUSABLE for row in self.rows], dtype=np.float64),
            **{
                name: np.asarray([getattr(row, name) for row in self.rows], dtype=np.float64)
                for name in ("confidence", "trust", "plays", "seconds")
            },
        }

    def value(self, metric: str, arm: str) -> Influenced | None:
        """The number of one arm with each row's influence; None where the arm has no answer it could rest on."""
        if metric == PRIMARY:
            parts = [self.value(name, arm) for name in ("icbhi_se", "icbhi_sp")]
            return average_of(parts[0], parts[1]) if parts[0] and parts[1] else None
        name, rows = self._columns(metric, arm)
        return mean_of(self._values[name], rows)

    def sums_by_rater(self, metric: str, arm: str) -> FloatArray:
        """Per rater the sums that the number is made of, (R, 2) or for Score (R, 4)."""
        if metric == PRIMARY:
            return np.hstack([self.sums_by_rater(name, arm) for name in ("icbhi_se", "icbhi_sp")])
        name, rows = self._columns(metric, arm)
        count = int(self.clusters.rater_N.max()) + 1
        values = np.where(rows, self._values[name], 0.0)
        columns = (values, rows.astype(np.float64))
        return np.stack([np.bincount(self.clusters.rater_N, weights=one, minlength=count) for one in columns], axis=1)

    def _columns(self, metric: str, arm: str) -> tuple[str, npt.NDArray[np.bool_]]:
        rows = self.arm_N == arm
        if metric == "icbhi_se":
            return "accuracy", rows & ~self.is_normal_N
        if metric == "icbhi_sp":
            return "accuracy", rows & self.is_normal_N
        return metric, rows


def score_arm(answers: StudyAnswers, metric: StudyMetric, arm: str) -> ArmScore | None:
    """The number of an arm with its interval; None where there is no answer it could rest on."""
    value = answers.value(metric.name, arm)
    if value is None:
        return None
    return ArmScore(within(two_way_interval(value, answers.clusters), metric.bounds), value.num_rows)


def contrasts(answers: StudyAnswers, arms: Sequence[str]) -> list[Contrast]:
    """Every arm less the noisy one, in every metric that has a better way.

    Score of the enhanced arm is the primary contrast. The others' p-values are adjusted by Holm for the number of
    metrics in their arm.
    """
    reference = REFERENCE_ARM if REFERENCE_ARM in arms else arms[0]
    others = [arm for arm in arms if arm != reference]
    primary = (PRIMARY, next((arm for arm in others if arm.startswith("enhanced")), others[0]))
    made: dict[tuple[str, str], Comparison] = {}
    numbers: dict[tuple[str, str], int] = {}
    for metric in (metric for metric in METRICS if metric.higher_is_better is not None):
        for arm in others:
            first, second = (answers.value(metric.name, one) for one in (arm, reference))
            if first is not None and second is not None:
                made[metric.name, arm] = _compare(answers, metric.name, arm, reference, first - second)
                numbers[metric.name, arm] = (first - second).num_rows
    adjusted: dict[tuple[str, str], float] = {}
    for one in others:  # what an arm does is one question, whether the material is hearable at all another
        family = {name: c.p_value for (name, arm), c in made.items() if arm == one and (name, arm) != primary}
        adjusted |= {(name, one): p for name, p in holm(family).items()}
    found = []
    ways = {metric.name: metric.higher_is_better for metric in METRICS}
    for (name, arm), comparison in made.items():
        p_value = adjusted.get((name, arm), comparison.p_value)
        words = verdict(comparison, higher_is_better=bool(ways[name]), p_value=p_value)
        is_primary = (name, arm) == primary
        found.append(Contrast(name, arm, reference, comparison, p_value, words, is_primary, numbers[name, arm]))
    return found


def _compare(answers: StudyAnswers, metric: str, arm: str, reference: str, difference: Influenced) -> Comparison:
    sums = [answers.sums_by_rater(metric, one) for one in (arm, reference)]
    kept = np.all([one[:, 1::2].min(axis=1) > 0 for one in sums], axis=0)  # raters with answers on both sides
    num_raters = int(kept.sum())
    p_value = sign_flip_p(sums[0][kept], sums[1][kept], _statistic(metric), seed=0) if num_raters else 1.0
    smallest = math.ldexp(1.0, 1 - num_raters)
    note = f"{num_raters} raters allow no p under {smallest:.3g}" if smallest > 0.05 else ""
    return Comparison(two_way_interval(difference, answers.clusters), p_value, note)


def _statistic(metric: str) -> Callable[[FloatArray], FloatArray]:
    def ratio(sums: FloatArray) -> FloatArray:
        shares = sums[:, 0::2] / np.maximum(sums[:, 1::2], 1e-12)
        return np.asarray(shares.mean(axis=1))

    return ratio


def kappas(rows: Sequence[Row]) -> dict[str, tuple[float | None, int]]:
    """Cohen's kappa of first and hidden second answers by rater, and of all raters together as ``all``.

    None where it is undefined; the number counts the pairs.
    """
    first = {row.trial: row for row in rows if not row.repeats}
    pairs: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for row in rows:
        if row.repeats in first:
            for name in (row.rater, "all"):
                pairs[name].append((first[row.repeats].label, row.label))
    order = sorted(pairs, key=lambda name: (name == "all", name))
    return {name: (cohen_kappa(*zip(*pairs[name], strict=True)), len(pairs[name])) for name in order}
