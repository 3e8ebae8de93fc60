"""One self-contained HTML page from a report: no network, no script but the list's own, every text escaped."""

import re
from collections.abc import Iterable
from html import escape
from itertools import groupby
from pathlib import Path

from merit_cli.reports.html_items import SCRIPT_POLICY, items_section
from merit_cli.reports.html_style import STYLE
from merit_cli.reports.maps import draw_heat_map, draw_plane
from merit_cli.reports.media import read_sounds, to_data_uri
from merit_cli.reports.plots import draw_confusion, draw_curve, draw_spectrograms
from merit_cli.reports.report import Cell, Column, Entry, Example, Headline, HeatMap, Report, Table
from merit_cli.reports.tables import format_count, format_interval, format_number

MAX_BYTES_OF_EXAMPLES = 7_000_000
"""Examples beyond this are left out and counted, so that the page stays under 10 MB."""
_POLICY = f"default-src 'none'; style-src 'unsafe-inline'; img-src data:; media-src data:; {SCRIPT_POLICY}"
_ARROWS = {
    True: ' <span aria-hidden="true">↑</span>',
    False: ' <span aria-hidden="true">↓</span>',
    None: "",
}
_DIRECTIONS = {True: "higher is better", False: "lower is better", None: ""}


def report_to_html(report: Report, folder: Path) -> str:
    """The page as text.

    Args:
        report: What it says.
        folder: Where the page will lie; the clips' paths are relative to it.
    """
    sections = [
        ("tables", "Tables", "".join(_table(table) for table in report.tables)),
        ("curves", "Over signal-to-noise ratio", _curves(report)),
        ("maps", "Condition by condition", _maps(report)),
        ("planes", "Enhancement against emotion", _planes(report)),
        ("confusions", "Confusion", _confusions(report)),
        ("routing", "What the experts did", _routing(report)),
        ("examples", "Listen and look", _examples(report.examples, folder)),
        ("items", "All utterances", items_section(report.items) if report.items else ""),
    ]
    present = [(key, title, body) for key, title, body in sections if body]
    links = "".join(f'<li><a href="#{key}">{title}</a></li>' for key, title, _ in present)
    bodies = "".join(
        f'<section aria-labelledby="{key}"><h2 id="{key}">{title}</h2>{body}</section>' for key, title, body in present
    )
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(report.title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        f'<a class="skip" href="#main">Skip to the results</a><div class="page">{_header(report)}'
        f'<nav aria-label="Sections"><ul>{links}</ul></nav><main id="main">{bodies}</main>'
        f"{_provenance(report)}</div>\n</body>\n</html>\n"
    )


def _header(report: Report) -> str:
    lead = "".join(f'<p class="lead">{escape(_minus(sentence))}</p>' for sentence in report.summary)
    tiles = "".join(_tile(headline) for headline in report.headlines)
    tiles = f'<div class="tiles">{tiles}</div>' if tiles else ""
    notes = "".join(f"<li>{escape(note)}</li>" for note in report.notes)
    notes = f'<aside class="notes"><h2>Read this with the numbers</h2><ul>{notes}</ul></aside>' if notes else ""
    kicker = '<p class="kicker">merit evaluation report</p>'
    return f"<header>{kicker}<h1>{escape(report.title)}</h1>{lead}{tiles}{notes}</header>"


def _tile(headline: Headline) -> str:
    cell = headline.cell
    unit = f" <small>{escape(cell.unit)}</small>" if cell.unit else ""
    interval = format_interval(cell)
    facts = [f"95 % {interval}" if interval else "", f"{format_count(cell)} scored", *headline.remarks]
    lines = "".join(f"<dd>{escape(_minus(fact))}</dd>" for fact in facts if fact)
    value = f'<dd class="value">{_minus(format_number(cell.mean, cell.unit))}{unit}</dd>'
    return f'<dl class="tile"><dt>{escape(headline.label)}</dt>{value}{lines}</dl>'


