"""What a classifier does class by class, and what abstaining would spare it."""

from collections.abc import Iterator
from typing import Literal

import numpy as np

from merit_cli.metrics.emotion import class_metric
from merit_cli.metrics.selective import num_answered, risk_coverage
from merit_cli.reports.report import Cell, Column, Curve, Entry, Point, Series, Table
from merit_cli.workflows.evaluate.cells import interval_basis
from merit_cli.workflows.evaluate.emotion import Classified, row_cell

SCORES: tuple[Literal["precision", "recall", "f1"], ...] = ("precision", "recall", "f1")
COVERAGES = tuple(round(0.05 * step, 2) for step in range(2, 21))


def class_table(classified: Classified) -> Table:
    """Precision, recall and F1 of each class over all utterances."""
    members = list(classified.utterances)
    rows: list[tuple[Entry, ...]] = []
    for label in classified.labels:
        specs = [class_metric(score, label, classified.labels) for score in SCORES]
        count = sum(classified.true[one.id] == label for one in members)
        rows.append((label, str(count), *(row_cell(classified, classified.system, spec, members) for spec in specs)))
    columns = (Column("class"), Column("true"), *(Column(score, "", higher_is_better=True) for score in SCORES))
    basis = interval_basis([one.speaker for one in members])
    caption = f"{classified.system}, one class against the rest. 95 % interval over {basis}, scored/total."
    return Table("Emotion, by class", caption, columns, tuple(rows))


def abstention_curves(classified: Classified) -> Iterator[Curve]:
    """Share of wrong answers over the share answered, the surest first; none without probabilities."""
    said = classified.predicted[classified.system]
    rows = [one.id for one in classified.utterances if one.id in classified.probabilities and one.id in said]
    if len(rows) < 2:
        return
    is_right = np.array([said[key] == classified.true[key] for key in rows])
    surety = np.array([max(classified.probabilities[key].values()) for key in rows], dtype=np.float64)
    curve = risk_coverage(is_right, surety)
    points = []
    for coverage in COVERAGES:
        count = num_answered(coverage, len(rows))
        points.append(Point(coverage, Cell(float(curve.risk[count - 1]), n_scored=count, n_total=len(rows))))
    caption = (
        f"{classified.system}: only the surest answers are given. Area under the curve {curve.area:.3f}; "
        f"{curve.excess_area:.3f} above the best order of the same answers. No interval."
    )
    series = (Series(classified.system, tuple(points), strong=True),)
    yield Curve("Mistakes by share answered", caption, "share answered", "share wrong", series)
