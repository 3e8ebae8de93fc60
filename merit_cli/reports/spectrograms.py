"""Spectrograms as one small SVG: indexed pictures of 32 levels, axes in kHz and s, one scale of levels for all."""

from __future__ import annotations

import base64
import hashlib
import struct
import zlib
from collections.abc import Iterator, Sequence
from html import escape

import numpy as np
import numpy.typing as npt

from merit_cli.reports.html_text import minus
from merit_cli.reports.report import Strip
from merit_cli.reports.strips import describe_strip, draw_strips

FLOOR_DB = -80.0
"""Lowest level shown, re the loudest bin of all the pictures."""
NUM_LEVELS = 32
WIDTH = 540.0
_LEFT, _RIGHT = 44.0, 76.0
_PANEL, _TITLE, _FOOT = 96.0, 24.0, 38.0
_WIDEST = 680
"""Pixels of the page; it shrinks with a narrow one."""

FloatArray = npt.NDArray[np.floating]


def draw_spectrograms(
    panels: Sequence[tuple[str, FloatArray]], sample_rate: int, *, title: str, strips: Sequence[Strip] = ()
) -> str:
    """Spectrograms of several signals above each other, on the same axes and the same scale of levels.

    Args:
        panels: Name and samples (N,) of each.
        sample_rate: Of all of them, in Hz.
        title: Says of what, in the text alternative.
        strips: Choices over the same time, drawn above.
    """
    pictures = [power_db(samples, sample_rate) for _, samples in panels]
    top = max(float(picture.max()) for picture in pictures)
    longest = max(len(samples) for _, samples in panels) / sample_rate
    parts, top_y = draw_strips(strips, left=_LEFT, width=_inner(), seconds=longest)
    for place, ((name, samples), picture) in enumerate(zip(panels, pictures, strict=True)):
        y = top_y + _TITLE + place * (_PANEL + _TITLE)
        share = len(samples) / sample_rate / longest
        parts += [_text(_LEFT, y - 7, name, "start", 13), _image(picture - top, y, share * _inner())]
        parts += _frequencies(y, sample_rate / 2000)
    bottom = top_y + len(panels) * (_PANEL + _TITLE)
    parts += [*_times(bottom, longest), *_scale(top_y + _TITLE, bottom, title)]
    names = ", ".join(name for name, _ in panels)
    words = [f"Spectrograms of {title}: {names}; frequency in kHz over time in s, level in dB."]
    label = escape(" ".join([*words, *(describe_strip(strip) for strip in strips)]), quote=True)
    box = f'viewBox="0 0 {WIDTH:g} {bottom + _FOOT:g}" style="max-width:{_WIDEST}px"'
    return f'<svg role="img" aria-label="{label}" {box} font-size="12" fill="var(--ink)">{"".join(parts)}</svg>'


def time_axis() -> tuple[float, float]:
    """Where time 0 stands and how wide all the time is, in the units of a picture `WIDTH` wide."""
    return _LEFT, _inner()


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


def indexed_png(levels: npt.NDArray[np.uint8], palette: npt.NDArray[np.uint8]) -> bytes:
    """A PNG of indices (rows, columns) into a palette of RGB (at most 256, 3).

    Source: ISO/IEC 15948, colour type 3.
    """
    height, width = levels.shape
    rows = np.hstack([np.zeros((height, 1), dtype=np.uint8), levels]).tobytes()  # each row begins with its filter, none
    header = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"PLTE", palette.tobytes()), (b"IDAT", zlib.compress(rows, 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )


def _palette() -> npt.NDArray[np.uint8]:
    """Colours of the levels, dark to light, (number of levels, 3)."""
    from matplotlib import colormaps

    return np.asarray(colormaps["magma"](np.linspace(0.0, 1.0, NUM_LEVELS), bytes=True)[:, :3], dtype=np.uint8)


def _image(level_db: FloatArray, y: float, width: float) -> str:
    steps = np.clip(np.round((1.0 - level_db / FLOOR_DB) * (NUM_LEVELS - 1)), 0, NUM_LEVELS - 1).astype(np.uint8)
    data = base64.b64encode(indexed_png(np.flipud(steps), _palette())).decode("ascii")
    return (
        f'<image x="{_LEFT:g}" y="{y:g}" width="{width:.2f}" height="{_PANEL:g}" preserveAspectRatio="none" '
        f'href="data:image/png;base64,{data}"/>'
    )


def _inner() -> float:
    return WIDTH - _LEFT - _RIGHT


def _frequencies(y: float, top_khz: float) -> Iterator[str]:
    for share in (0.0, 0.5, 1.0):
        height = y + _PANEL * (1.0 - share)
        yield _line(_LEFT - 4, height, _LEFT, height)
        yield _text(_LEFT - 7, height + 4, f"{top_khz * share:g}", "end")
    yield _turned(12.0, y + _PANEL / 2, "kHz")


def _times(y: float, longest: float) -> Iterator[str]:
    step = next((step for step in (0.1, 0.2, 0.5, 1.0, 2.0, 5.0) if longest / step <= 8), 10.0)
    for number in range(int(longest / step) + 1):
        x = _LEFT + _inner() * number * step / longest
        yield _line(x, y, x, y + 4)
        yield _text(x, y + 17, f"{number * step:g}", "middle")
    yield _text(_LEFT + _inner() / 2, y + 33, "time (s)", "middle")


def _scale(top: float, bottom: float, title: str) -> Iterator[str]:
    name = f"levels-{hashlib.sha256(title.encode()).hexdigest()[:12]}"
    x = WIDTH - _RIGHT + 14
    colours = _palette()[:: -(NUM_LEVELS - 1) // 8][:9]
    stops = "".join(
        f'<stop offset="{place / (len(colours) - 1):.3f}" stop-color="#{bytes(colour).hex()}"/>'
        for place, colour in enumerate(colours)
    )
    yield f'<defs><linearGradient id="{name}" x1="0" y1="0" x2="0" y2="1">{stops}</linearGradient></defs>'
    yield f'<rect x="{x:g}" y="{top:g}" width="10" height="{bottom - top:g}" fill="url(#{name})"/>'
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        height = top + (bottom - top) * share
        yield _text(x + 14, height + 4, minus(f"{FLOOR_DB * share + 0.0:g}"), "start")
    yield _turned(WIDTH - 6, (top + bottom) / 2, "dB re loudest bin")


def _text(x: float, y: float, text: str, anchor: str, size: int = 12) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}">{escape(text)}</text>'


def _turned(x: float, y: float, text: str) -> str:
    return f'<text text-anchor="middle" transform="translate({x:.1f} {y:.1f}) rotate(-90)">{escape(text)}</text>'


def _line(x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="var(--ink)" stroke-width=".8"/>'
