"""A report's tables in the page: value, interval and counts in each cell."""

import re
from html import escape
from itertools import groupby

from merit_cli.reports.html_text import mark_html, minus
from merit_cli.reports.report import Cell, Column, Entry, Table
from merit_cli.reports.tables import format_count, format_interval, format_number, legend

_ARROWS = {
    True: ' <span aria-hidden="true">↑</span>',
    False: ' <span aria-hidden="true">↓</span>',
    None: "",
}
_DIRECTIONS = {True: "higher is better", False: "lower is better", None: ""}


def table_html(table: Table) -> str:
    """A table whose equal first entries are one heading, with its caption and the meaning of its marks."""
    numeric = [any(isinstance(row[index], Cell) for row in table.rows) for index in range(len(table.columns))]
    heads = "".join(_head(column, is_number=number) for column, number in zip(table.columns, numeric, strict=True))
    rows: list[str] = []
    for first, group in groupby(enumerate(table.rows), key=lambda numbered: numbered[1][0]):
        members = list(group)
        for place, (index, row) in enumerate(members):
            lead = _entry(first, span=len(members)) if place == 0 else ""
            cells = lead + "".join(_entry(entry) for entry in row[1:])
            names = [name for name, on in (("first", place == 0), ("strong", index in table.strong_rows)) if on]
            rows.append(f'<tr class="{" ".join(names)}">{cells}</tr>')
    title = escape(table.title)
    return (
        f'<h3>{title}</h3><p class="caption">{escape(minus(table.caption))}</p>'
        f'<div class="scroll" role="region" tabindex="0" aria-label="{title}"><table>'
        f"<thead><tr>{heads}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>{_legend(table)}"
    )


def _legend(table: Table) -> str:
    words = legend(table)
    return f'<p class="quiet legend">{words}; the caption says of what, and by which test.</p>' if words else ""


def _head(column: Column, *, is_number: bool) -> str:
    unit = f' <span class="unit">{escape(column.unit)}</span>' if column.unit else ""
    direction = _DIRECTIONS[column.higher_is_better]
    title = f' title="{direction}"' if direction else ""
    kind = ' class="number"' if is_number else ""
    return f'<th scope="col"{kind}{title}>{escape(column.name)}{_ARROWS[column.higher_is_better]}{unit}</th>'


def _entry(entry: Entry, *, span: int = 0) -> str:
    """A table cell; ``span`` > 0 makes a text the heading of that many rows."""
    if isinstance(entry, str):
        scope = f' scope="rowgroup" rowspan="{span}"' if span > 1 else ' scope="row"'
        shown = minus(entry) if re.fullmatch(r"-[\d.]+", entry) else entry
        return f"<th{scope}>{escape(shown)}</th>" if span else f"<td>{escape(entry)}</td>"
    is_partial = entry.n_scored < entry.n_total and not entry.remark
    kind = "count partial" if is_partial else "count"
    words = escape(entry.remark) or minus(format_interval(entry))
    basis = f'{words} <span class="{kind}">{format_count(entry)}</span>'
    value = f"{minus(format_number(entry.mean, entry.unit))}{mark_html(entry)}"
    return f'<td class="number">{value}<span class="range">{basis}</span></td>'
