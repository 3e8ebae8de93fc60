"""Kaldi's data folders: ``wav.scp``, ``segments``, ``text``, ``utt2spk``, ``spk2utt`` and ``utt2<anything>``.

https://kaldi-asr.org/doc/data_prep.html. A folder holds ``train/``, ``dev/`` and the like, or is such a folder itself.
A command in ``wav.scp`` is never run. Kaldi's ids hold no space: one is written ``%20``. The speaker of an utterance
without one is the utterance, as Kaldi has it.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from urllib.parse import unquote

from merit_cli.errors import BadData
from merit_cli.io.atomic import write_text
from merit_cli.manifests.convert.flat import (
    Dialect,
    Record,
    Refused,
    by_part,
    fields_of,
    from_cell,
    is_segment,
    known_part,
    to_cell,
)
from merit_cli.manifests.convert.text_files import read_text
from merit_cli.manifests.utterance import Utterance

KALDI = Dialect({"transcript": "text", "speaker": "spk"}, frozenset({"dur", "num_frames", "uniq"}))
_DERIVED = ("wav.scp", "segments", "spk2utt", "utt2dur", "reco2dur", "utt2num_frames", "frame_shift")
_TO_ESCAPE = re.compile(r"\s|%(?=[0-9A-Fa-f]{2})")
_RECORDING = "recording_id"
Rows = dict[str, tuple[str, str]]  # id: place and the rest of the line


def is_kaldi(source: Path) -> bool:
    """Whether a folder, or one in it, is a data folder."""
    return any(_parts(source))


def _parts(source: Path) -> Iterator[tuple[str, Path]]:
    if (source / "wav.scp").is_file():
        yield known_part(source.name), source
    elif source.is_dir():
        yield from ((path.parent.name, path.parent) for path in sorted(source.glob("*/wav.scp")))


def read_kaldi(source: Path, audio_root: Path | None = None) -> Iterator[tuple[str, Record | Refused]]:
    """Each utterance with the part that it stands in; a file that is not by utterance is refused as a whole.

    Args:
        source: A data folder, or a folder of them.
        audio_root: Where relative paths begin; None: beside ``wav.scp``.

    Raises:
        BadData: A line is not complete, an id appears twice in a file, or a recording is not in ``wav.scp``.
    """
    for part, folder in _parts(source):
        recordings = _rows(folder / "wav.scp")
        segments = _rows(folder / "segments") if (folder / "segments").is_file() else None
        ids = recordings if segments is None else segments
        columns = {path.name: _rows(path) for path in sorted(folder.iterdir()) if _is_column(path)}
        for name in [name for name, rows in columns.items() if not rows.keys() <= ids.keys()]:
            if name in ("text", "utt2spk"):  # Kaldi's own check refuses these, too
                stray = next(one for one in columns[name] if one not in ids)
                raise BadData(f"{stray!r} is no utterance of this folder", place=columns[name][stray][0])
            yield part, Refused(f"{folder.name}/{name}", "the file is not by utterance and was left out")
            del columns[name]
        for one, (place, rest) in ids.items():
            fields = {_field(name): rows[one][1] for name, rows in columns.items() if one in rows}
            yield (
                part,
                _record(one, place, rest, recordings, fields, audio_root or folder, in_segments=segments is not None),
            )


def _is_column(path: Path) -> bool:
    return path.is_file() and path.name not in _DERIVED and not path.name.startswith(".")


def _field(file_name: str) -> str:
    return file_name.removeprefix("utt2") if file_name.startswith("utt2") else f"file.{file_name}"


def _rows(path: Path) -> Rows:
    rows: Rows = {}
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        if line.strip():
            one, _, rest = line.strip().partition(" ") if " " in line.strip() else line.strip().partition("\t")
            if one in rows:
                raise BadData(f"the id {one!r} appears twice", place=f"{path}:{number}")
            rows[one] = (f"{path}:{number}", rest.strip())
    return rows


def _record(
    one: str, place: str, rest: str, recordings: Rows, fields: Mapping[str, str], root: Path, *, in_segments: bool
) -> Record | Refused:
    recording, start, duration = one, 0.0, None
    if in_segments:
        words = rest.split()
        try:
            recording, start, end = words[0], float(words[1]), float(words[2])
        except (IndexError, ValueError):
            raise BadData("the line is not: utterance recording start end", place=place) from None
        duration = None if end < 0 else end - start  # -1: to the end
        if recording not in recordings:
            raise BadData(f"the recording {recording!r} is not in wav.scp", place=place)
    audio = recordings[recording][1]
    if audio.endswith("|") or not audio:
        return Refused(unquote(one), "its audio is made by a command, which is not run; write the files out first")
    values = {name.replace("file.text", "text"): text for name, text in fields.items()}
    if values.get("spk") == one:
        del values["spk"]
    kept = {name: from_cell(name, text) for name, text in values.items() if text}
    if in_segments:
        kept[_RECORDING] = unquote(recording)
    return Record(place, root / audio, unquote(one), start, duration, fields=kept)


def write_kaldi(folder: Path, utterances: Sequence[Utterance]) -> Iterable[Path]:
    """Write a data folder for each split; returns their paths."""
    paths = []
    for part, members in by_part(utterances):
        paths.append(folder / part)
        for name, rows in _files(members).items():
            lines = sorted(f"{one} {rest}".rstrip() + "\n" for one, rest in rows.items())  # as by LC_ALL=C
            write_text(folder / part / name, "".join(lines))
    return paths


def _files(members: Sequence[Utterance]) -> dict[str, dict[str, str]]:
    files: dict[str, dict[str, str]] = {"wav.scp": {}, "utt2spk": {}, "spk2utt": {}, "utt2dur": {}}
    recording_of = _recording_names(members) if any(map(is_segment, members)) else _escape_id
    for one in sorted(members, key=lambda member: _escape(member.id)):
        name = _escape(one.id)
        recording = recording_of(one)
        files["wav.scp"][recording] = str(one.audio)
        files["utt2dur"][name] = repr(one.duration)
        if recording_of is not _escape_id:
            begin, end = one.start / one.sample_rate, (one.start + one.num_samples) / one.sample_rate
            files.setdefault("segments", {})[name] = f"{recording} {begin:.6f} {end:.6f}"
        fields = fields_of(one, KALDI)
        fields.pop(_RECORDING, None)
        speaker = _escape(str(fields.pop("spk", one.id)))
        files["utt2spk"][name] = speaker
        files["spk2utt"][speaker] = f"{files['spk2utt'].get(speaker, '')} {name}".strip()
        for field, value in fields.items():
            files.setdefault(_file_name(field), {})[name] = to_cell(field, value)
    return files


def _file_name(field: str) -> str:
    name = "text" if field == "text" else field.removeprefix("file.") if field.startswith("file.") else f"utt2{field}"
    if "/" in name or "\0" in name:
        raise BadData(f"the field {field!r} cannot name a file", hint="rename it")
    return name


def _escape(name: str) -> str:
    return _TO_ESCAPE.sub(lambda found: "".join(f"%{byte:02X}" for byte in found[0].encode()), name)


def _escape_id(utterance: Utterance) -> str:
    return _escape(utterance.id)


def _recording_names(members: Sequence[Utterance]) -> Callable[[Utterance], str]:
    """A name for each file: the one it came with, else its path's stem, else that and a number."""
    names: dict[Path, str] = {}
    for one in members:
        if one.audio not in names:
            name = _escape(str(one.info.get(_RECORDING, one.audio.stem)))
            twins = sum(taken == name or taken.startswith(f"{name}~") for taken in names.values())
            names[one.audio] = f"{name}~{twins}" if twins else name
    return lambda one: names[one.audio]
