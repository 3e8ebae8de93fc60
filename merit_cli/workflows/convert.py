"""``merit prepare convert``: a manifest from one toolkit's format to another's."""

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from merit_cli import __version__
from merit_cli.config.frozen import FrozenConfig
from merit_cli.config.load import resolved
from merit_cli.errors import BadData, MeritError, NoInput, UsageError
from merit_cli.io.audio_file import audio_info
from merit_cli.io.hashing import hash_of_files, sha256_of_file
from merit_cli.io.jsonl import write_lines
from merit_cli.io.ledger import Entry
from merit_cli.io.run_dir import open_run
from merit_cli.manifests.convert.flat import Record, Refused, utterance_of
from merit_cli.manifests.convert.formats import FORMATS, MERIT, check_format, guess_format
from merit_cli.manifests.read_write import MANIFEST_NAME, Card, read_card, read_manifest, write_card, write_manifest
from merit_cli.manifests.utterance import Utterance, id_of_path
from merit_cli.workers import Machine

LEDGER_NAME = "ledger.jsonl"


class ConvertRecipe(FrozenConfig):
    """What decides a converted manifest.

    Args:
        source_format: Name of the format that is read.
        target_format: Name of the format that is written.
        audio_root: Where relative audio paths of the source begin; empty: beside its files.
    """

    source_format: str
    target_format: str
    audio_root: str = ""


@dataclass(frozen=True)
class ConvertSummary:
    """What came of a conversion.

    Args:
        output: The run folder.
        source_format: That was read.
        target_format: That was written.
        utterances: Written.
        skipped: Left out; the reasons stand on the ledger.
        written: Files and folders of the new manifest.
        already_done: Whether an earlier call had finished it.
    """

    output: Path
    source_format: str
    target_format: str
    utterances: int
    skipped: int
    written: tuple[str, ...]
    already_done: bool = False

    def to_json(self) -> dict[str, Any]:
        """The summary as JSON data."""
        return {**asdict(self), "output": str(self.output), "written": list(self.written)}


def run_convert(
    source: Path,
    *,
    target_format: str,
    source_format: str | None = None,
    audio_root: Path | None = None,
    output: Path | None,
    machine: Machine,
) -> ConvertSummary:
    """Write a manifest in another format into a run folder.

    An utterance that cannot be used is left out and on the ledger: its audio is missing or broken, its segment lies
    outside of the file, or its id was taken before.

    Args:
        source: A manifest, or a folder in the source's format.
        target_format: ``merit`` or a name in `manifests.convert.formats.FORMATS`.
        source_format: Likewise; None looks at the files.
        audio_root: Where relative audio paths begin; None: beside the files that name them.
        output: The run folder; None takes the default one.
        machine: Where default folders go; whether to overwrite.

    Raises:
        UsageError: A format is unknown or not recognised, or the output folder holds something else.
        NoInput: There is no source, or no utterance in it can be used.
        BadData: A file of the source is not in its format.
        Unavailable: The output cannot be written.
    """
    check_format(target_format, place="--to")
    if not source.exists():
        raise NoInput("the source does not exist", place=str(source))
    if audio_root is not None and not audio_root.is_dir():
        raise NoInput("the folder does not exist", place=f"--audio-root {audio_root}")
    source_format = check_format(source_format, place="--from") if source_format else guess_format(source)
    recipe = ConvertRecipe(
        source_format=source_format,
        target_format=target_format,
        audio_root=str(audio_root.resolve()) if audio_root else "",
    )
    kept, refused = _read(source.resolve(), recipe)
    if not kept and not refused:
        raise NoInput(
            f"there is nothing in the format {source_format!r}",
            place=str(source),
            hint="without --from the files tell it",
        )
    if not kept:
        first = f"{refused[0].id}: {refused[0].reason}"
        raise NoInput(f"no utterance of the source can be used: {first}", place=str(source))
    if output is not None:
        _refuse_to_overwrite(output.resolve(), [source.resolve(), *(one.audio for one in kept)])
    run = open_run(
        output,
        command="convert",
        name=f"{source_format}-{target_format}",
        recipe=resolved(recipe),
        inputs=_inputs(source, output),
        runs_dir=machine.runs_dir,
        overwrite=machine.overwrite,
    )
    if run.state == "done":
        stored = {**run.summary(), "output": run.path, "already_done": True}
        return ConvertSummary(**{**stored, "written": tuple(stored["written"])})
    written = _write(run.path, kept, target_format)
    _keep_card(source, run.path)
    write_lines(run.path / LEDGER_NAME, (Entry(one.id, "skipped", one.reason).to_line() for one in refused))
    summary = ConvertSummary(run.path, source_format, target_format, len(kept), len(refused), written)
    run.finish(summary.to_json())
    return summary


