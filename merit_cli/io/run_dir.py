"""The output folder is the run: opening, resuming, finishing and finding it.

A run folder holds ``recipe.yaml``, ``provenance.json``, ``log.txt``, the command's own outputs
and, written last, ``DONE`` with the run's summary as JSON.
"""

import json
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml

from merit_cli.config.load import Tree, fingerprint, merge
from merit_cli.errors import NoInput, UsageError
from merit_cli.io.atomic import cannot_write, is_temporary, make_folder, sweep_temporaries, write_json, write_yaml
from merit_cli.io.provenance import gather_provenance

State = Literal["new", "resumed", "done"]


@dataclass(frozen=True)
class RunDir:
    """An opened run folder.

    Args:
        path: The folder.
        state: ``new``, ``resumed`` (the same run, unfinished) or ``done``.
        fingerprint: Of its recipe and inputs.
    """

    path: Path
    state: State
    fingerprint: str

    def finish(self, summary: Mapping[str, Any]) -> None:
        """Mark the run finished; ``summary`` is what a later call prints again."""
        write_json(self.path / "DONE", dict(summary))

    def reopen(self) -> "RunDir":
        """The same run with its ``DONE`` taken back, to retry failed items."""
        (self.path / "DONE").unlink(missing_ok=True)
        return RunDir(self.path, "resumed", self.fingerprint)

    def summary(self) -> dict[str, Any]:
        """The summary a finished run left."""
        return read_summary(self.path)


def read_summary(path: Path) -> dict[str, Any]:
    """The summary in a finished run folder.

    Raises:
        NoInput: The run is not finished.
    """
    try:
        summary: dict[str, Any] = json.loads((path / "DONE").read_text(encoding="utf-8"))
    except (OSError, json.JSONDecodeError):
        raise NoInput("the run is not finished", place=str(path), hint="run the command that made it again") from None
    return summary


def open_run(
    output: Path | None,
    *,
    command: str,
    name: str,
    recipe: Tree,
    inputs: Mapping[str, str],
    runs_dir: Path,
    argv: Sequence[str] | None = None,
    overwrite: bool = False,
) -> RunDir:
    """Open the folder of one run, new or resumed.

    Args:
        output: The folder; None takes ``runs_dir/command/name-fingerprint``.
        command: Such as ``mix``.
        name: The recipe's name.
        recipe: The resolved recipe.
        inputs: Name of each input to the hash of its contents.
        runs_dir: Where runs without an ``output`` go.
        argv: What was typed, for the record.
        overwrite: Throw away a run with another fingerprint.

    Raises:
        UsageError: The folder holds another run, or files that are not a run.
        Unavailable: The folder cannot be written.
    """
    mark = fingerprint(recipe, inputs)
    path = output if output is not None else runs_dir / command / f"{name}-{mark}"
    if _is_filled(path):
        found = _recorded(path)
        if found.get("fingerprint") == mark and found.get("command") == command:
            if (path / "DONE").exists():
                return RunDir(path, "done", mark)
            sweep_temporaries(path)
            return RunDir(path, "resumed", mark)
        _refuse_or_clear(path, found, command=command, recipe=recipe, inputs=inputs, overwrite=overwrite)
    _describe(path, command=command, name=name, recipe=recipe, inputs=inputs, mark=mark, argv=argv)
    return RunDir(path, "new", mark)


def _is_filled(path: Path) -> bool:
    """Whether a folder is there with something in it.

    Raises:
        UsageError: It is no folder.
        Unavailable: It may not be looked at.
    """
    try:
        if path.exists() and not path.is_dir():
            raise UsageError("the output exists and is not a folder", place=str(path), hint="choose another --output")
        return path.is_dir() and any(path.iterdir())
    except OSError as error:
        raise cannot_write(path, error) from error


