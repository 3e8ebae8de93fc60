"""What a plan notes of each file, so that no other audio is rendered in its place.

A mark is the file's size and a hash of pieces of it, so that a million files are marked in the time it takes to open
them: a file that was exchanged, cut, scaled or encoded anew differs; some samples changed between the pieces of a
long WAV file do not. It holds wherever the file is copied to.
"""

import hashlib
import os
from functools import lru_cache
from pathlib import Path

from merit_cli.errors import BadData

_NUM_PIECES = 16
_PIECE_BYTES = 4096


def mark_of_file(path: Path) -> str:
    """The mark of a file; empty where there is none to read."""
    try:
        with path.open("rb") as handle:
            size = os.fstat(handle.fileno()).st_size
            digest = hashlib.blake2b(digest_size=12)
            if size <= _NUM_PIECES * _PIECE_BYTES:
                digest.update(handle.read())
            else:
                for number in range(_NUM_PIECES):
                    handle.seek((size - _PIECE_BYTES) * number // (_NUM_PIECES - 1))
                    digest.update(handle.read(_PIECE_BYTES))
    except OSError:
        return ""
    return f"{size}:{digest.hexdigest()}"


def check_mark(path: Path, mark: str) -> None:
    """Nothing where the file is the one that was marked, or was not marked, or is not there to be read.

    Raises:
        BadData: It is another.
    """
    try:
        status = path.stat()
    except OSError:  # reading it will say so
        return
    if mark and mark != _mark_of_state(path, status.st_size, status.st_mtime_ns):
        raise BadData(
            "the file is not the one that was planned with: its contents have changed",
            place=str(path),
            hint="bring the old file back, or make the plan again",
        )


@lru_cache(maxsize=4096)
def _mark_of_state(path: Path, _size: int, _time_ns: int) -> str:
    return mark_of_file(path)
