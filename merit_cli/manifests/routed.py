"""Which experts a routed model sent an utterance to: ``routing.jsonl``, one utterance a line."""

import base64
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from merit_cli.errors import BadData
from merit_cli.io.jsonl import read_lines, write_lines
from merit_cli.units import Seconds

ROUTING_NAME = "routing.jsonl"
KEPT = Seconds(10.0)
"""The expert of each frame is kept for this much of an utterance, longer than any clip of a report."""


@dataclass(frozen=True)
class TaskRouting:
    """What one task's router did with an utterance.

    Args:
        load: Share of each expert in the choices of all frames; where all experts run, its mean probability.
        best: Most probable expert of each of the first frames.
        entropy: Mean over all frames of the probabilities' entropy, in nats.
    """

    load: tuple[float, ...]
    best: tuple[int, ...]
    entropy: float


@dataclass(frozen=True)
class Routed:
    """What the routers did with one utterance.

    Args:
        id: The utterance.
        num_frames: All of its frames.
        frames_per_second: Of the encoder.
        tasks: Task to its routing.
        overlap: Mean over all frames of what the tasks' shares of the experts have in common, 0 to 1.
    """

    id: str
    num_frames: int
    frames_per_second: float
    tasks: Mapping[str, TaskRouting]
    overlap: float

    def to_line(self) -> dict[str, Any]:
        """As JSON data; ``best`` is base64 of zlib of one byte a frame."""
        tasks = {
            task: {
                "load": [round(share, 6) for share in one.load],
                "best": base64.b64encode(zlib.compress(bytes(one.best), 9)).decode("ascii"),
                "entropy": round(one.entropy, 6),
            }
            for task, one in self.tasks.items()
        }
        facts = {"num_frames": self.num_frames, "frames_per_second": round(self.frames_per_second, 6)}
        return {"id": self.id, **facts, "overlap": round(self.overlap, 6), "tasks": tasks}

    @classmethod
    def from_line(cls, line: Mapping[str, Any]) -> Self:
        """What `to_line` gave.

        Raises:
            KeyError: Something is missing.
            ValueError: Something is not what it should be.
        """
        tasks = {
            str(task): TaskRouting(
                tuple(float(share) for share in one["load"]),
                tuple(_unpacked(one["best"])),
                float(one["entropy"]),
            )
            for task, one in line["tasks"].items()
        }
        facts = int(line["num_frames"]), float(line["frames_per_second"])
        return cls(str(line["id"]), *facts, tasks, float(line["overlap"]))


def _unpacked(text: str) -> bytes:
    try:
        return zlib.decompress(base64.b64decode(text, validate=True))
    except zlib.error as error:
        raise ValueError(str(error)) from None


def write_routing(path: Path, routed: Iterable[Routed]) -> int:
    """Write a whole file by rename; returns the number of lines."""
    return write_lines(path, (one.to_line() for one in routed))


def read_routing(path: Path) -> list[Routed]:
    """The lines of a file; none where there is no such file.

    Raises:
        BadData: A line is not one of routing.
    """
    if not path.exists():
        return []
    found = []
    for number, line in read_lines(path, torn_tail=True):
        try:
            found.append(Routed.from_line(line))
        except (KeyError, ValueError, TypeError, AttributeError) as error:
            raise BadData(f"this is no line of routing: {error}", place=f"{path}:{number}") from None
    return found
