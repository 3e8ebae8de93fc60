"""The errors a user can meet, each with its exit code.

Every error is one sentence, the place it happened (``file:line``, key path or utterance id) and a
hint. The exit codes follow BSD's sysexits where one fits (65 data, 66 input, 69 unavailable, 75
temporary).
"""

import difflib
from collections.abc import Iterable
from typing import ClassVar


class MeritError(Exception):
    """A fault that the user can mend.

    Args:
        message: One sentence that names the offending value.
        place: Where it was found: ``file:line``, a recipe's key path or an utterance id.
        hint: What to do about it.
    """

    exit_code: ClassVar[int] = 2

    def __init__(self, message: str, *, place: str = "", hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.place = place
        self.hint = hint

    def __str__(self) -> str:
        where = f"{self.place}: " if self.place else ""
        advice = f" ({self.hint})" if self.hint else ""
        return f"{where}{self.message}{advice}"

    def __reduce__(self) -> tuple[object, ...]:
        """Survive the way back from a worker process with place and hint."""
        return (_rebuild, (type(self), self.message, self.place, self.hint))


def _rebuild(kind: type[MeritError], message: str, place: str, hint: str) -> MeritError:
    return kind(message, place=place, hint=hint)


class UsageError(MeritError):
    """A flag, a recipe key or an argument is wrong."""

    exit_code = 2


class CheckFailed(MeritError):
    """A check that guards the numbers failed: a leak, an SNR, a gate, a collapsed router."""

    exit_code = 4


class BadData(MeritError):
    """A file is there but its contents cannot be used."""

    exit_code = 65


class NoInput(MeritError):
    """A file or folder is missing or empty."""

    exit_code = 66


class Unavailable(MeritError):
    """An extra, a weight, a device or a writable place is missing."""

    exit_code = 69


class Preempted(MeritError):
    """The job was asked to stop and can be resumed by the same command."""

    exit_code = 75


SOME_ITEMS_FAILED = 3
"""Exit code of a batch that finished with failed or skipped items on its ledger."""


def nearest_name(name: str, known: Iterable[str]) -> str | None:
    """The known name most like ``name``, or None where none is near.

    >>> nearest_name("snrr", ["snr", "level"])
    'snr'
    """
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return close[0] if close else None


def unknown_name(kind: str, name: str, known: Iterable[str], *, place: str = "") -> UsageError:
    """An error that refuses ``name`` and points to the nearest known one.

    >>> str(unknown_name("enhancer", "gtcnr", ["gtcrn", "identity"]))
    "unknown enhancer 'gtcnr' (did you mean 'gtcrn'? known: gtcrn, identity)"
    """
    names = sorted(known)
    near = nearest_name(name, names)
    guess = f"did you mean {near!r}? " if near else ""
    return UsageError(f"unknown {kind} {name!r}", place=place, hint=f"{guess}known: {', '.join(names)}")
