"""Pictures of two things at once: heat maps over two groupings, planes of two metrics."""

from __future__ import annotations

from typing import Any

import numpy as np

from merit_cli.reports.canvas import FAINT, INK, LINES, new_figure, to_svg
from merit_cli.reports.plots import MARKERS, means, reaches
from merit_cli.reports.report import HeatMap, Plane, PlanePoint
from merit_cli.reports.tables import format_number

DARKEST = 0.66
"""Opacity of the strongest tile: ink stays readable on it in both themes."""
LONGEST_SIDE = 24
"""More rows or columns than this would be too small to read; the table has them."""


def draw_heat_map(chart: HeatMap) -> str:
    """A tile for each pair with its value written in it; the deeper, the higher."""
    height, width = len(chart.rows), len(chart.columns)
    figure, axes = new_figure(2.2 + 0.66 * width, 1.0 + 0.36 * height)
    values = [cell.mean for row in chart.cells for cell in row if cell is not None and cell.mean is not None]
    low, high = (min(values), max(values)) if values else (0.0, 0.0)
    for row, column in np.ndindex(height, width):
        cell = chart.cells[row][column]
        if cell is None or cell.mean is None:
            axes.text(column, row, format_number(None), ha="center", va="center", color=INK, fontsize=9)
            continue
        share = (cell.mean - low) / (high - low) if high > low else 0.5
        axes.add_patch(_tile(row, column, share))
        text = format_number(cell.mean, cell.unit) + cell.mark
        axes.text(column, row, text, ha="center", va="center", color=INK, fontsize=9)
    axes.set(xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5), xlabel=chart.column_label, ylabel=chart.row_label)
    axes.set_xticks(range(width), chart.columns)
    axes.set_yticks(range(height), chart.rows)
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    return to_svg(figure, describe_heat_map(chart))


def _tile(row: int, column: int, share: float) -> Any:  # matplotlib's own patch type, imported late
    from matplotlib.patches import Rectangle

    alpha = 0.06 + (DARKEST - 0.06) * share
    return Rectangle((column - 0.48, row - 0.46), 0.96, 0.92, facecolor=LINES[0], alpha=alpha, linewidth=0)


def describe_heat_map(chart: HeatMap) -> str:
    """The map in words, for those who cannot see it."""
    parts = []
    for name, cells in zip(chart.rows, chart.cells, strict=True):
        values = (
            f"{format_number(cell.mean, cell.unit)} at {column}"
            for column, cell in zip(chart.columns, cells, strict=True)
            if cell is not None
        )
        parts.append(f"{name}: {', '.join(values)}")
    return f"{chart.title}: {chart.row_label} by {chart.column_label}. {'; '.join(parts)}."


def draw_plane(plane: Plane) -> str:
    """Points with their 95 % intervals as crosses; the conditions of one system are joined by a line."""
    figure, axes = new_figure(5.4, 3.6)
    names = list(dict.fromkeys(point.name for point in plane.points))
    for name in names:
        points = [point for point in plane.points if point.name == name and _is_whole(point)]
        if not points:
            continue
        colour = LINES[0] if points[0].strong else LINES[1 + points[0].number % (len(LINES) - 1)]
        axes.errorbar(
            means([point.x for point in points]),
            means([point.y for point in points]),
            xerr=reaches([point.x for point in points]),
            yerr=reaches([point.y for point in points]),
            color=colour,
            marker=MARKERS[points[0].number % len(MARKERS)],
            markersize=5,
            linewidth=0.8,
            linestyle=":",
            elinewidth=0.9,
            capsize=2,
            label=name,
        )
        for point in points:
            place = (float(means([point.x])[0]), float(means([point.y])[0]))
            axes.annotate(point.condition, place, (4, 4), textcoords="offset points", color=INK, fontsize=8)
    axes.set(xlabel=plane.x_label, ylabel=plane.y_label)
    axes.grid(color=FAINT, linewidth=0.6)
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper left", frameon=False, labelcolor=INK, fontsize=9, ncols=3)
    return to_svg(figure, describe_plane(plane))


def _is_whole(point: PlanePoint) -> bool:
    return point.x.mean is not None and point.y.mean is not None


def describe_plane(plane: Plane) -> str:
    """The plane in words, for those who cannot see it."""
    parts = (
        f"{point.name} at {point.condition}: {format_number(point.x.mean, point.x.unit)}, "
        f"{format_number(point.y.mean, point.y.unit)}"
        for point in plane.points
    )
    return f"{plane.title}: {plane.x_label} against {plane.y_label}. {'; '.join(parts)}."
