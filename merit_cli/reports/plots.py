"""Plots as SVG text: curves with their intervals."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from merit_cli.reports.canvas import FAINT, INK, LINES, new_figure, to_svg
from merit_cli.reports.report import Cell, Curve, Series
from merit_cli.reports.tables import format_number

MARKERS = ("o", "s", "^", "D", "v", "P")
MOST_TICKS = 12
"""More places on the x axis than this are numbered in round steps."""

FloatArray = npt.NDArray[np.floating]


def draw_curve(curve: Curve) -> str:
    """Lines with their 95 % intervals as error bars; over a single x, one row of dots for each series."""
    xs = sorted({point.x for series in curve.series for point in series.points})
    if len(xs) < 2:
        return _draw_rows(curve)
    columns = 2 if max(len(series.name) for series in curve.series) > 16 else 3
    figure, axes = new_figure(4.6, 2.8 + 0.2 * -(-len(curve.series) // columns))
    count = len(curve.series)
    step = min(right - left for left, right in pairwise(xs))
    for place, series in enumerate(curve.series):
        offset = (place - (count - 1) / 2) * 0.03 * step  # side by side, so that bars stay apart
        cells = [(point.x + offset, point.cell) for point in series.points if point.cell.mean is not None]
        values = [cell for _, cell in cells]
        bars = reaches(values) if any(cell.low is not None for cell in values) else None
        axes.errorbar([x for x, _ in cells], means(values), yerr=bars, **_look(series, curve.series))
    axes.set(xlabel=curve.x_label, ylabel=curve.y_label)
    if len(xs) <= MOST_TICKS:
        axes.set_xticks(xs)
    axes.set_xlim(xs[0] - 0.4 * step, xs[-1] + 0.4 * step)
    axes.grid(axis="y", color=FAINT, linewidth=0.6)
    handles, labels = axes.get_legend_handles_labels()
    style = {"frameon": False, "labelcolor": INK, "fontsize": 9, "handlelength": 1.8, "columnspacing": 1.2}
    figure.legend(handles, labels, loc="outside upper left", ncols=columns, **style)
    return to_svg(figure, describe_curve(curve))


def _draw_rows(curve: Curve) -> str:
    """One row a series, the value along the x axis."""
    figure, axes = new_figure(4.6, 0.9 + 0.32 * len(curve.series))
    for place, series in enumerate(curve.series):
        cells = [(float(place), point.cell) for point in series.points if point.cell.mean is not None]
        values = [cell for _, cell in cells]
        axes.errorbar(means(values), [x for x, _ in cells], xerr=reaches(values), **_look(series, curve.series))
    axes.set(xlabel=curve.y_label, ylim=(len(curve.series) - 0.5, -0.5))
    axes.set_yticks(range(len(curve.series)), [series.name for series in curve.series])
    axes.tick_params(axis="y", length=0, labelsize=9)
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x", color=FAINT, linewidth=0.6)
    return to_svg(figure, describe_curve(curve))


def means(cells: Sequence[Cell]) -> FloatArray:
    """The values of cells that have one, (number of cells,)."""
    return np.array([cell.mean for cell in cells], dtype=float)


def reaches(cells: Sequence[Cell]) -> FloatArray:
    """How far each interval reaches below and above its mean, (2, number of cells); 0 without one."""
    lows = np.array([cell.mean if cell.low is None else cell.low for cell in cells], dtype=float)
    highs = np.array([cell.mean if cell.high is None else cell.high for cell in cells], dtype=float)
    return np.asarray(np.abs(np.vstack([means(cells) - lows, highs - means(cells)])))


def _look(series: Series, among: Sequence[Series]) -> dict[str, Any]:  # matplotlib's keywords
    strong = series.strong
    is_first = series is next((one for one in among if one.strong), None)
    return {
        "color": colour_of(series.number, is_accented=is_first),
        "marker": MARKERS[series.number % len(MARKERS)],
        "markersize": 5 if strong else 4,
        "linewidth": 2.2 if strong else 1.2,
        "linestyle": "-" if strong else "--",
        "zorder": 3 if strong else 2,
        "elinewidth": 1.0,
        "capsize": 2.5,
        "label": series.name,
    }


def colour_of(number: int, *, is_accented: bool) -> str:
    """The accent for the one that a plot is about, the first of them where it is about several; else by number."""
    return LINES[0] if is_accented else LINES[1 + number % (len(LINES) - 1)]


def describe_curve(curve: Curve) -> str:
    """The curve in words, for those who cannot see it."""
    parts = []
    for series in curve.series:
        values = (f"{format_number(p.cell.mean, p.cell.unit)} at {p.x:g}" for p in series.points)
        parts.append(f"{series.name}: {', '.join(values)}")
    return f"{curve.title}: {curve.y_label} over {curve.x_label}. {'; '.join(parts)}."
