"""One self-contained HTML page from a report: no network, no script but the list's own, every text escaped."""

from collections.abc import Iterable
from html import escape
from pathlib import Path

from merit_cli.reports.html_examples import examples_html
from merit_cli.reports.html_items import SCRIPT_POLICY, items_section
from merit_cli.reports.html_style import STYLE
from merit_cli.reports.html_table import table_html
from merit_cli.reports.html_text import minus
from merit_cli.reports.html_tiles import confusion_html, heat_map_html
from merit_cli.reports.maps import draw_plane
from merit_cli.reports.plots import draw_curve
from merit_cli.reports.report import Curve, Headline, HeatMap, Plane, Report
from merit_cli.reports.tables import format_count, format_interval, format_number

_POLICY = f"default-src 'none'; style-src 'unsafe-inline'; img-src data:; media-src data:; {SCRIPT_POLICY}"


def report_to_html(report: Report, folder: Path) -> str:
    """The page as text.

    Args:
        report: What it says.
        folder: Where the page will lie; the clips' paths are relative to it.
    """
    lead = _lead_picture(report)
    others = [curve for curve in report.curves if curve is not lead]
    conditions: list[HeatMap | Plane] = [*report.heat_maps, *(one for one in report.planes if one is not lead)]
    sections = [
        ("curves", "Over signal-to-noise ratio", _figures(_picture(curve) for curve in others)),
        ("maps", "Condition by condition", _figures(_picture(one) for one in conditions)),
        ("confusions", "Confusion", _figures((confusion_html(one) for one in report.confusions), kind="figures small")),
        ("routing", "What the experts did", _figures(_picture(one) for one in report.routing)),
        ("examples", "Listen and look", examples_html(report.examples, folder)),
        ("tables", "Tables", "".join(table_html(table) for table in report.tables)),
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
        f'<a class="skip" href="#main">Skip to the results</a><div class="page">{_header(report, lead)}'
        f'<nav aria-label="Sections"><ul>{links}</ul></nav><main id="main">{bodies}</main>'
        f"{_provenance(report)}</div>\n</body>\n</html>\n"
    )


def _header(report: Report, lead: Curve | Plane | None) -> str:
    """The summary in one screen: sentences beside a picture, the few numbers, and what must be read with them."""
    sentences = "".join(f'<p class="lead">{escape(minus(sentence))}</p>' for sentence in report.summary)
    picture = _picture(lead, level=2) if lead else ""
    tiles = "".join(_tile(headline) for headline in report.headlines)
    tiles = f'<div class="tiles">{tiles}</div>' if tiles else ""
    notes = "".join(f"<li>{escape(minus(note))}</li>" for note in report.notes)
    notes = f'<div class="notes"><h2>Read this with the numbers</h2><ul>{notes}</ul></div>' if notes else ""
    kicker = '<p class="kicker">merit evaluation report</p>'
    title = f"<h1>{escape(minus(report.title))}</h1>"
    beside = f"<div>{picture}{notes}</div>" if picture or notes else ""
    return f'<header>{kicker}{title}<div class="summary"><div>{sentences}{tiles}</div>{beside}</div></header>'


def _tile(headline: Headline) -> str:
    cell = headline.cell
    unit = f" <small>{escape(cell.unit)}</small>" if cell.unit else ""
    interval = format_interval(cell)
    facts = [f"95 % {interval}" if interval else "", f"{format_count(cell)} scored", *headline.remarks]
    whole = (minus(fact).replace(" dB", "\N{NO-BREAK SPACE}dB") for fact in facts if fact)
    lines = "".join(f"<dd>{escape(fact)}</dd>" for fact in whole)
    value = f'<dd class="value">{minus(format_number(cell.mean, cell.unit))}{unit}</dd>'
    return f'<dl class="tile"><dt>{escape(headline.label)}</dt>{value}{lines}</dl>'


def _picture(one: Curve | Plane | HeatMap, *, level: int = 3) -> str:
    if isinstance(one, HeatMap):
        return heat_map_html(one)
    drawn = draw_plane(one) if isinstance(one, Plane) else draw_curve(one)
    words = f'<h{level}>{escape(minus(one.title))}</h{level}><p class="caption">{escape(minus(one.caption))}</p>'
    return f"<figure><figcaption>{words}</figcaption>{drawn}</figure>"


def _lead_picture(report: Report) -> Curve | Plane | None:
    """What stands in the summary: the first curve that has a course, else the first plane or curve."""
    courses = [curve for curve in report.curves if len({p.x for one in curve.series for p in one.points}) > 1]
    candidates: tuple[Curve | Plane, ...] = (*courses, *report.planes, *report.curves)
    return candidates[0] if candidates else None


def _figures(drawn: Iterable[str], *, kind: str = "figures") -> str:
    body = "".join(drawn)
    return f'<div class="{kind}">{body}</div>' if body else ""


def _provenance(report: Report) -> str:
    if not report.provenance:
        return ""
    facts = "".join(f"<dt>{escape(key)}</dt><dd>{escape(value)}</dd>" for key, value in report.provenance.items())
    return f'<footer><h2>Provenance</h2><dl class="provenance">{facts}</dl></footer>'
