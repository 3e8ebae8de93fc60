"""Tables as text: Markdown for reading, CSV for machines."""

import csv
import io
from collections.abc import Iterator

from merit_cli.reports.report import Cell, Column, Confusion, Entry, Report, Table

CSV_COLUMNS = ("table", "row", "column", "mean", "low", "high", "unit", "n_scored", "n_total", "mark", "text")
NOTHING = "–"
MARK_WORDS = {"▲": "ahead", "▼": "behind"}
"""What the marks beside values say; against whom, and by which test, stands in the table's caption."""


def format_number(value: float | None, unit: str = "") -> str:
    """A value with the decimals its unit deserves: two for dB, three for a plain number, one for per cent.

    >>> format_number(-4.567, "dB"), format_number(0.4567), format_number(None)
    ('-4.57', '0.457', '–')
    """
    if value is None:
        return NOTHING
    text = f"{value:.{decimals_of(unit)}f}"
    return text.removeprefix("-") if float(text) == 0.0 else text


def decimals_of(unit: str) -> int:
    """Decimals that a unit deserves."""
    return {"dB": 2, "%": 1, "": 3}.get(unit, 2)


def format_interval(cell: Cell) -> str:
    """The 95 % interval in brackets, or nothing where there is none.

    >>> format_interval(Cell(1.0, 0.5, 1.5, "dB", 3, 3))
    '[0.50, 1.50]'
    """
    if cell.low is None or cell.high is None:
        return ""
    return f"[{format_number(cell.low, cell.unit)}, {format_number(cell.high, cell.unit)}]"


def format_count(cell: Cell) -> str:
    """Items scored of items asked for.

    >>> format_count(Cell(None, n_scored=0, n_total=4))
    '0/4'
    """
    return f"{cell.n_scored}/{cell.n_total}"


def format_entry(entry: Entry) -> str:
    """A cell on one line: value, interval, counts.

    >>> format_entry(Cell(-1.5, -2.0, -1.0, "dB", 11, 12, mark="▼"))
    '-1.50▼ [-2.00, -1.00] (11/12)'
    """
    if isinstance(entry, str):
        return entry
    value = format_number(entry.mean, entry.unit) + entry.mark
    parts = (value, format_interval(entry), f"({format_count(entry)})")
    return " ".join(part for part in parts if part)


def format_heading(column: Column) -> str:
    """A column's name with its unit and an arrow towards the better end.

    >>> format_heading(Column("ssnr_db", "dB", True)), format_heading(Column("system"))
    ('ssnr_db (dB) ↑', 'system')
    """
    arrow = {True: " ↑", False: " ↓", None: ""}[column.higher_is_better]
    return f"{column.name}{f' ({column.unit})' if column.unit else ''}{arrow}"


def confusion_table(confusion: Confusion) -> Table:
    """A confusion matrix as a table of counts, one row per true label."""
    columns = (Column("true \\ predicted"), *(Column(label) for label in confusion.labels))
    rows = tuple(
        (label, *(str(count) for count in counts))
        for label, counts in zip(confusion.labels, confusion.counts, strict=True)
    )
    return Table(confusion.title, confusion.caption, columns, rows)


def legend(table: Table) -> str:
    """What the marks in a table mean; empty where there are none.

    >>> legend(Table("t", "", (Column("a"),), ((Cell(1.0, mark="▼"),),)))
    '▼ behind'
    """
    found = {entry.mark for row in table.rows for entry in row if isinstance(entry, Cell)}
    return ", ".join(f"{mark} {words}" for mark, words in MARK_WORDS.items() if mark in found)


def all_tables(report: Report) -> Iterator[Table]:
    """Every table of a report, its confusions included."""
    yield from report.tables
    yield from (confusion_table(confusion) for confusion in report.confusions)


def table_to_markdown(table: Table) -> str:
    """One table with its title and caption."""
    heads = [_escape(format_heading(column)) for column in table.columns]
    lines = [f"## {_escape(table.title)}", "", _escape(table.caption), "", _line(heads)]
    lines.append(_line(["---" if _is_text(table, index) else "---:" for index in range(len(heads))]))
    lines += [_line([_escape(format_entry(entry)) for entry in row]) for row in table.rows]
    marks = legend(table)
    lines += ["", f"{marks}."] if marks else []
    return "\n".join(lines) + "\n"


def report_to_markdown(report: Report) -> str:
    """The whole report but its plots and sounds."""
    parts = [f"# {_escape(report.title)}\n", *(f"{_escape(sentence)}\n" for sentence in report.summary)]
    if report.notes:
        parts.append("\n".join(f"- **Note.** {_escape(note)}" for note in report.notes) + "\n")
    parts += [table_to_markdown(table) for table in all_tables(report)]
    if report.provenance:
        lines = (f"- {_escape(key)}: {_escape(value)}" for key, value in report.provenance.items())
        parts.append("## Provenance\n\n" + "\n".join(lines) + "\n")
    return "\n".join(parts)


def report_to_csv(report: Report) -> str:
    """Every cell of every table in long form, one line each, unrounded."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)
    for table in all_tables(report):
        for row in table.rows:
            writer.writerows(_csv_rows(table, row))
    return buffer.getvalue()


def _csv_rows(table: Table, row: tuple[Entry, ...]) -> Iterator[tuple[object, ...]]:
    texts = [entry for entry in row if isinstance(entry, str)]
    facts_only = len(texts) == len(row)
    label = row[0] if facts_only else " | ".join(texts)
    for index, (column, entry) in enumerate(zip(table.columns, row, strict=True)):
        if isinstance(entry, Cell):
            numbers = (entry.mean, entry.low, entry.high, entry.unit, entry.n_scored, entry.n_total)
            yield (table.title, label, column.name, *numbers, entry.mark, "")
        elif facts_only and index > 0:
            yield (table.title, label, column.name, *[""] * 7, entry)


def _is_text(table: Table, index: int) -> bool:
    return not any(isinstance(row[index], Cell) for row in table.rows)


def _line(entries: list[str]) -> str:
    return f"| {' | '.join(entries)} |"


def _escape(text: str) -> str:
    """Text that can neither end a table cell nor open HTML in Markdown."""
    for plain, safe in (("\\", "\\\\"), ("|", "\\|"), ("<", "&lt;"), ("\n", " ")):
        text = text.replace(plain, safe)
    return text
