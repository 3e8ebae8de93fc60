"""Choices over time as lanes of an SVG: the lane says which, so that no colour has to."""

from collections.abc import Iterator, Sequence
from html import escape
from itertools import groupby

from merit_cli.reports.report import Strip

TITLE, GAP = 24.0, 4.0
"""Heights above and below the lanes of a strip."""
TALLEST, MOST_NAMED = 13.0, 5
"""Height of a lane, and how many are numbered one by one; more of them are lower, only the first and last named."""
WHOLE = 64.0
"""Most height that the lanes of a strip take."""
COLOURS = ("var(--line-1)", "var(--line-2)")


def draw_strips(strips: Sequence[Strip], *, left: float, width: float, seconds: float) -> tuple[list[str], float]:
    """SVG of strips above each other, and the height that they take from 0 on.

    Args:
        strips: From the top.
        left: Where time 0 is.
        width: Of all the time.
        seconds: All the time; what goes on longer is cut.
    """
    parts: list[str] = []
    y = 0.0
    for place, strip in enumerate(strips):
        lane = min(TALLEST, WHOLE / strip.num_choices)
        parts += _words(strip, left, y, lane)
        y += TITLE
        parts += _lanes(strip, left, width, y, lane)
        scale = width / seconds / strip.frames_per_second
        shown = strip.choices[: round(seconds * strip.frames_per_second)]
        parts.append(f'<path fill="{COLOURS[place % len(COLOURS)]}" d="{_path(shown, left, y, scale, lane)}"/>')
        y += strip.num_choices * lane + GAP
    return parts, y


def runs_of(choices: Sequence[int]) -> Iterator[tuple[int, int, int]]:
    """Choice, first frame and number of frames of each run.

    >>> list(runs_of([2, 2, 0]))
    [(2, 0, 2), (0, 2, 1)]
    """
    start = 0
    for choice, members in groupby(choices):
        length = len(list(members))
        yield choice, start, length
        start += length


def describe_strip(strip: Strip) -> str:
    """The strip in words: how much of the time each choice has, and how often it changes.

    >>> describe_strip(Strip("expert", (0, 0, 1, 1), 2, 2.0))
    'Expert: 1 in 50 %, 2 in 50 % of the time, 0.5 changes a second.'
    """
    total = max(len(strip.choices), 1)
    counts = [strip.choices.count(number) for number in range(strip.num_choices)]
    shares = ", ".join(f"{number + 1} in {100 * count / total:.0f} %" for number, count in enumerate(counts) if count)
    changes = max(len(list(runs_of(strip.choices))) - 1, 0) * strip.frames_per_second / total
    return f"{strip.name[:1].upper()}{strip.name[1:]}: {shares} of the time, {changes:.1f} changes a second."


def _path(choices: Sequence[int], left: float, y: float, scale: float, lane: float) -> str:
    return "".join(
        f"M{left + start * scale:.2f} {y + choice * lane + 1:.1f}h{length * scale:.2f}v{lane - 2:.1f}"
        f"h{-length * scale:.2f}z"
        for choice, start, length in runs_of(choices)
    )


def _words(strip: Strip, left: float, y: float, lane: float) -> Iterator[str]:
    yield f'<text x="{left:.1f}" y="{y + TITLE - 7:.1f}" font-size="13">{escape(strip.name)}</text>'
    for number in range(strip.num_choices):
        if strip.num_choices <= MOST_NAMED or number in (0, strip.num_choices - 1):
            height = y + TITLE + (number + 0.5) * lane + 4
            yield f'<text x="{left - 7:.1f}" y="{height:.1f}" text-anchor="end">{number + 1}</text>'


def _lanes(strip: Strip, left: float, width: float, y: float, lane: float) -> Iterator[str]:
    for number in range(strip.num_choices + 1):
        height = y + number * lane
        yield f'<path d="M{left:.1f} {height:.1f}h{width:.1f}" stroke="var(--rule)" stroke-width=".6"/>'
