"""Plots as SVG text: curves with intervals, confusion matrices, spectrograms."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from merit_cli.reports.canvas import FAINT, INK, LINES, ink, new_figure, to_svg
from merit_cli.reports.report import Cell, Confusion, Curve, Series
from merit_cli.reports.tables import format_number

MARKERS = ("o", "s", "^", "D", "v", "P")
FLOOR_DB = -80.0
"""Lowest level in a spectrogram, re the loudest bin of the three pictures."""

FloatArray = npt.NDArray[np.floating]


def draw_curve(curve: Curve) -> str:
    """Lines with their 95 % intervals as error bars; over a single x, one row of dots for each series."""
    xs = sorted({point.x for series in curve.series for point in series.points})
    if len(xs) < 2:
        return _draw_rows(curve)
    figure, axes = new_figure(5.4, 3.1)
    count = len(curve.series)
    step = min(right - left for left, right in pairwise(xs))
    for place, series in enumerate(curve.series):
        offset = (place - (count - 1) / 2) * 0.03 * step  # side by side, so that bars stay apart
        cells = [(point.x + offset, point.cell) for point in series.points if point.cell.mean is not None]
        values = [cell for _, cell in cells]
        axes.errorbar([x for x, _ in cells], means(values), yerr=reaches(values), **_look(series))
    axes.set(xlabel=curve.x_label, ylabel=curve.y_label, xticks=xs)
    axes.set_xlim(xs[0] - 0.4 * step, xs[-1] + 0.4 * step)
    axes.grid(axis="y", color=FAINT, linewidth=0.6)
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside right center", frameon=False, labelcolor=INK, fontsize=9)
    return to_svg(figure, describe_curve(curve))


def _draw_rows(curve: Curve) -> str:
    """One row a series, the value along the x axis."""
    figure, axes = new_figure(5.4, 0.9 + 0.32 * len(curve.series))
    for place, series in enumerate(curve.series):
        cells = [(float(place), point.cell) for point in series.points if point.cell.mean is not None]
        values = [cell for _, cell in cells]
        axes.errorbar(means(values), [x for x, _ in cells], xerr=reaches(values), **_look(series))
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


def _look(series: Series) -> dict[str, Any]:  # matplotlib's keywords
    strong = series.strong
    return {
        "color": LINES[0] if strong else LINES[1 + series.number % (len(LINES) - 1)],
        "marker": MARKERS[series.number % len(MARKERS)],
        "markersize": 5 if strong else 4,
        "linewidth": 2.2 if strong else 1.2,
        "linestyle": "-" if strong else "--",
        "zorder": 3 if strong else 2,
        "elinewidth": 1.0,
        "capsize": 2.5,
        "label": series.name,
    }


def describe_curve(curve: Curve) -> str:
    """The curve in words, for those who cannot see it."""
    parts = []
    for series in curve.series:
        values = (f"{format_number(p.cell.mean, p.cell.unit)} at {p.x:g}" for p in series.points)
        parts.append(f"{series.name}: {', '.join(values)}")
    return f"{curve.title}: {curve.y_label} over {curve.x_label}. {'; '.join(parts)}."


def draw_confusion(confusion: Confusion) -> str:
    """Row-normalised matrix with its counts; rows are the true labels."""
    counts = np.array(confusion.counts, dtype=float)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1.0)
    size = len(confusion.labels)
    figure, axes = new_figure(1.9 + 0.62 * size, 1.35 + 0.5 * size)
    for row, column in np.ndindex(*counts.shape):
        share = shares[row, column]
        axes.add_patch(_tile(row, column, share))
        axes.text(column, row, f"{counts[row, column]:.0f}", ha="center", va="center", color=INK, fontsize=9)
    axes.set(xlim=(-0.5, size - 0.5), ylim=(size - 0.5, -0.5), xlabel="predicted label", ylabel="true label")
    axes.set_xticks(range(size), confusion.labels, rotation=25, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(size), confusion.labels)
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    return to_svg(figure, f"Confusion matrix, {confusion.title}. {confusion.caption}")


def _tile(row: int, column: int, share: float) -> Any:  # matplotlib's own patch type, imported late
    from matplotlib.patches import Rectangle

    return Rectangle((column - 0.48, row - 0.48), 0.96, 0.96, facecolor=LINES[0], alpha=0.06 + 0.6 * share, linewidth=0)


def draw_spectrograms(panels: Sequence[tuple[str, FloatArray]], sample_rate: int, *, title: str) -> str:
    """Spectrograms of several signals above each other on one colour scale.

    Args:
        panels: Name and samples (N,) of each.
        sample_rate: Of all of them, in Hz.
        title: Says of what, in the text alternative.
    """
    figure, first = new_figure(5.6, 0.75 + 1.15 * len(panels))
    figure.delaxes(first)
    all_axes = figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
    pictures = [power_db(samples, sample_rate) for _, samples in panels]
    top = max(float(picture.max()) for picture in pictures)
    for axes, (name, samples), picture in zip(all_axes, panels, pictures, strict=True):
        duration = len(samples) / sample_rate
        image = axes.imshow(
            picture - top,
            origin="lower",
            aspect="auto",
            extent=(0.0, duration, 0.0, sample_rate / 2),
            vmin=FLOOR_DB,
            vmax=0.0,
            cmap="magma",
        )
        axes.set(ylabel="Hz")
        axes.set_title(name, loc="left", fontsize=9, color=INK, pad=3)
        ink(axes)
    all_axes[-1].set_xlabel("time (s)")
    bar = figure.colorbar(image, ax=list(all_axes), pad=0.015, aspect=30)
    bar.set_label("dB re loudest bin", color=INK, fontsize=9)
    ink(bar.ax)
    bar.outline.set_visible(False)
    names = ", ".join(name for name, _ in panels)
    return to_svg(figure, f"Spectrograms of {title}: {names}; frequency in Hz over time in s, level in dB.")


def power_db(samples: FloatArray, sample_rate: int, *, max_frames: int = 320) -> npt.NDArray[np.float64]:
    """Power spectrum over time in dB, (bins, frames): 25 ms Hann windows, at most ``max_frames`` of them.

    >>> power_db(np.zeros(16000), 16000).shape
    (201, 98)
    """
    window = round(0.025 * sample_rate)
    padded = np.pad(np.asarray(samples, dtype=np.float64), (0, max(0, window - len(samples))))
    hop = max(round(0.01 * sample_rate), -(-(len(padded) - window) // max_frames), 1)
    frames = np.lib.stride_tricks.sliding_window_view(padded, window)[::hop]
    spectrum = np.abs(np.fft.rfft(frames * np.hanning(window), axis=1)) ** 2
    return np.asarray(10.0 * np.log10(spectrum.T + 1e-10))
