"""lhotse's recordings and supervisions: ``recordings_<split>.jsonl.gz`` and ``supervisions_<split>.jsonl.gz``.

https://lhotse.readthedocs.io/en/latest/corpus.html. A recording is a file, a supervision a segment of it with text,
speaker and, under ``custom``, whatever else is known. A recording without a supervision is an utterance of its own.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from merit_cli.errors import BadData, NoInput
from merit_cli.io.audio_file import audio_info
from merit_cli.manifests.convert.flat import Dialect, Record, Refused, by_part, fields_of
from merit_cli.manifests.convert.text_files import needed, number_or, read_json_lines, text_in, write_json_lines
from merit_cli.manifests.utterance import Utterance

_SUPERVISION = ("text", "language", "speaker", "gender", "alignment")
LHOTSE = Dialect({"transcript": "text"}, frozenset({"id", "start", "duration"}))
_RECORDING, _BARE = "recording_id", "has_supervision"


def is_lhotse(source: Path) -> bool:
    """Whether a folder holds recordings in lhotse's format."""
    return any(_parts(source))


def _parts(source: Path) -> Iterator[tuple[str, Path]]:
    for path in sorted(source.glob("*recordings*.jsonl*")) if source.is_dir() else ():
        if path.name.endswith((".jsonl", ".jsonl.gz")):
            yield path.name.partition(".jsonl")[0].rpartition("recordings")[2].lstrip("_-") or "all", path


def read_lhotse(source: Path, audio_root: Path | None = None) -> Iterator[tuple[str, Record | Refused]]:
    """Each supervision, and each recording without one, with the part that it stands in.

    Args:
        source: A folder with recordings and supervisions.
        audio_root: Where relative paths begin; None: in ``source``.

    Raises:
        NoInput: There are no supervisions beside the recordings.
        BadData: A line is not complete, or a supervision's recording is not there.
    """
    for part, path in _parts(source):
        supervisions = path.with_name(path.name.replace("recordings", "supervisions"))
        if not supervisions.is_file():
            raise NoInput("there are no supervisions beside the recordings", place=str(supervisions))
        recordings = {text_in(line, "id", place=place): (place, line) for place, line in read_json_lines(path)}
        bare = dict(recordings)
        for place, line in read_json_lines(supervisions):
            name = text_in(line, "recording_id", place=place)
            if name not in recordings:
                raise BadData(f"the recording {name!r} is not in {path.name}", place=place)
            bare.pop(name, None)
            yield part, _record(line, recordings[name][1], place, audio_root or source)
        for name, (place, recording) in bare.items():
            yield part, _record({"id": name, "custom": {_BARE: "no"}}, recording, place, audio_root or source)


def _record(line: Mapping[str, Any], recording: Mapping[str, Any], place: str, root: Path) -> Record | Refused:
    one = text_in(line, "id", place=place)
    sources = needed(recording, "sources", place=place)
    if not isinstance(sources, list) or len(sources) != 1 or not isinstance(sources[0], dict):
        return Refused(one, "its recording is not one file")
    if sources[0].get("type") != "file":
        return Refused(one, f"its audio is a {sources[0].get('type')}, not a file; it is not run or fetched")
    if recording.get("transforms"):
        return Refused(one, "its recording is transformed; save the audio first (lhotse: cut.save_audio)")
    custom = line.get("custom") or {}
    own = {"id", "recording_id", "start", "duration", "custom"}
    fields = {**custom, **{key: value for key, value in line.items() if key not in own}}
    if fields.get("channel") == 0:
        del fields["channel"]
    fields[_RECORDING] = recording["id"]
    if recording.get("custom"):
        fields["recording_custom"] = recording["custom"]
    return Record(
        place=place,
        audio=root / text_in(sources[0], "source", place=place),
        id=one,
        start=number_or(line, "start", 0.0, place=place) or 0.0,
        duration=number_or(line, "duration", None, place=place),
        fields=fields,
    )


def write_lhotse(folder: Path, utterances: Sequence[Utterance]) -> Iterable[Path]:
    """Write recordings and supervisions for each split; returns their paths."""
    paths: list[Path] = []
    for part, members in by_part(utterances):
        recordings: dict[str, dict[str, Any]] = {}
        supervisions = []
        for one in members:
            fields = fields_of(one, LHOTSE)
            name = str(fields.pop(_RECORDING, one.audio.as_posix()))
            recordings[name] = _recording(name, one, fields.pop("recording_custom", None))
            if fields.get(_BARE) != "no":
                supervisions.append(_supervision(name, one, fields))
        kinds = {"recordings": list(recordings.values()), "supervisions": supervisions}
        for kind, lines in kinds.items():
            paths.append(folder / f"{kind}_{part}.jsonl.gz")
            write_json_lines(paths[-1], lines)
    return paths


def _recording(name: str, utterance: Utterance, custom: Any) -> dict[str, Any]:
    info = audio_info(utterance.audio)
    channels = list(range(info.num_channels))
    line = {
        "id": name,
        "sources": [{"type": "file", "channels": channels, "source": str(utterance.audio)}],
        "sampling_rate": info.sample_rate,
        "num_samples": info.num_samples,
        "duration": info.duration,
        "channel_ids": channels,
    }
    return {**line, "custom": custom} if custom else line


def _supervision(recording: str, utterance: Utterance, fields: dict[str, Any]) -> dict[str, Any]:
    line = {
        "id": utterance.id,
        "recording_id": recording,
        "start": utterance.start / utterance.sample_rate,
        "duration": utterance.duration,
        "channel": fields.pop("channel", 0),
    }
    line |= {name: fields.pop(name) for name in _SUPERVISION if name in fields}
    return {**line, "custom": fields} if fields else line
