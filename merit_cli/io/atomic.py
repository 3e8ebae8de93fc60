"""Outputs that appear whole or not at all."""

import errno
import json
import os
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from merit_cli.errors import Unavailable

NO_ROOM = {errno.ENOSPC: "the disk is full", errno.EDQUOT: "the disk quota is used up"}
_NO_WAY = {
    errno.EACCES: "is not writable",
    errno.EPERM: "is not writable",
    errno.EROFS: "is on a read-only file system",
}

_TEMPORARY = re.compile(r"\..*\.([\w-]+)\.(\d+)\.tmp(\.\w+)?")
_STEM_BYTES = 120
"""Of a temporary name; with the longest host name it stays below the 255 bytes that file systems allow."""


def cannot_write(path: Path | str, error: OSError) -> Unavailable:
    """The error to raise where writing to ``path`` failed."""
    if error.errno in NO_ROOM:
        return Unavailable(NO_ROOM[error.errno], place=str(path), hint="free some space and run the same command again")
    reason = _NO_WAY.get(error.errno or 0, f"cannot be written: {error.strerror or error}")
    return Unavailable(f"the output {reason}", place=str(path), hint="choose another place with --output")


def make_folder(path: Path) -> Path:
    """``path`` as an existing folder.

    Raises:
        Unavailable: It cannot be made.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(path, error) from error
    return path


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """A temporary path beside ``path`` that takes its name when the block ends well.

    The temporary name keeps the suffix, because writers choose the format by it, and holds host and
    process, because jobs on several machines may write into one folder.

    Raises:
        Unavailable: The folder is not writable or the disk is full.
    """
    make_folder(path.parent)
    temporary = _temporary_beside(path)
    try:
        yield temporary
        os.replace(temporary, path)
    except OSError as error:
        raise cannot_write(path, error) from error
    finally:
        temporary.unlink(missing_ok=True)


def _temporary_beside(path: Path) -> Path:
    """A name that no other living process uses; see _TEMPORARY."""
    stem = os.fsencode(path.stem)[:_STEM_BYTES].decode("utf-8", errors="ignore")
    return path.with_name(f".{stem}.{_host()}.{os.getpid()}.tmp{path.suffix}")


def _host() -> str:
    """This machine's name without what may not stand in a file name."""
    return re.sub(r"[^A-Za-z0-9-]", "-", socket.gethostname()) or "localhost"


def is_temporary(path: Path) -> bool:
    """Whether the name is one that `atomic_path` gives to what is not yet whole."""
    return _TEMPORARY.fullmatch(path.name) is not None


def sweep_temporaries(folder: Path) -> None:
    """Remove what killed processes of this machine left half-written below ``folder``.

    Files of living processes stay, and those of other machines, where nobody here knows who lives.
    """
    for path in folder.rglob(".*.tmp*"):
        match = _TEMPORARY.fullmatch(path.name)
        if match and match[1] == _host() and not Path("/proc", match[2]).exists():
            path.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write ``text`` as UTF-8."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_bytes(path: Path, contents: bytes) -> None:
    """Write ``contents``."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(contents)


def write_json(path: Path, value: Any) -> None:
    """Write ``value`` as indented JSON; NaN is refused, since JSON has none."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def write_yaml(path: Path, value: Any) -> None:
    """Write ``value`` as block-style YAML, keys in their own order."""
    write_text(path, yaml.safe_dump(value, sort_keys=False, allow_unicode=True))
