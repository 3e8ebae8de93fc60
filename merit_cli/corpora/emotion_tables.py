"""Any emotion corpus: a CSV table of its files, or folders that are named after emotions.

A table has a line for each file, relative to itself, under these columns, whatever their case:

| column | means |
|---|---|
| ``file``, ``path``, ``audio``, ``filename`` or ``wav`` | the file; needed |
| ``emotion`` or ``label`` | the emotion; empty where there is none |
| ``p_X`` | the share of annotators who heard the emotion X, for soft labels |
| ``speaker``, ``speaker_id`` or ``spkrid`` | who speaks |
| ``split``, ``split_set`` or ``partition`` | train, dev (validation, development) or test |
| ``arousal``, ``valence``, ``dominance`` | ratings; then ``attribute_scale`` says from where to where, as ``1-7`` |
| ``transcript`` or ``text``, ``transcript_source`` | the words, and who wrote them: ``human``, or a recogniser's name |
| ``gender`` or ``sex`` | of the speaker |

Every other column is a fact that results can be split by. Folders are ``[train|dev|test/]EMOTION/[SPEAKER/]file``.
"""

import re
from collections.abc import Mapping
from pathlib import Path

from merit_cli.carriers import ATTRIBUTES
from merit_cli.corpora.csv_table import number_in, read_rows
from merit_cli.corpora.emotion_reading import EMOTION, HUMAN, Spoken, corpus_folder, prepare_spoken
from merit_cli.corpora.prepared import PreparedCorpus
from merit_cli.errors import BadData, NoInput, UsageError
from merit_cli.io.audio_file import is_audio
from merit_cli.manifests.read_write import Card
from merit_cli.manifests.utterance import SHARE_PREFIX, Label, id_of_path

SPLITS = {
    "train": "train",
    "dev": "dev",
    "valid": "dev",
    "val": "dev",
    "validation": "dev",
    "development": "dev",
    "test": "test",
    "": "",
}
_COLUMNS = {
    "file": ("file", "path", "audio", "filename", "wav"),
    EMOTION: ("emotion", "label"),
    "speaker": ("speaker", "speaker_id", "spkrid"),
    "split": ("split", "split_set", "partition"),
    "transcript": ("transcript", "text"),
    "transcript_source": ("transcript_source",),
    "scale": ("attribute_scale",),
    "gender": ("gender", "sex"),
}
_GENDERS = {"f": "female", "female": "female", "m": "male", "male": "male"}
NO_SPEAKERS = "Speakers are not known, so no split was made: say them, or give splits."


def prepare_emotion_csv(raw: Path | None, output: Path) -> PreparedCorpus:
    """The files of a table, in its splits or, where it has none, in splits by speaker.

    Raises:
        UsageError: There is no table.
        NoInput: It does not exist, or is empty.
        BadData: A column is missing, a value cannot be used, or no file can be read.
    """
    if raw is None or raw.is_dir():
        raise UsageError("emotion-csv needs a table", hint="merit prepare emotion-csv TABLE.csv -o OUT")
    if not raw.is_file():
        raise NoInput("the table does not exist", place=str(raw))
    rows = [_named(row) for row in read_rows(raw, ())]
    if not rows:
        raise NoInput("the table is empty", place=str(raw))
    if "file" not in rows[0]:
        raise BadData("no column names the files", place=str(raw), hint=f"one of: {', '.join(_COLUMNS['file'])}")
    spoken = [_from_row(row, raw, f"{raw}:{number}") for number, row in enumerate(rows, start=2)]
    scales = {row.get("scale", "") for row in rows} - {""}
    card = Card(name=raw.stem, description=f"Files of {raw.name}.", attribute_scale=_scale(scales, rows, raw))
    return _with_splits(spoken, card)


