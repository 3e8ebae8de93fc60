"""JSON lines: streamed reading that names the bad line, and appends that survive a kill."""

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from merit_cli.errors import BadData, NoInput
from merit_cli.io.atomic import atomic_path, cannot_write, make_folder

Line = dict[str, Any]  # one JSON object, as the json module gives it


def encode_line(line: Mapping[str, Any]) -> str:
    """One compact JSON line without its newline; NaN is refused."""
    return json.dumps(line, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def read_lines(path: Path, *, torn_tail: bool = False) -> Iterator[tuple[int, Line]]:
    """Each object of a JSON-lines file with its line number, from 1.

    Args:
        path: The file.
        torn_tail: Drop a last line that a killed writer left unfinished.

    Raises:
        NoInput: There is no such file.
        BadData: A line is not a JSON object.
    """
    try:
        handle = path.open(encoding="utf-8")
    except OSError:
        raise NoInput("the file does not exist", place=str(path)) from None
    with handle:
        number = 0
        try:
            for number, text in enumerate(handle, start=1):
                if torn_tail and not text.endswith("\n"):
                    return
                if text.strip():
                    yield number, parse_line(text, f"{path}:{number}")
        except UnicodeDecodeError as error:
            raise BadData("the file is not UTF-8 text", place=f"{path}:{number + 1}") from error


def parse_line(text: str, place: str) -> Line:
    """The object in one JSON line.

    Raises:
        BadData: It is not a JSON object.
    """
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise BadData(f"the line is not valid JSON: {error.msg}", place=place) from None
    if not isinstance(value, dict):
        raise BadData("the line is not a JSON object", place=place)
    return value


def write_lines(path: Path, lines: Iterable[Mapping[str, Any]]) -> int:
    """Write a whole file at once, by rename; returns the number of lines."""
    count = 0
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8") as handle:
        for line in lines:
            handle.write(encode_line(line) + "\n")
            count += 1
    return count


class LineWriter:
    """Appends lines to a file, each flushed; a torn last line is cut off on opening."""

    def __init__(self, path: Path) -> None:
        self.path = path
        make_folder(path.parent)
        try:
            _cut_torn_tail(path)
            self._handle = path.open("a", encoding="utf-8")
        except OSError as error:
            raise cannot_write(path, error) from error

    def append(self, line: Mapping[str, Any]) -> None:
        """Write one line and hand it to the operating system."""
        try:
            self._handle.write(encode_line(line) + "\n")
            self._handle.flush()
        except OSError as error:
            raise cannot_write(self.path, error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._handle.close()


def _cut_torn_tail(path: Path) -> None:
    if not path.exists():
        return
    with path.open("rb+") as handle:
        size = handle.seek(0, os.SEEK_END)
        end = size
        while end > 0:
            start = max(0, end - 65536)
            handle.seek(start)
            newline = handle.read(end - start).rfind(b"\n")
            if newline >= 0:
                end = start + newline + 1
                break
            end = start
        if end != size:
            handle.truncate(end)
