"""SpeechBrain's CSV: ``ID``, ``duration``, ``wav``, then any columns; ``start`` and ``stop`` are samples.

The columns are those of SpeechBrain's recipes (`speechbrain.dataio.dataset.DynamicItemDataset.from_csv`): ``wrd`` holds
the words and ``spk_id`` the speaker. A folder holds one ``<split>.csv`` each.
"""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

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
from merit_cli.manifests.convert.text_files import number_or, read_text, text_in
from merit_cli.manifests.utterance import Utterance

_OWN = ("ID", "duration", "wav", "start", "stop")
SPEECHBRAIN = Dialect({"transcript": "wrd", "speaker": "spk_id"}, frozenset(_OWN))
_ROOTS = ("$data_root", "{data_root}", "$root", "{root}")


def is_speechbrain(source: Path) -> bool:
    """Whether a file, or one of a folder, is such a table."""
    return any(_parts(source))


def _parts(source: Path) -> Iterator[tuple[str, Path]]:
    for path in sorted(source.glob("*.csv")) if source.is_dir() else [source]:
        if path.suffix == ".csv" and path.is_file() and _has_ids(path):
            yield (path.stem if source.is_dir() else known_part(path.stem)), path


def _has_ids(path: Path) -> bool:
    with path.open("rb") as handle:
        return handle.readline().removeprefix(b"\xef\xbb\xbf").replace(b'"', b"").startswith(b"ID,")


def read_speechbrain(source: Path, audio_root: Path | None = None) -> Iterator[tuple[str, Record | Refused]]:
    """Each row with the part that it stands in.

    Args:
        source: A table, or a folder of them.
        audio_root: What ``$data_root`` stands for, and where relative paths begin; None: beside the table.

    Raises:
        BadData: A column is missing, a row has too many values, or a time is no number.
    """
    for part, path in _parts(source):
        reader = csv.DictReader(io.StringIO(read_text(path), newline=""), skipinitialspace=True)
        missing = [name for name in ("ID", "wav") if name not in (reader.fieldnames or ())]
        if missing:
            there = ", ".join(reader.fieldnames or ())
            raise BadData(f"the table has no column {missing[0]!r}", place=str(path), hint=f"columns there: {there}")
        for row in reader:
            place = f"{path}:{reader.line_num}"
            if None in row:
                raise BadData("the line has more values than there are columns", place=place)
            yield part, _record(row, audio_root or path.parent, place)


def _record(row: dict[str, str], root: Path, place: str) -> Record:
    name = text_in(row, "wav", place=place)
    for variable in _ROOTS:
        name = name.replace(f"{variable}/", "")
    start, stop = (number_or(row, key, None, place=place) for key in ("start", "stop"))
    return Record(
        place=place,
        audio=root / name,
        id=text_in(row, "ID", place=place),
        start=start or 0.0,
        duration=None if stop is None else stop - (start or 0.0),
        in_samples=True,
        fields={key: from_cell(key, value) for key, value in row.items() if value and key not in _OWN},
    )


def write_speechbrain(folder: Path, utterances: Sequence[Utterance]) -> Iterable[Path]:
    """Write a table for each split; returns their paths."""
    paths = []
    for part, members in by_part(utterances):
        rows = [_row(one) for one in members]
        columns = dict.fromkeys(["ID", "duration", "wav", *(name for row in rows for name in row)])
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, list(columns), restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        paths.append(folder / f"{part}.csv")
        write_text(paths[-1], text.getvalue())
    return paths


def _row(utterance: Utterance) -> dict[str, object]:
    row: dict[str, object] = {"ID": utterance.id, "duration": utterance.duration, "wav": str(utterance.audio)}
    if is_segment(utterance):
        row |= {"start": utterance.start, "stop": utterance.start + utterance.num_samples}
    return row | {name: to_cell(name, value) for name, value in fields_of(utterance, SPEECHBRAIN).items()}
