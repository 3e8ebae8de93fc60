"""NeMo's manifests: JSON lines with ``audio_filepath``, ``duration``, ``offset`` and ``text``.

https://docs.nvidia.com/nemo-framework/user-guide/latest/nemotoolkit/asr/datasets.html. NeMo passes over keys that
it does not know; ours are ``id``, ``split`` and the like. A folder holds one ``<split>_manifest.json`` each.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

from merit_cli.errors import BadData
from merit_cli.manifests.convert.flat import Dialect, Record, Refused, by_part, fields_of, known_part
from merit_cli.manifests.convert.text_files import number_or, read_json_lines, text_in, write_json_lines
from merit_cli.manifests.utterance import Utterance

NEMO = Dialect({"transcript": "text"}, frozenset({"audio_filepath", "duration", "offset", "id"}))
_SUFFIXES = (".json", ".jsonl")
_OWN = ("audio_filepath", "duration", "offset", "id")


def is_nemo(source: Path) -> bool:
    """Whether a file, or one of a folder, is such a manifest."""
    return any(_parts(source))


def _parts(source: Path) -> Iterator[tuple[str, Path]]:
    files = sorted(source.iterdir()) if source.is_dir() else [source]
    for path in files:
        if path.suffix in _SUFFIXES and path.is_file() and _is_manifest(path):
            name = path.stem.removesuffix("_manifest")
            yield (name if source.is_dir() else known_part(name)), path


def _is_manifest(path: Path) -> bool:
    try:
        return any("audio_filepath" in line for _, line in islice(read_json_lines(path), 1))
    except BadData:
        return path.stem.endswith("_manifest")


def read_nemo(source: Path, audio_root: Path | None = None) -> Iterator[tuple[str, Record | Refused]]:
    """Each line with the part that it stands in.

    Args:
        source: A manifest, or a folder of them.
        audio_root: Where relative paths begin; None: beside the manifest.

    Raises:
        BadData: A line is not JSON, has no ``audio_filepath``, or a time is no number.
    """
    for part, path in _parts(source):
        for place, line in read_json_lines(path):
            audio = (audio_root or path.parent) / text_in(line, "audio_filepath", place=place)
            record = Record(
                place=place,
                audio=audio,
                id=str(line.get("id", "")),
                start=number_or(line, "offset", 0.0, place=place) or 0.0,
                duration=number_or(line, "duration", None, place=place),
                fields={key: value for key, value in line.items() if key not in _OWN},
            )
            yield part, record


def write_nemo(folder: Path, utterances: Sequence[Utterance]) -> Iterable[Path]:
    """Write a manifest for each split; returns their paths."""
    paths = []
    for part, members in by_part(utterances):
        paths.append(folder / f"{part}_manifest.json")
        write_json_lines(paths[-1], map(_line, members))
    return paths


def _line(utterance: Utterance) -> dict[str, object]:
    own = {"audio_filepath": str(utterance.audio), "duration": utterance.duration, "id": utterance.id, "text": ""}
    offset = {"offset": utterance.start / utterance.sample_rate} if utterance.start else {}
    return {**own, **offset, **fields_of(utterance, NEMO)}
