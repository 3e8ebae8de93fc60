"""The ledger of a batch: one line per item done, skipped or failed, with its reason.

The ledger is the resume key: an item whose last line is ``done`` or ``skipped`` is not touched
again; a ``failed`` one is tried again only on request.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from merit_cli.io.jsonl import Line, LineWriter, read_lines

Status = Literal["done", "skipped", "failed"]


@dataclass(frozen=True)
class Entry:
    """What became of one item.

    Args:
        id: The item.
        status: ``done``, ``skipped`` (nothing could be made of it) or ``failed`` (a fault).
        reason: One sentence; empty for ``done`` without a remark.
        data: What the item gave, such as its manifest line.
    """

    id: str
    status: Status
    reason: str = ""
    data: Line = field(default_factory=dict)

    def to_line(self) -> Line:
        """The entry as a JSON object, empty parts left out."""
        line: Line = {"id": self.id, "status": self.status}
        if self.reason:
            line["reason"] = self.reason
        if self.data:
            line["data"] = self.data
        return line


def read_ledger(path: Path) -> dict[str, Entry]:
    """The last entry of each item, in the order of first appearance; empty where there is no file."""
    entries: dict[str, Entry] = {}
    if path.exists():
        for _, line in read_lines(path, torn_tail=True):
            entry = Entry(line["id"], line["status"], line.get("reason", ""), line.get("data", {}))
            entries[entry.id] = entry
    return entries


@dataclass
class Ledger:
    """An open ledger: what is on record, and a way to add to it."""

    path: Path
    entries: dict[str, Entry]
    _writer: LineWriter

    @classmethod
    def open(cls, path: Path) -> "Ledger":
        """The ledger at ``path``, made where there is none."""
        return cls(path, read_ledger(path), LineWriter(path))

    def record(self, item_id: str, status: Status, reason: str = "", data: dict[str, Any] | None = None) -> Entry:
        """Append one entry."""
        entry = Entry(item_id, status, reason, data or {})
        self._writer.append(entry.to_line())
        self.entries[item_id] = entry
        return entry

    def take(self, path: Path) -> None:
        """Record what stands on another ledger and is not on record here."""
        for entry in read_ledger(path).values():
            if entry.id not in self.entries:
                self._writer.append(entry.to_line())
                self.entries[entry.id] = entry

    def pending(self, ids: Iterable[str], *, retry_failed: bool = False) -> Iterator[str]:
        """Those of ``ids`` that are not settled yet."""
        for item_id in ids:
            entry = self.entries.get(item_id)
            if entry is None or (retry_failed and entry.status != "done"):
                yield item_id

    def with_status(self, *statuses: Status) -> list[Entry]:
        """Entries whose last line has one of ``statuses``."""
        return [entry for entry in self.entries.values() if entry.status in statuses]

    def close(self) -> None:
        """Close the file."""
        self._writer.__exit__(None, None, None)
