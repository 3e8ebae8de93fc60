"""Matrices as HTML tables whose cells are shaded: heat maps and confusion matrices.

They are tables and not pictures, so that they can be read aloud, searched, copied and scrolled.
"""

from html import escape
from itertools import accumulate, chain

from merit_cli.reports.html_text import mark_html, minus
from merit_cli.reports.report import Cell, Confusion, HeatMap
from merit_cli.reports.tables import NOTHING, format_count, format_interval, format_number

FAINTEST, DEEPEST = 5, 66
"""Per cent of the theme's tile colour under the smallest and the largest value; ink stays readable on the latter."""
MOST_WIDE = 5
"""More columns than this are narrow."""
_DIRECTIONS = {True: " Higher is better.", False: " Lower is better.", None: ""}


def heat_map_html(chart: HeatMap) -> str:
    """Value, mark and counts of each pair; the deeper the tile, the higher the value, or the farther from 0."""
    values = [cell.mean for cell in chain(*chart.cells) if cell is not None and cell.mean is not None]
    scale = _Scale(values)
    spans = chart.spans or ((chart.column_label, len(chart.columns)),)
    starts = set(accumulate(number for _, number in spans[:-1]))
    rows = [
        _row(name, "".join(_heat_cell(cell, scale, is_apart=at in starts) for at, cell in enumerate(cells)))
        for name, cells in zip(chart.rows, chart.cells, strict=True)
    ]
    caption = f"{chart.caption} {scale.legend}{_DIRECTIONS[chart.higher_is_better]}"
    return _figure(chart.title, caption, chart.row_label, chart.column_label, spans, chart.columns, rows)


def confusion_html(confusion: Confusion) -> str:
    """Counts and the share of each true class; the deeper the tile, the larger the share."""
    rows = []
    for place, (label, counts) in enumerate(zip(confusion.labels, confusion.counts, strict=True)):
        total = sum(counts)
        tiles = []
        for column, count in enumerate(counts):
            share = count / total if total else 0.0
            basis = f"{100 * share:.0f} %" if total else NOTHING
            kind = "right" if column == place else ""
            tiles.append(_tile(str(count), basis, share, kind))
        rows.append(_row(label, "".join(tiles)))
    spans = (("predicted", len(confusion.labels)),)
    return _figure(confusion.title, confusion.caption, "true", "predicted", spans, confusion.labels, rows)


class _Scale:
    """From values to shades: by rank of size, or by distance from 0 where there are both signs."""

    def __init__(self, values: list[float]) -> None:
        self.low, self.high = min(values, default=0.0), max(values, default=0.0)
        self.has_both = self.low < 0.0 < self.high
        self.legend = "Teal above 0, amber below; deeper is farther from it." if self.has_both else "Deeper is higher."

    def share(self, value: float) -> float:
        """0 for the faintest tile, 1 for the deepest."""
        if self.has_both:
            return abs(value) / max(-self.low, self.high)
        return (value - self.low) / (self.high - self.low) if self.high > self.low else 0.5


def _heat_cell(cell: Cell | None, scale: _Scale, *, is_apart: bool) -> str:
    apart = "apart " if is_apart else ""
    if cell is None or cell.mean is None:
        return f'<td class="{apart}empty">{NOTHING}</td>'
    value = minus(format_number(cell.mean, cell.unit)) + mark_html(cell)
    interval = minus(format_interval(cell))
    count = format_count(cell) if cell.n_total else ""
    heard = f'<span class="unseen">95 % {interval}</span> ' if interval else ""
    kind = "below" if scale.has_both and cell.mean < 0.0 else ""
    return _tile(value, heard + count, scale.share(cell.mean), f"{apart}{kind}".strip())


def _tile(value: str, basis: str, share: float, kind: str) -> str:
    """A cell; both texts are HTML."""
    depth = round(FAINTEST + (DEEPEST - FAINTEST) * share)
    style = f"background:color-mix(in srgb,var(--tile) {depth}%,var(--sheet))"
    name = f' class="{kind}"' if kind else ""
    below = f'<span class="basis">{basis}</span>' if basis else ""
    return f'<td{name} style="{style}">{value}{below}</td>'


def _row(name: str, tiles: str) -> str:
    return f'<tr><th scope="row">{escape(minus(name))}</th>{tiles}</tr>'


def _figure(
    title: str,
    caption: str,
    row_label: str,
    column_label: str,
    spans: tuple[tuple[str, int], ...],
    columns: tuple[str, ...],
    rows: list[str],
) -> str:
    heads = "".join(f'<th scope="col">{escape(minus(name))}</th>' for name in columns)
    corner = f'<td class="corner">{escape(row_label)}</td>'
    over = "".join(f'<th scope="colgroup" colspan="{number}">{escape(minus(head))}</th>' for head, number in spans)
    across = f"<tr><td></td>{over}</tr>"
    name = escape(f"{title}: {row_label} by {column_label}")
    kind = "tiled narrow" if len(columns) > MOST_WIDE else "tiled"
    words = f'<h3>{escape(minus(title))}</h3><p class="caption">{escape(minus(caption))}</p>'
    return (
        f"<figure><figcaption>{words}</figcaption>"
        f'<div class="scroll" role="region" tabindex="0" aria-label="{name}"><table class="{kind}">'
        f"<thead>{across}<tr>{corner}{heads}</tr></thead><tbody>{''.join(rows)}</tbody></table></div></figure>"
    )
