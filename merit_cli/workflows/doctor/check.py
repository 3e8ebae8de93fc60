"""One finding of ``merit doctor``."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Check:
    """One finding.

    Args:
        name: What was looked at.
        ok: Whether merit can do its work; an absent extra is no fault.
        found: What was found.
        mend: What to do; empty where nothing is needed.
    """

    name: str
    ok: bool
    found: str
    mend: str = ""
