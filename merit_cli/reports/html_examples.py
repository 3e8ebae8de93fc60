"""Utterances to listen to and to look at, inside the page."""

from collections.abc import Iterable
from html import escape
from pathlib import Path

from merit_cli.reports.html_text import minus
from merit_cli.reports.media import read_sounds, to_data_uri
from merit_cli.reports.report import Example
from merit_cli.reports.spectrograms import draw_spectrograms

MAX_BYTES_OF_EXAMPLES = 6_000_000
"""Examples beyond this are left out and counted, so that the page with its list stays under 10 MB."""


def examples_html(examples: Iterable[Example], folder: Path) -> str:
    """Facts, players and spectrograms of each example, as many as the page can bear.

    Args:
        examples: In the order of the page.
        folder: That the clips' paths are relative to.
    """
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
    facts = "".join(f"<dt>{escape(key)}</dt><dd>{escape(minus(value))}</dd>" for key, value in example.facts.items())
    players = ""
    for sound in sounds:
        label = escape(f"{sound.name} ({sound.remark})" if sound.remark else sound.name)
        title = escape(f"{sound.name}: {example.title}", quote=True)
        player = f'<audio controls preload="metadata" aria-label="{title}" src="{to_data_uri(sound)}"></audio>'
        players += f'<div class="player"><span>{label}</span>{player if len(sound.samples) else ""}</div>'
    picture = ""
    if heard:
        panels = [(sound.name, sound.samples) for sound in heard]
        drawn = draw_spectrograms(panels, heard[0].sample_rate, title=example.title, strips=example.strips)
        picture = f"<figure>{drawn}</figure>"
    return (
        f'<article class="example"><div><h3>{escape(example.title)}</h3><p class="quiet">{escape(example.why)}</p>'
        f"<dl>{facts}</dl>{players}</div>{picture}</article>"
    )
