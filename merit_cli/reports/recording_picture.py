"""One recording as a picture that stands alone: its spectrograms, and above them what a classifier said of each window.

A lane a class and one for what was left open; colour says the class again, and how full it is says how sure the
classifier was.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
import numpy.typing as npt

from merit_cli.reports.spectrograms import WIDTH, draw_spectrograms, time_axis

LANE, TITLE, GAP, FOOT = 16.0, 24.0, 10.0, 26.0
NO_ANSWER = "no answer"
FAINTEST = 0.2
"""Opacity of an answer with probability 0; one with probability 1 is opaque."""
_STYLE = """
svg { --ink: #20262d; --paper: #ffffff; --rule: #dcd8cf; --line-1: #135e68; --line-2: #a8561a; --line-3: #6b5b95;
  --line-4: #8f3b52; --line-5: #7a7f2a; --line-6: #5b6570;
  font-family: system-ui, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
@media (prefers-color-scheme: dark) { svg { --ink: #e8e4da; --paper: #14171a; --rule: #363c43; --line-1: #7cc7cf;
  --line-2: #e0a063; --line-3: #b3a4e0; --line-4: #e294aa; --line-5: #c5c96b; --line-6: #a3abb3; } }
"""


@dataclass(frozen=True)
class AnswerSpan:
    """What was said of one stretch.

    Args:
        start: In seconds.
        end: In seconds.
        label: The class; None where the answer was withheld.
        probability: Of the likeliest class.
        reason: Why the answer was withheld; empty where it was given.
    """

    start: float
    end: float
    label: str | None
    probability: float
    reason: str = ""


def draw_recording(
    panels: Sequence[tuple[str, npt.NDArray[np.floating]]],
    sample_rate: int,
    spans: Sequence[AnswerSpan],
    *,
    classes: Sequence[str],
    title: str,
    start: float = 0.0,
) -> str:
    """The picture as the text of an SVG file.

    Args:
        panels: Name and samples (N,) of each version of the same stretch, such as raw and enhanced.
        sample_rate: Of all of them, in Hz.
        spans: Answers; those outside of the stretch are cut or left out.
        classes: Lanes, from the top.
        title: What was recorded.
        start: Where the stretch begins in the recording, in seconds.
    """
    seconds = max(len(samples) for _, samples in panels) / sample_rate
    shown = [span for span in spans if span.end > start and span.start < start + seconds]
    lanes = (*classes, NO_ANSWER)
    top = 2 * TITLE + len(lanes) * LANE + GAP
    inner = draw_spectrograms(panels, sample_rate, title=title)
    height = top + _height_of(inner)
    words = escape(f"{title}: {describe_spans(shown, classes)}", quote=True)
    body = "".join(
        [
            f'<rect width="{WIDTH:g}" height="{height + FOOT:g}" fill="var(--paper)"/>',
            f'<text x="{time_axis()[0]:g}" y="17" font-size="14" font-weight="600">{escape(title)}</text>',
            *_lanes(lanes, 2 * TITLE),
            *_windows(shown, lanes, 2 * TITLE, start, seconds),
            inner.replace("<svg ", f'<svg x="0" y="{top:g}" width="{WIDTH:g}" height="{height - top:g}" ', 1),
            f'<text x="{time_axis()[0]:g}" y="{height + 16:g}" font-size="11">time from {start:g} s; '
            "the fuller the colour, the surer; research use, not a diagnosis</text>",
        ]
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH:g} {height + FOOT:g}" role="img" '
        f'aria-label="{words}" font-size="12" fill="var(--ink)"><style>{_STYLE}</style>{body}</svg>\n'
    )


def describe_spans(spans: Sequence[AnswerSpan], classes: Sequence[str]) -> str:
    """The answers in words.

    >>> describe_spans([AnswerSpan(0, 1, "wheeze", 0.9), AnswerSpan(1, 2, None, 0.3)], ["normal", "wheeze"])
    '2 windows: wheeze 1, no answer 1.'
    """
    said = [span.label or NO_ANSWER for span in spans]
    counts = [f"{name} {said.count(name)}" for name in (*classes, NO_ANSWER) if name in said]
    return f"{len(spans)} windows: {', '.join(counts) or 'none'}."


def _height_of(svg: str) -> float:
    """Of a picture, from its view box."""
    return float(svg.split('viewBox="', 1)[1].split('"', 1)[0].split()[3])


def _lanes(lanes: Sequence[str], y: float) -> Iterator[str]:
    left, width = time_axis()
    yield f'<text x="{left:g}" y="{y - 7:g}" font-size="13">answers</text>'
    for number, name in enumerate(lanes):
        height = y + number * LANE
        yield f'<path d="M{left:g} {height:g}h{width:g}" stroke="var(--rule)" stroke-width=".6"/>'
        yield f'<text x="{left + width + 6:g}" y="{height + 12:g}" font-size="11">{escape(name)}</text>'
    bottom = y + len(lanes) * LANE
    yield f'<path d="M{left:g} {bottom:g}h{width:g}" stroke="var(--rule)" stroke-width=".6"/>'


def _windows(
    spans: Sequence[AnswerSpan], lanes: Sequence[str], y: float, start: float, seconds: float
) -> Iterator[str]:
    left, width = time_axis()
    for span in spans:
        first, last = max(span.start - start, 0.0), min(span.end - start, seconds)
        number = lanes.index(span.label or NO_ANSWER)
        colour = f"var(--line-{min(number + 1, 6)})"
        opacity = FAINTEST + (1.0 - FAINTEST) * span.probability
        fill = "none" if span.label is None else colour
        dashes = ' stroke-dasharray="3 2"' if span.label is None else ""
        words = f"{span.start:g} to {span.end:g} s: {span.label or NO_ANSWER}, probability {span.probability:.2f}"
        yield (
            f'<rect x="{left + width * first / seconds + 0.5:.2f}" y="{y + number * LANE + 2:g}" '
            f'width="{max(width * (last - first) / seconds - 1.0, 1.0):.2f}" height="{LANE - 4:g}" rx="2" '
            f'fill="{fill}" fill-opacity="{opacity:.2f}" stroke="{colour if span.label else "var(--ink)"}" '
            f'stroke-width=".8"{dashes}><title>{escape(f"{words} {span.reason}".strip())}</title></rect>'
        )