def _table(table: Table) -> str:
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
        f'<h3>{title}</h3><p class="caption">{escape(_minus(table.caption))}</p>'
        f'<div class="scroll" role="region" tabindex="0" aria-label="{title}"><table>'
        f"<thead><tr>{heads}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


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
        shown = _minus(entry) if re.fullmatch(r"-[\d.]+", entry) else entry
        return f"<th{scope}>{escape(shown)}</th>" if span else f"<td>{escape(entry)}</td>"
    is_partial = entry.n_scored < entry.n_total and not entry.remark
    kind = "count partial" if is_partial else "count"
    words = escape(entry.remark) or _minus(format_interval(entry))
    basis = f'{words} <span class="{kind}">{format_count(entry)}</span>'
    value = f"{_minus(format_number(entry.mean, entry.unit))}{_mark(entry)}"
    return f'<td class="number">{value}<span class="range">{basis}</span></td>'


def _mark(cell: Cell) -> str:
    """The mark with its meaning for those who hear the page."""
    words = {"▲": "ahead", "▼": "behind"}.get(cell.mark, "")
    label = f' role="img" aria-label="{words}"' if words else ""
    return f'<span class="mark"{label}>{escape(cell.mark)}</span>' if cell.mark else ""


def _minus(text: str) -> str:
    """The true minus sign in place of the hyphen."""
    return re.sub(r"-(?=[\d.])", "\N{MINUS SIGN}", text)


def _curves(report: Report) -> str:
    return _figures(_figure(draw_curve(curve), curve.title, curve.caption) for curve in report.curves)


def _figure(picture: str, title: str, caption: str) -> str:
    words = escape(_minus(f"{title}. {caption}"))
    return f'<figure>{picture}<figcaption><p class="caption">{words}</p></figcaption></figure>'


def _maps(report: Report) -> str:
    return _figures(_figure(draw_heat_map(chart), chart.title, chart.caption) for chart in report.heat_maps)


def _planes(report: Report) -> str:
    return _figures(_figure(draw_plane(plane), plane.title, plane.caption) for plane in report.planes)


def _routing(report: Report) -> str:
    return _figures(
        _figure(draw_heat_map(one) if isinstance(one, HeatMap) else draw_curve(one), one.title, one.caption)
        for one in report.routing
    )


def _confusions(report: Report) -> str:
    drawn = (
        f"<figure><figcaption><h3>{escape(confusion.title)}</h3>"
        f'<p class="caption">{escape(confusion.caption)}</p></figcaption>{draw_confusion(confusion)}</figure>'
        for confusion in report.confusions
    )
    return _figures(drawn, kind="figures small")


def _figures(drawn: Iterable[str], *, kind: str = "figures") -> str:
    body = "".join(drawn)
    return f'<div class="{kind}">{body}</div>' if body else ""


def _examples(examples: Iterable[Example], folder: Path) -> str:
    shown: list[str] = []
    size = left_out = 0
    for example in examples:
        text = _example(example, folder)
        if size + len(text) > MAX_BYTES_OF_EXAMPLES:
            left_out += 1
            continue
        size += len(text)
        shown.append(text)
    remark = f'<p class="quiet">{left_out} more would have made this page too large.</p>' if left_out else ""
    return "".join(shown) + remark


def _example(example: Example, folder: Path) -> str:
    sounds = read_sounds(example, folder)
    heard = [sound for sound in sounds if len(sound.samples)]
    facts = "".join(f"<dt>{escape(key)}</dt><dd>{escape(value)}</dd>" for key, value in example.facts.items())
    players = ""
    for sound in sounds:
        label = escape(f"{sound.name} ({sound.remark})" if sound.remark else sound.name)
        title = escape(f"{sound.name}: {example.title}", quote=True)
        player = f'<audio controls preload="metadata" aria-label="{title}" src="{to_data_uri(sound)}"></audio>'
        players += f'<div class="player"><span>{label}</span>{player if len(sound.samples) else ""}</div>'
    picture = ""
    if heard:
        panels = [(sound.name, sound.samples) for sound in heard]
        picture = f"<figure>{draw_spectrograms(panels, heard[0].sample_rate, title=example.title)}</figure>"
    return (
        f'<article class="example"><div><h3>{escape(example.title)}</h3><p class="quiet">{escape(example.why)}</p>'
        f"<dl>{facts}</dl>{players}</div>{picture}</article>"
    )


def _provenance(report: Report) -> str:
    if not report.provenance:
        return ""
    facts = "".join(f"<dt>{escape(key)}</dt><dd>{escape(value)}</dd>" for key, value in report.provenance.items())
    return f'<footer><h2>Provenance</h2><dl class="provenance">{facts}</dl></footer>'
