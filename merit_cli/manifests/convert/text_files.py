"""Text files of other toolkits, read line by line; whatever is not text is refused with its place."""

import gzip
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from merit_cli.errors import BadData, NoInput
from merit_cli.io.atomic import write_bytes
from merit_cli.io.jsonl import Line, encode_line, parse_line


def read_text(path: Path) -> str:
    """The text of a file, unpacked where its name ends in ``.gz``.

    Raises:
        NoInput: There is no such file.
        BadData: It is not UTF-8, or not gzip.
    """
    try:
        raw = path.read_bytes()
        return (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode("utf-8-sig")
    except FileNotFoundError:
        raise NoInput("the file does not exist", place=str(path)) from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise BadData("the file is not UTF-8 text", place=f"{path}:{line}", hint="save it as UTF-8") from None
    except (OSError, EOFError) as error:
        raise BadData(f"the file cannot be read: {error}", place=str(path)) from None


def read_json_lines(path: Path) -> Iterator[tuple[str, Line]]:
    """Each JSON object of a file with its place.

    Raises:
        NoInput: There is no such file.
        BadData: A line is not a JSON object.
    """
    for number, text in enumerate(read_text(path).split("\n"), start=1):
        if text.strip():
            yield f"{path}:{number}", parse_line(text, f"{path}:{number}")


def write_json_lines(path: Path, lines: Iterable[Mapping[str, Any]]) -> None:
    """Write JSON lines, packed where the name ends in ``.gz``; the same lines give the same bytes."""
    contents = "".join(f"{encode_line(line)}\n" for line in lines).encode()
    write_bytes(path, gzip.compress(contents, mtime=0) if path.suffix == ".gz" else contents)


def needed(line: Mapping[str, Any], key: str, *, place: str) -> Any:
    """What a line has under ``key``.

    Raises:
        BadData: It has no such key.
    """
    if key not in line:
        raise BadData(f"the line has no {key!r}", place=place, hint=f"keys there: {', '.join(line)}")
    return line[key]


def text_in(line: Mapping[str, Any], key: str, *, place: str) -> str:
    """The text under ``key``.

    Raises:
        BadData: It is missing, empty or no text.
    """
    value = needed(line, key, place=place)
    if not isinstance(value, str) or not value:
        raise BadData(f"{key} = {json.dumps(value)} is not a text", place=place)
    return value


def number_or(line: Mapping[str, Any], key: str, default: float | None, *, place: str) -> float | None:
    """The number under ``key``, also where it is written as text; ``default`` without one.

    Raises:
        BadData: It is no number.
    """
    value = line.get(key)
    if value in (None, ""):
        return default
    try:
        if isinstance(value, bool):
            raise ValueError
        return float(value)
    except (TypeError, ValueError):
        raise BadData(f"{key} = {json.dumps(value)} is not a number", place=place) from None
