"""From values and labels to report cells: means, differences and scores with intervals over speakers."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from merit_cli.errors import BadData
from merit_cli.metrics.chance import permutation_test
from merit_cli.metrics.comparison import compare_means
from merit_cli.metrics.confusion import label_codes
from merit_cli.metrics.spec import MetricSpec
from merit_cli.metrics.statistics import FEW_CLUSTERS, Interval, mean_interval, score_interval, unit_interval, units_of
from merit_cli.reports.report import Cell
from merit_cli.reports.tables import format_interval, format_number


def mean_cell(values: Sequence[float | None], speakers: Sequence[str], *, unit: str, seed: int) -> Cell:
    """Mean of the values that could be had, and how many those are.

    >>> mean_cell([1.0, None, 3.0], ["a", "b", "b"], unit="dB", seed=0).n_scored
    2
    """
    kept = [(value, speaker) for value, speaker in zip(values, speakers, strict=True) if value is not None]
    if not kept:
        return Cell(None, unit=unit, n_total=len(values))
    interval = mean_interval(np.array([value for value, _ in kept]), [speaker for _, speaker in kept], seed=seed)
    return cell_of(interval, unit, len(kept), len(values))


def difference_cell(
    first: Sequence[float | None], second: Sequence[float | None], speakers: Sequence[str], *, unit: str, seed: int
) -> Cell:
    """Mean of first minus second on the rows that both have, paired."""
    rows = zip(first, second, speakers, strict=True)
    kept = [(one, two, speaker) for one, two, speaker in rows if one is not None and two is not None]
    if not kept:
        return Cell(None, unit=unit, n_total=len(first))
    ones, twos, names = zip(*kept, strict=True)
    return cell_of(
        compare_means(np.array(ones), np.array(twos), names, seed=seed).difference, unit, len(kept), len(first)
    )


def label_cell(
    spec: MetricSpec,
    reference: Sequence[str],
    predicted: Sequence[str],
    speakers: Sequence[str],
    *,
    labels: Sequence[str],
    n_total: int,
    seed: int,
) -> Cell:
    """A score over labels; empty where it is undefined on these rows."""
    try:
        interval = score_interval(spec, reference, predicted, speakers, labels=labels, seed=seed)
    except BadData:
        return Cell(None, unit=spec.unit, n_scored=0, n_total=n_total)
    return cell_of(interval, spec.unit, len(reference), n_total)


def probability_cell(
    spec: MetricSpec,
    reference: Sequence[str],
    probabilities: Sequence[Mapping[str, float]],
    speakers: Sequence[str],
    *,
    labels: Sequence[str],
    n_total: int,
    seed: int,
) -> Cell:
    """A score over the probabilities of all classes; empty where it is undefined on these rows."""
    if not reference:
        return Cell(None, unit=spec.unit, n_total=n_total)
    codes = label_codes(reference, labels)
    table = np.array([[one.get(label, 0.0) for label in labels] for one in probabilities], dtype=np.float64)
    return _summed_cell(spec, (codes, table), speakers, n_total=n_total, seed=seed)


def attribute_cell(
    spec: MetricSpec,
    truth: Sequence[float],
    predicted: Sequence[float],
    speakers: Sequence[str],
    *,
    n_total: int,
    seed: int,
) -> Cell:
    """A score of predicted values; empty where it is undefined on these rows."""
    if not truth:
        return Cell(None, unit=spec.unit, n_total=n_total)
    return _summed_cell(spec, (np.array(truth), np.array(predicted)), speakers, n_total=n_total, seed=seed)


def _summed_cell(
    spec: MetricSpec, columns: tuple[npt.NDArray[Any], ...], speakers: Sequence[str], *, n_total: int, seed: int
) -> Cell:
    """A score with its interval from what adds up over speakers."""
    assert spec.sufficient is not None, f"{spec.name} has no sums"
    units = units_of(speakers)
    try:
        sums = spec.sufficient(*columns, units.codes, units.num_units)
        interval = unit_interval(sums, spec.compute, units, seed=seed)
    except BadData:
        return Cell(None, unit=spec.unit, n_scored=0, n_total=n_total)
    return cell_of(interval, spec.unit, len(speakers), n_total)


def chance_cell(
    spec: MetricSpec,
    reference: Sequence[str],
    predicted: Sequence[str],
    speakers: Sequence[str],
    *,
    labels: Sequence[str],
    n_total: int,
    seed: int,
) -> Cell:
    """What the score is on average where labels are shuffled within speakers; empty where it is undefined."""
    try:
        test = permutation_test(predicted, reference, speakers, spec=spec, labels=labels, seed=seed)
    except BadData:
        return Cell(None, unit=spec.unit, n_scored=0, n_total=n_total)
    return Cell(test.chance, unit=spec.unit, n_scored=len(reference), n_total=n_total)


def num_speakers(speakers: Sequence[str]) -> int:
    """How many speakers are known; 0 where one of them is not."""
    return 0 if "" in speakers else len(set(speakers))


def interval_basis(speakers: Sequence[str]) -> str:
    """What intervals over rows by these speakers take as the unit of chance."""
    return "speakers" if num_speakers(speakers) > 1 else "utterances"


def cluster_note(speakers: Sequence[str]) -> str:
    """What must be said of the intervals of rows by these speakers; empty where there are enough."""
    count = num_speakers(speakers)
    if count >= FEW_CLUSTERS:
        return ""
    if count == 0:
        return "Speakers are unknown: intervals are over utterances and are too narrow if speakers recur."
    if count == 1:
        return "One speaker: intervals are over utterances only and say nothing of other speakers."
    return (
        f"Few clusters: {count} speakers. Intervals are t intervals over speakers; "
        "differences within them are not evidence."
    )


def cell_of(interval: Interval, unit: str, n_scored: int, n_total: int) -> Cell:
    """An interval with its counts."""
    return Cell(interval.mean, interval.low, interval.high, unit, n_scored, n_total)


def quote(cell: Cell, *, signed: bool = False) -> str:
    """A cell inside a sentence.

    >>> quote(Cell(1.5, 1.0, 2.0, "dB", 3, 3), signed=True)
    '+1.50 dB [1.00, 2.00]'
    """
    number = format_number(cell.mean, cell.unit)
    sign = "+" if signed and cell.mean is not None and cell.mean > 0 else ""
    return " ".join(part for part in (f"{sign}{number}", cell.unit, format_interval(cell)) if part)
