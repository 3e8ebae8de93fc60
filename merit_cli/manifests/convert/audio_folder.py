"""Hugging Face's audio folder: ``<split>/metadata.jsonl`` with ``file_name``, beside the audio itself.

https://huggingface.co/docs/datasets/audio_dataset#audiofolder. Without metadata the folder of a file is its ``label``.
The folder holds its own audio: files are copied into it, byte for byte, and a segment is cut into a file of its own.
"""

import csv
import io
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import soundfile

from merit_cli.errors import BadData
from merit_cli.io.atomic import atomic_path
from merit_cli.io.audio_file import is_audio, open_audio
from merit_cli.manifests.convert.flat import (
    Dialect,
    Record,
    Refused,
    by_part,
    fields_of,
    from_cell,
    is_segment,
    split_of,
)
from merit_cli.manifests.convert.text_files import read_json_lines, read_text, text_in, write_json_lines
from merit_cli.manifests.utterance import Utterance, id_of_path

AUDIO_FOLDER = Dialect({"transcript": "transcription"}, frozenset({"file_name", "id", "label"}))
_TABLES = ("metadata.jsonl", "metadata.csv")


def is_audio_folder(source: Path) -> bool:
    """Whether a folder holds metadata of audio files."""
    return source.is_dir() and any(_tables(source))


def _tables(source: Path) -> list[Path]:
    return sorted(path for name in _TABLES for path in source.rglob(name))


def read_audio_folder(source: Path, audio_root: Path | None = None) -> Iterator[tuple[str, Record | Refused]]:
    """Each file with its split; one that no metadata name is refused where there are metadata.

    Args:
        source: The folder.
        audio_root: Where the metadata's file names begin; None: beside the metadata.

    Raises:
        BadData: A line has no ``file_name``, or a table is not text.
    """
    tables = _tables(source)
    named = set()
    for table in tables:
        for place, row in _rows(table):
            audio = (audio_root or table.parent) / text_in(row, "file_name", place=place)
            named.add(audio.resolve())
            fields = {key: value for key, value in row.items() if key not in ("file_name", "id")}
            one = str(row.get("id") or id_of_path(audio, audio_root or source))
            yield _part(audio, source), Record(place, audio, one, fields=_named_label(fields))
    for audio in sorted(path for path in source.rglob("*") if is_audio(path)):
        one = id_of_path(audio, source)
        if tables and audio.resolve() not in named:
            yield _part(audio, source), Refused(one, "no metadata name the file")
        elif not tables:
            folders = [name for name in audio.relative_to(source).parts[:-1] if split_of(name) == name]
            fields = {"label.label": folders[-1]} if folders else {}
            yield _part(audio, source), Record(str(audio), audio, one, fields=fields)


def _part(audio: Path, source: Path) -> str:
    folders = audio.relative_to(source).parts[:-1] if audio.is_relative_to(source) else ()
    known = ("train", "test", "dev", "valid", "validation", "val")
    return next((name for name in folders if name in known), "all")


def _named_label(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Hugging Face's own column ``label`` is a label, too."""
    return {"label.label" if key == "label" else key: value for key, value in fields.items()}


def _rows(table: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if table.suffix == ".jsonl":
        yield from read_json_lines(table)
        return
    reader = csv.DictReader(io.StringIO(read_text(table), newline=""))
    for row in reader:
        if None in row:
            raise BadData("the line has more values than there are columns", place=f"{table}:{reader.line_num}")
        yield f"{table}:{reader.line_num}", {key: from_cell(key, value) for key, value in row.items() if value}


def write_audio_folder(folder: Path, utterances: Sequence[Utterance]) -> Iterable[Path]:
    """Write each split's audio and metadata; returns the metadata's paths."""
    paths = []
    for part, members in by_part(utterances):
        lines = []
        for one in members:
            name = f"{one.id.lstrip('/')}{one.audio.suffix.lower()}"
            _copy(one, folder / part / name)
            fields = fields_of(one, AUDIO_FOLDER)
            lines.append(
                {"file_name": name, "id": one.id}
                | {"label" if key == "label.label" else key: value for key, value in fields.items()}
            )
        paths.append(folder / part / "metadata.jsonl")
        write_json_lines(paths[-1], lines)
    return paths


def _copy(utterance: Utterance, target: Path) -> None:
    with atomic_path(target) as temporary:
        if not is_segment(utterance):
            shutil.copyfile(utterance.audio, temporary)
            return
        with open_audio(utterance.audio) as handle:
            handle.seek(utterance.start)
            whole = "int32" if handle.subtype.startswith("PCM") else "float64"  # no rounding on the way
            samples = handle.read(utterance.num_samples, dtype=whole, always_2d=True)
            soundfile.write(temporary, samples, handle.samplerate, subtype=handle.subtype, format=handle.format)
