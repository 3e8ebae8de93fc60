"""Planes: two metrics against each other, as SVG text."""

from __future__ import annotations

from merit_cli.reports.canvas import FAINT, INK, new_figure, to_svg
from merit_cli.reports.html_text import minus
from merit_cli.reports.plots import MARKERS, colour_of, means, reaches
from merit_cli.reports.report import Plane, PlanePoint
from merit_cli.reports.tables import format_number


def draw_plane(plane: Plane) -> str:
    """Points with their 95 % intervals as crosses; the conditions of one system are joined by a line."""
    figure, axes = new_figure(5.4, 3.6)
    names = list(dict.fromkeys(point.name for point in plane.points))
    accented = next((point.name for point in plane.points if point.strong), None)
    for name in names:
        points = [point for point in plane.points if point.name == name and _is_whole(point)]
        if not points:
            continue
        axes.errorbar(
            means([point.x for point in points]),
            means([point.y for point in points]),
            xerr=reaches([point.x for point in points]),
            yerr=reaches([point.y for point in points]),
            color=colour_of(points[0].number, is_accented=name == accented),
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
            axes.annotate(minus(point.condition), place, (4, 4), textcoords="offset points", color=INK, fontsize=8)
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