def prepare_emotion_folder(raw: Path | None, output: Path) -> PreparedCorpus:
    """The files of folders named after emotions, in the folders' splits or in splits by speaker.

    Raises:
        UsageError: There is no folder.
        NoInput: It holds no audio in such folders.
        BadData: Folders go too deep, or no file can be read.
    """
    folder = corpus_folder(raw, "emotion-folder")
    paths = [path for path in sorted(folder.rglob("*")) if is_audio(path) and not path.name.startswith(".")]
    spoken = [_from_folders(path, folder) for path in paths]
    if not spoken:
        raise NoInput("the folder holds no audio", place=str(folder), hint="angry/speaker1/file.wav")
    return _with_splits(spoken, Card(name=folder.name, description="Files by folders named after emotions."))


def _with_splits(spoken: list[Spoken], card: Card) -> PreparedCorpus:
    if any(one.split for one in spoken):
        return prepare_spoken(spoken, card)
    if not any(one.speaker for one in spoken):
        return prepare_spoken(spoken, card.model_copy(update={"notes": (NO_SPEAKERS,)}))
    return prepare_spoken(spoken, card, by_rule=True)


def _named(row: dict[str, str]) -> dict[str, str]:
    """The row with the columns of our names; of several that mean the same, the first."""
    rest, named = dict(row), dict[str, str]()
    for name, columns in _COLUMNS.items():
        present = [column for column in columns if column in rest]
        if present:
            named[name] = rest[present[0]]
            del rest[present[0]]
    return {**rest, **named}


def _from_row(row: dict[str, str], table: Path, place: str) -> Spoken:
    if not row["file"]:
        raise BadData("the line names no file", place=place)
    path = (table.parent / row["file"]).resolve()
    split = row.get("split", "").lower()
    if split not in SPLITS:
        raise BadData(f"{row['split']!r} is not a split", place=place, hint="train, dev or test")
    labels: dict[str, Label] = {EMOTION: row[EMOTION]} if row.get(EMOTION) else {}
    shares = [name for name in row if name.startswith(SHARE_PREFIX)]
    for name in (*ATTRIBUTES, *shares):
        if (value := number_in(row, name, place=place)) is not None:
            labels[name] = value
    gender = row.get("gender", "")
    facts = {key: value for key, value in row.items() if key not in (*_COLUMNS, *ATTRIBUTES, *shares)}
    return Spoken(
        id="__".join(part for part in Path(row["file"]).with_suffix("").parts if part not in ("..", "/", ".")),
        path=path,
        speaker=row.get("speaker", ""),
        split=SPLITS[split],
        labels=labels,
        info={**facts, "gender": _GENDERS.get(gender.lower(), gender)},
        transcript=row.get("transcript", ""),
        transcript_source=row.get("transcript_source") or HUMAN,
    )


def _scale(scales: set[str], rows: list[dict[str, str]], table: Path) -> tuple[float, float] | None:
    if not any(row.get(name) for row in rows for name in ATTRIBUTES):
        return None
    match = re.fullmatch(r"(-?[\d.]+)\s*(?:-|:|to)\s*(-?[\d.]+)", next(iter(scales))) if len(scales) == 1 else None
    if match is None or not float(match[1]) < float(match[2]):
        raise BadData(
            "ratings need one scale", place=str(table), hint="a column attribute_scale with 1-7 or -1:1 in each line"
        )
    low, high = float(match[1]), float(match[2])
    for number, row in enumerate(rows, start=2):
        _check_ratings(row, low, high, f"{table}:{number}")
    return low, high


def _check_ratings(row: Mapping[str, str], low: float, high: float, place: str) -> None:
    for name in ATTRIBUTES:
        value = number_in(dict(row), name, place=place)
        if value is not None and not low <= value <= high:
            raise BadData(f"{name} {value:g} lies outside the scale {low:g} to {high:g}", place=place)


def _from_folders(path: Path, folder: Path) -> Spoken:
    above = list(path.relative_to(folder).parts[:-1])
    split = SPLITS[above.pop(0).lower()] if above and above[0].lower() in SPLITS else ""
    if not 1 <= len(above) <= 2:
        raise BadData(
            "the file does not lie in [SPLIT/]EMOTION/[SPEAKER/]", place=str(path), hint="move it, or write a table"
        )
    return Spoken(
        id=id_of_path(path, folder),
        path=path,
        speaker=above[1] if len(above) > 1 else "",
        split=split,
        labels={EMOTION: above[0]},
    )
