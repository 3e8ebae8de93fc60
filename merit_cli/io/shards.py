"""One output folder filled by many jobs at once: a run folder for each shard, below that of the whole."""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from merit_cli.config.load import Tree, fingerprint
from merit_cli.errors import UsageError
from merit_cli.io.run_dir import RunDir, open_run, start_shared_run

ItemT = TypeVar("ItemT")
SHARDS_FOLDER = "shards"
SHARD_NAME = re.compile(r"(\d+)of(\d+)")


@dataclass(frozen=True)
class Shard:
    """Part ``number`` of ``count``, from 1."""

    number: int
    count: int

    @property
    def folder(self) -> str:
        """Name of its run folder."""
        return f"{self.number}of{self.count}"

    def part(self, items: Sequence[ItemT]) -> tuple[ItemT, ...]:
        """Its items: every so many from its own place on.

        >>> Shard(2, 3).part("abcdefgh")
        ('b', 'e', 'h')
        """
        return tuple(items[self.number - 1 :: self.count])

    @classmethod
    def parse(cls, text: str) -> "Shard":
        """Number and count as written ``i/n``, i from 1; ``auto`` reads a SLURM array.

        Raises:
            UsageError: It is neither.

        >>> Shard.parse("2/3")
        Shard(number=2, count=3)
        """
        if text == "auto":
            try:
                first, last = int(os.environ["SLURM_ARRAY_TASK_MIN"]), int(os.environ["SLURM_ARRAY_TASK_MAX"])
                return cls(int(os.environ["SLURM_ARRAY_TASK_ID"]) - first + 1, last - first + 1)
            except (KeyError, ValueError):
                raise UsageError(
                    "--shard auto needs a SLURM array job", place="--shard", hint="or write --shard 1/4"
                ) from None
        number, _, count = text.partition("/")
        if number.isdecimal() and count.isdecimal() and 1 <= int(number) <= int(count):
            return cls(int(number), int(count))
        raise UsageError(f"cannot read the shard {text!r}", place="--shard", hint="write i/n with i from 1 to n")


def open_shard(
    output: Path | None,
    shard: Shard,
    *,
    command: str,
    name: str,
    recipe: Tree,
    inputs: Mapping[str, str],
    runs_dir: Path,
    overwrite: bool,
    parts: Sequence[str] = (),
) -> RunDir:
    """The run folder of one shard, below that of the whole, which is described where it is not there yet.

    Args:
        output: The folder of the whole; None takes ``runs_dir/command/name-fingerprint``.
        shard: Which part.
        command: Such as ``mix``.
        name: The recipe's name.
        recipe: The resolved recipe.
        inputs: Name of each input to the hash of its contents.
        runs_dir: Where runs without an ``output`` go.
        overwrite: Throw away another run in the shard's folder.
        parts: Folders that shards write into, below that of the whole.

    Raises:
        UsageError: The output folder holds another run, or shards of another cut.
    """
    base = output if output is not None else runs_dir / command / f"{name}-{fingerprint(recipe, inputs)}"
    _refuse_other_cut(base, shard)
    start_shared_run(base, command=command, name=name, recipe=recipe, inputs=inputs, parts=(SHARDS_FOLDER, *parts))
    return open_run(
        base / SHARDS_FOLDER / shard.folder,
        command=command,
        name=name,
        recipe=recipe,
        inputs=inputs,
        runs_dir=runs_dir,
        overwrite=overwrite,
    )


def _refuse_other_cut(base: Path, shard: Shard) -> None:
    """Raise where shards of another cut lie in the folder.

    Raises:
        UsageError: They do.
    """
    for folder in (base / SHARDS_FOLDER).glob("*of*"):
        match = SHARD_NAME.fullmatch(folder.name)
        if match and int(match[2]) != shard.count:
            raise UsageError(
                f"the folder holds shards of {match[2]}, not of {shard.count}",
                place=str(folder),
                hint="use the same count, or remove them",
            )


def shard_files(base: Path, name: str) -> list[Path]:
    """The files of a name in the folders of all shards of a run, finished or not, in the order of the shards.

    The command that made the shards, without ``--shard``, takes over what stands in them and does the rest.
    """
    folders = [(SHARD_NAME.fullmatch(folder.name), folder) for folder in (base / SHARDS_FOLDER).glob("*of*")]
    found = sorted((int(match[1]), folder / name) for match, folder in folders if match)
    return [path for _, path in found if path.is_file()]


def whole_of(run: RunDir, shard: Shard | None) -> Path:
    """The folder of the whole run that a shard is part of; a whole run's own."""
    return run.path if shard is None else run.path.parent.parent
