"""What every picture of the page shares: its colours, its frame, and the way to SVG text.

Colours are written as CSS variables of the page (``--ink``, ``--line-1`` ...), so that one picture
serves a light and a dark page. matplotlib is imported when the first picture is drawn.
"""

from __future__ import annotations

import html
import io
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, FAINT = "#010101", "#020202"
LINES = ("#030301", "#030302", "#030303", "#030304", "#030305", "#030306")
_VARIABLES = {INK: "var(--ink)", FAINT: "var(--rule)"} | {
    colour: f"var(--line-{number})" for number, colour in enumerate(LINES, start=1)
}
"""Stand-ins drawn by matplotlib, to the CSS variable each becomes."""


def new_figure(width: float, height: float) -> tuple[Figure, Axes]:
    """An empty figure of ``width`` by ``height`` inches with one axes in the page's colours."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.add_subplot()
    ink(axes)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    return figure, axes


def ink(axes: Axes) -> None:
    """Draw an axes' frame and words in the page's own colours."""
    axes.set_facecolor("none")
    axes.tick_params(colors=INK, labelsize=8, width=0.6)
    axes.xaxis.label.set(color=INK, fontsize=9)
    axes.yaxis.label.set(color=INK, fontsize=9)
    for spine in axes.spines.values():
        spine.set(edgecolor=INK, linewidth=0.6)


def to_svg(figure: Figure, description: str) -> str:
    """The figure as an ``<svg>`` element with a description: themed, scalable, without date or stray ids."""
    import matplotlib

    buffer = io.StringIO()
    figure.patch.set_visible(False)
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": description, "font.family": "sans-serif"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :]
    for stand_in, variable in _VARIABLES.items():
        svg = svg.replace(stand_in, variable)
    for useless in (r"<metadata>.*?</metadata>", r"<style.*?</style>", r" ?font-family: [^;\"]*;?"):
        svg = re.sub(useless, "", svg, flags=re.DOTALL)
    used = set(re.findall(r"#(\w+)", svg))
    svg = re.sub(r' id="([^"]*)"', lambda match: match[0] if match[1] in used else "", svg)
    label = html.escape(description, quote=True)
    width = f"{96 * figure.get_figwidth():.0f}px"  # at most its natural size: letters are as large as the page's own
    return svg.replace("<svg ", f'<svg role="img" aria-label="{label}" style="max-width:{width}" ', 1)