def _refuse_to_overwrite(output: Path, inputs: Sequence[Path]) -> None:
    """An output folder that is thrown away may not hold what is read."""
    held = next((path for path in inputs if output == path or output in path.parents), None)
    if held is not None:
        raise UsageError("the output folder holds what is to be read", place=str(held), hint="choose another --output")


def _read(source: Path, recipe: ConvertRecipe) -> tuple[list[Utterance], list[Refused]]:
    kept: dict[str, Utterance] = {}
    refused: list[Refused] = []
    for item, one in _items(source, recipe):
        if isinstance(one, Refused):
            refused.append(one)
        elif one.id in kept:
            refused.append(Refused(one.id, f"{item}: the id appears twice; the first was kept"))
        else:
            kept[one.id] = one
    return list(kept.values()), refused


def _items(source: Path, recipe: ConvertRecipe) -> Iterator[tuple[str, Utterance | Refused]]:
    if recipe.source_format == MERIT:
        for utterance in read_manifest(source / MANIFEST_NAME if source.is_dir() else source):
            yield utterance.id, _if_there(utterance)
        return
    form = FORMATS[recipe.source_format]
    found = list(form.read(source, Path(recipe.audio_root) if recipe.audio_root else None))
    for part, record in _with_ids(found):
        if isinstance(record, Refused):
            yield record.id, record
            continue
        try:
            yield record.place, utterance_of(record, form.dialect, part=part)
        except MeritError as error:
            yield record.place, Refused(record.id, str(error))


def _if_there(utterance: Utterance) -> Utterance | Refused:
    try:
        header = audio_info(utterance.audio)
        if utterance.start + utterance.num_samples > header.num_samples:
            raise BadData("the segment lies outside of the file", place=str(utterance.audio))
    except MeritError as error:
        return Refused(utterance.id, str(error))
    return utterance


def _with_ids(found: list[tuple[str, Record | Refused]]) -> Iterator[tuple[str, Record | Refused]]:
    """Records, each with an id: where the format has none, the file's path and, of a segment, where it begins."""
    nameless = [one for _, one in found if isinstance(one, Record) and not one.id]
    root = Path(os.path.commonpath([one.audio.parent for one in nameless])) if nameless else Path()
    uses = Counter(one.audio for one in nameless)
    for part, one in found:
        if isinstance(one, Record) and not one.id:
            name = id_of_path(one.audio, root)
            one = replace(one, id=f"{name}__{one.start:g}" if uses[one.audio] > 1 else name)
        yield part, one


def _write(folder: Path, utterances: list[Utterance], target_format: str) -> tuple[str, ...]:
    if target_format == MERIT:
        write_manifest(folder / MANIFEST_NAME, utterances)
        return (MANIFEST_NAME,)
    paths = FORMATS[target_format].write(folder, utterances)
    return tuple(path.relative_to(folder).as_posix() for path in paths)


def _keep_card(source: Path, folder: Path) -> None:
    card = read_card(source / MANIFEST_NAME if source.is_dir() else source)
    write_card(folder, card or Card(name=source.stem, description="Converted; its licence was not stated."))


def _inputs(source: Path, output: Path | None) -> dict[str, str]:
    files = [path for path in source.rglob("*") if path.is_file()] if source.is_dir() else []
    if output is not None:  # which may lie in the source's folder
        files = [path for path in files if output.resolve() not in path.resolve().parents]
    return {"merit": __version__, "source": hash_of_files(files) if source.is_dir() else sha256_of_file(source)}
