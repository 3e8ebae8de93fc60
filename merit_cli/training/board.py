"""The lines of metrics.jsonl for TensorBoard, beside the file itself; needs the extra ``tensorboard``."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from merit_cli.metrics.spec import refuse_missing_packages

FOLDER = "tensorboard"
_PLACES = ("kind", "epoch", "step")


def check_board() -> None:
    """Refuse to start where TensorBoard is asked for and not installed.

    Raises:
        Unavailable: It is not.
    """
    refuse_missing_packages("--tensorboard", ("tensorboard",), extra="tensorboard")


class Board:
    """Event files of a run.

    Args:
        run: The run folder.
        after: Optimiser step of the checkpoint that the run goes on from; what was shown of later steps is hidden.
    """

    def __init__(self, run: Path, *, after: int) -> None:
        from torch.utils.tensorboard import SummaryWriter  # an extra

        self.writer: Any = SummaryWriter(str(run / FOLDER), purge_step=after + 1)

    def add(self, line: Mapping[str, Any]) -> None:
        """Show a line of metrics.jsonl at its step."""
        for name, value in scalars_of(line):
            self.writer.add_scalar(name, value, line["step"])
        self.writer.flush()


def scalars_of(line: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    """Every number in a line and its name, from its kind down.

    >>> list(scalars_of({"kind": "step", "step": 3, "loss": {"total": 0.5}, "load": [0.25, 0.75]}))
    [('step/loss/total', 0.5), ('step/load/0', 0.25), ('step/load/1', 0.75)]
    """
    for key, value in line.items():
        if key not in _PLACES:
            yield from _numbers(f"{line['kind']}/{key}", value)


def _numbers(name: str, value: object) -> Iterator[tuple[str, float]]:
    if isinstance(value, Mapping):
        for key, part in value.items():
            yield from _numbers(f"{name}/{key}", part)
    elif isinstance(value, list | tuple):
        for number, part in enumerate(value):
            yield from _numbers(f"{name}/{number}", part)
    elif isinstance(value, int | float):
        yield name, float(value)