def start_shared_run(
    path: Path, *, command: str, name: str, recipe: Tree, inputs: Mapping[str, str], parts: Sequence[str]
) -> None:
    """Describe a run that many jobs fill at once, where no other of them has done so.

    Args:
        path: The folder.
        command: Such as ``mix``.
        name: The recipe's name.
        recipe: The resolved recipe.
        inputs: Name of each input to the hash of its contents.
        parts: Names that jobs may have put there before it was described.

    Raises:
        UsageError: The folder holds another run, or files that are not a run.
        Unavailable: The folder cannot be written.
    """
    mark = fingerprint(recipe, inputs)
    names = {one.name for one in path.iterdir() if not is_temporary(one)} if path.is_dir() else set()
    found = _recorded(path)  # after the listing: what another job describes in between is no foreign file
    foreign = not found and names - {*parts, "recipe.yaml"}
    if foreign or (found and (found.get("fingerprint"), found.get("command")) != (mark, command)):
        _refuse_or_clear(path, found, command=command, recipe=recipe, inputs=inputs, overwrite=False)
    if not found:
        _describe(path, command=command, name=name, recipe=recipe, inputs=inputs, mark=mark, argv=None)


def _describe(
    path: Path,
    *,
    command: str,
    name: str,
    recipe: Tree,
    inputs: Mapping[str, str],
    mark: str,
    argv: Sequence[str] | None,
) -> None:
    """Write what a run is; ``provenance.json`` last, because it makes the folder a run."""
    make_folder(path)
    write_yaml(path / "recipe.yaml", recipe)
    facts = {"command": command, "name": name, "fingerprint": mark, "inputs": dict(inputs)}
    write_json(path / "provenance.json", {**facts, **gather_provenance(argv or sys.argv)})


def _recorded(path: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads((path / "provenance.json").read_text(encoding="utf-8"))
    except (OSError, json.JSONDecodeError):
        return {}
    return found


def _refuse_or_clear(
    path: Path, found: dict[str, Any], *, command: str, recipe: Tree, inputs: Mapping[str, str], overwrite: bool
) -> None:
    if not found:
        raise UsageError(
            "the output folder is not empty and is not a merit run",
            place=str(path),
            hint="choose an empty or new folder",
        )
    if not overwrite:
        differs = _differences(path, found, command=command, recipe=recipe, inputs=inputs)
        raise UsageError(
            f"the output folder holds another run; these differ: {', '.join(differs) or 'fingerprint'}",
            place=str(path),
            hint="choose another --output, or pass --overwrite to throw that run away",
        )
    if not path.is_symlink():
        shutil.rmtree(path)
        return
    for child in path.iterdir():  # the link stays: it says on which disk the output lies
        if child.is_dir() and not child.is_symlink():
            shutil.rmtree(child)
        else:
            child.unlink()


def _differences(
    path: Path, found: dict[str, Any], *, command: str, recipe: Tree, inputs: Mapping[str, str]
) -> list[str]:
    if found.get("command") != command:
        return [f"command ({found.get('command')} there, {command} asked)"]
    try:
        recorded = yaml.safe_load((path / "recipe.yaml").read_text(encoding="utf-8")) or {}
    except (OSError, yaml.YAMLError):
        return ["recipe.yaml (unreadable)"]
    there, asked = _flatten(recorded), _flatten(merge({}, recipe))
    keys = [key for key in sorted({*there, *asked}) if there.get(key) != asked.get(key)]
    old_inputs = found.get("inputs", {})
    return keys + [f"input {key}" for key in sorted({*old_inputs, *inputs}) if old_inputs.get(key) != inputs.get(key)]


def _flatten(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        if isinstance(value, Mapping):
            flat |= _flatten(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def newest_run(runs_dir: Path, *commands: str) -> Path:
    """The folder of the newest finished run of the first of ``commands`` that has one.

    Raises:
        NoInput: None of them has a finished run.
    """
    for command in commands:
        marks = list((runs_dir / command).glob("*/DONE"))
        if marks:
            return max(marks, key=lambda mark: mark.stat().st_mtime_ns).parent
    raise NoInput(
        f"no finished {' or '.join(commands)} run was found", place=str(runs_dir), hint=f"run merit {commands[0]} first"
    )
