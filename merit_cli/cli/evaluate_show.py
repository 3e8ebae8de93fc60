"""What ``merit evaluate`` shows in a terminal: the tables of a report, the list of metrics."""

import math
from typing import TYPE_CHECKING

import typer

from merit_cli.cli.console import COLUMN_MARGIN, fitting_columns, print_json, print_table

if TYPE_CHECKING:
    from merit_cli.reports.report import Column, Report, Table

WIDE = 3
"""More metrics than this are printed without their intervals, which the report has."""


def print_report(report: "Report") -> None:
    """The summary, the first table of each task and the notes."""
    for sentence in report.summary:
        typer.echo(sentence)
    first_of: dict[str, Table] = {}
    for table in report.tables:
        first_of.setdefault(table.title.split(",")[0], table)
    for table in first_of.values():
        typer.echo()
        _print_one(table)
    typer.echo()
    for note in report.notes:
        typer.echo(f"note: {note}")


def _print_one(table: "Table") -> None:
    from merit_cli.reports.report import Cell
    from merit_cli.reports.tables import format_count, format_interval, format_number

    is_metric = [any(isinstance(row[index], Cell) for row in table.rows) for index in range(len(table.columns))]

    def show(entry: str | Cell) -> str:
        if isinstance(entry, str):
            return entry
        interval = format_interval(entry) if sum(is_metric) <= WIDE else ""
        count = format_count(entry) if entry.n_scored < entry.n_total else ""
        return " ".join(part for part in (format_number(entry.mean, entry.unit), entry.mark, interval, count) if part)

    heads = [_short_heading(column) if is_metric[index] else column.name for index, column in enumerate(table.columns)]
    rows = [[show(entry) for entry in row] for row in table.rows]
    widths = [
        max(len(line) for line in (*head.split("\n"), *(row[index] for row in rows)))
        for index, head in enumerate(heads)
    ]
    lead = is_metric.index(True) if True in is_metric else len(heads)  # names of the rows, repeated in every part
    fixed = sum(width + COLUMN_MARGIN for width in widths[:lead])
    for number, group in enumerate(fitting_columns(widths[lead:], fixed=fixed) or [range(0)]):
        shown = [*range(lead), *(lead + place for place in group)]
        title = f"{table.title}, continued" if number else table.title
        print_table([heads[index] for index in shown], [[row[index] for index in shown] for row in rows], title=title)


def _short_heading(column: "Column") -> str:
    """A metric over its unit and arrow, narrow enough for a terminal."""
    arrow = {True: "↑", False: "↓", None: ""}[column.higher_is_better]
    return f"{column.name.removesuffix('_db')}\n{' '.join(part for part in (column.unit, arrow) if part)}"


def print_metrics(*, as_json: bool) -> None:
    """Every metric with what a table's reader must know of it."""
    from merit_cli.metrics import METRICS
    from merit_cli.metrics.spec import MetricSpec

    specs = [spec for name in METRICS.names() if isinstance(spec := METRICS.load(name), MetricSpec)]
    if as_json:
        print_json(
            [
                {
                    "name": spec.name,
                    "kind": spec.kind,
                    "unit": spec.unit,
                    "higher_is_better": spec.higher_is_better,
                    "range": [end if math.isfinite(end) else None for end in spec.range],
                    "sample_rates": list(spec.sample_rates),
                    "needs_reference": spec.needs_reference,
                    "extra": spec.extra or None,
                    "source": spec.source,
                }
                for spec in specs
            ]
        )
        return
    for kind in dict.fromkeys(spec.kind for spec in specs):
        rows = [
            [spec.name, " ".join((spec.unit, "↑" if spec.higher_is_better else "↓")).strip(), spec.source]
            for spec in specs
            if spec.kind == kind
        ]
        print_table(["metric", "unit", "source"], rows, title=f"{kind} metrics")
        typer.echo()
