"""Content hashes of input files and folders."""

import hashlib
from pathlib import Path

from merit_cli.errors import NoInput


def sha256_of_file(path: Path) -> str:
    """The file's sha256 in hexadecimal, read in pieces.

    Raises:
        NoInput: There is no such file.
    """
    try:
        with path.open("rb") as handle:
            return hashlib.file_digest(handle, "sha256").hexdigest()
    except OSError:
        raise NoInput("the file does not exist", place=str(path)) from None


def hash_of_files(paths: list[Path]) -> str:
    """A hash over name, size and modification time of many files, contents unread; a link to nothing has neither."""
    digest = hashlib.sha256()
    for path in sorted(paths):
        try:
            status = path.stat()
            digest.update(f"{path}\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
        except OSError:
            digest.update(f"{path}\0missing\n".encode())
    return digest.hexdigest()
