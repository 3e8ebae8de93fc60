"""Cells of the report: a value, its patient-clustered interval, and what it rests on."""

from collections.abc import Sequence

import numpy as np

from merit_cli.errors import BadData
from merit_cli.metrics.spec import MetricSpec
from merit_cli.metrics.statistics import FEW_CLUSTERS, Interval, mean_interval, score_interval, units_of
from merit_cli.reports.report import Cell

_SEED = 0


def score_cell(
    spec: MetricSpec,
    truth: Sequence[str],
    predicted: Sequence[str],
    patients: Sequence[str],
    classes: Sequence[str],
    *,
    asked: int | None = None,
) -> Cell:
    """A respiratory score with its interval; without a mean where it is undefined on these rows.

    A sensitivity rests on the abnormal cycles alone, the specificity on the normal ones; the counts say so.

    Args:
        spec: The metric.
        truth: True label of each cycle.
        predicted: The answer to each.
        patients: The patient of each.
        classes: All labels, normal first.
        asked: Cycles in all, where some are left out here.
    """
    total = len(truth) if asked is None else asked
    try:
        interval = score_interval(spec, truth, predicted, patients, labels=list(classes), seed=_SEED)
    except BadData:  # no normal or no abnormal cycle among these rows
        return Cell(None, n_scored=0, n_total=total)
    num_normal = sum(label == classes[0] for label in truth)
    basis = {"icbhi_sp": num_normal, "icbhi_se": len(truth) - num_normal, "icbhi_se_two_class": len(truth) - num_normal}
    if spec.name in basis:
        return Cell(interval.mean, *_ends(interval), spec.unit, basis[spec.name], basis[spec.name])
    return Cell(interval.mean, *_ends(interval), spec.unit, len(truth), total)


def share_cell(hits: Sequence[bool], patients: Sequence[str]) -> Cell:
    """The share of hits with its interval, within 0 and 1; without a mean where there are no rows."""
    if not hits:
        return Cell(None, n_scored=0, n_total=0)
    interval = mean_interval(np.asarray(hits, dtype=np.float64), patients, seed=_SEED)
    return Cell(interval.mean, *_ends(interval), "", len(hits), len(hits))


def _ends(interval: Interval) -> tuple[float | None, float | None]:
    """Both ends within 0 and 1; none where all patients agree, for an interval without width would claim certainty."""
    if interval.low is None or interval.high is None or interval.high - interval.low < 1e-12:
        return None, None
    return min(max(interval.low, 0.0), 1.0), min(max(interval.high, 0.0), 1.0)


def cluster_note(patients: Sequence[str]) -> str:
    """What a reader must know of the number of patients; empty where there are enough.

    >>> cluster_note(["1", "2", "2"])
    'Few clusters: 2 patients; intervals are t intervals and no p-value is given.'
    """
    units = units_of(patients)
    if units.note:
        return f"{units.note[0].upper()}{units.note[1:]}."
    if units.num_clusters < FEW_CLUSTERS:
        return f"Few clusters: {units.num_clusters} patients; intervals are t intervals and no p-value is given."
    return ""
