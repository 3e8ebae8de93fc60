"""Tables of corpora: CSV files by the names of their columns, whatever their case."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from merit_cli.errors import BadData

ENCODINGS = ("utf-8-sig", "cp1252")
"""Tried in turn; the second never fails on a byte that tables of this field have."""


def find_one(folder: Path, name: str) -> Path | None:
    """The file of this name, in any case, nearest to ``folder``; None where there is none."""
    found = [path for path in folder.rglob("*") if path.name.lower() == name.lower() and path.is_file()]
    return min(found, key=lambda path: (len(path.parts), path), default=None)


def read_rows(path: Path, needed: Sequence[str], *, delimiter: str = ",") -> list[dict[str, str]]:
    """The rows of a table, by column in lower case, values stripped.

    Args:
        path: The table, its first line the columns' names.
        needed: Columns that must be there, in lower case.
        delimiter: Between values.

    Raises:
        BadData: The file cannot be read, a column is missing, or a line has more values than there are columns.
    """
    reader = csv.DictReader(io.StringIO(_text(path), newline=""), delimiter=delimiter)
    columns = [(name or "").strip().lower() for name in reader.fieldnames or ()]
    missing = [name for name in needed if name not in columns]
    if missing:
        raise BadData(
            f"the table has no column {missing[0]!r}", place=str(path), hint=f"columns there: {', '.join(columns)}"
        )
    rows = []
    for number, row in enumerate(reader, start=2):
        if None in row:
            raise BadData("the line has more values than there are columns", place=f"{path}:{number}")
        rows.append({(name or "").strip().lower(): (value or "").strip() for name, value in row.items()})
    return rows


def number_in(row: dict[str, str], column: str, *, place: str) -> float | None:
    """The number in a column; None where it is empty.

    Raises:
        BadData: It is no number.
    """
    text = row.get(column, "")
    if not text:
        return None
    try:
        return float(text)
    except ValueError:
        raise BadData(f"{text!r} in the column {column!r} is not a number", place=place) from None


def _text(path: Path) -> str:
    try:
        raw = path.read_bytes()
    except OSError:
        raise BadData("the table cannot be read", place=str(path)) from None
    for encoding in ENCODINGS:
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise BadData("the table is not text", place=str(path), hint="save it as UTF-8")
