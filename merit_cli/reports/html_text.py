"""Small pieces of text that every part of the page writes alike."""

import re
from html import escape

from merit_cli.reports.report import Cell
from merit_cli.reports.tables import MARK_WORDS


def minus(text: str) -> str:
    """The true minus sign in place of the hyphen before a number.

    >>> minus("[-0.5, 0.1], co-op, sentence-5")
    '[−0.5, 0.1], co-op, sentence-5'
    """
    return re.sub(r"(?<![\w.])-(?=\.?\d)", "\N{MINUS SIGN}", text)


def mark_html(cell: Cell) -> str:
    """A cell's mark, with its meaning for those who hear the page."""
    words = MARK_WORDS.get(cell.mark, "")
    label = f' role="img" aria-label="{words}"' if words else ""
    return f'<span class="mark"{label}>{escape(cell.mark)}</span>' if cell.mark else ""
