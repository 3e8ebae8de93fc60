"""ESC-50 and ESC-10: clips of 5 s, forty of each class, in five folds that share no recording.

ESC-50 is ``audio/1-100032-A-0.wav`` (fold, recording, take, class number) with ``meta/esc50.csv``, whose column
``esc10`` marks the ten classes of ESC-10. ESC-10 alone is ``001 - Dog bark/1-30226-A.ogg``.

Source: Piczak (2015), ACM Multimedia, doi 10.1145/2733373.2806390; layout and columns as in the README of the author's
repository karolpiczak/ESC-50.
"""

import re
from collections import Counter
from pathlib import Path

from merit_cli.corpora.csv_table import find_one, read_rows
from merit_cli.corpora.emotion_reading import Spoken, corpus_folder, files_by_stem, prepare_spoken
from merit_cli.corpora.prepared import PreparedCorpus
from merit_cli.corpora.published_counts import counts_note
from merit_cli.errors import NoInput
from merit_cli.manifests.read_write import Card

CLIPS_PER_CLASS = 40
SPLITS = {"1": "train", "2": "train", "3": "train", "4": "dev", "5": "test"}
"""Of the official folds (ours)."""
_FOLDS_NOTE = "Folds 1 to 3 are train, 4 is dev, 5 is test; no recording is in two folds."
_CLIP = re.compile(r"(?P<fold>[1-5])-(?P<recording>\d+)-(?P<take>[A-H])(?:-\d+)?")
_FOLDER = re.compile(r"\d+ - (?P<name>.+)")


def prepare_esc50(raw: Path | None, output: Path) -> PreparedCorpus:
    """All clips as noises of fifty classes.

    Raises:
        UsageError: There is no raw folder.
        NoInput: It holds no clip of the corpus, or its table is missing.
        BadData: No clip can be read, or the table cannot.
        CheckFailed: All clips are there, but not forty of each class.
    """
    return _prepare(raw, "esc-50", num_classes=50)


def prepare_esc10(raw: Path | None, output: Path) -> PreparedCorpus:
    """The clips of ten classes, from ESC-10's own folders or out of ESC-50.

    Raises:
        UsageError: There is no raw folder.
        NoInput: It holds no clip of the corpus.
        BadData: No clip can be read, or the table cannot.
        CheckFailed: All clips are there, but not forty of each class.
    """
    return _prepare(raw, "esc-10", num_classes=10)


def _prepare(raw: Path | None, name: str, *, num_classes: int) -> PreparedCorpus:
    folder = corpus_folder(raw, name)
    table = find_one(folder, "esc50.csv")
    classes = _classes(table, only_ten=num_classes == 10) if table else {}
    spoken = []
    for stem, (path, match) in files_by_stem(folder, _CLIP).items():
        kind = classes.get(stem, "") if table else _folder_class(path)
        if not kind:
            continue
        facts = {"noise_class": kind, "fold": match["fold"], "recording": match["recording"], "take": match["take"]}
        spoken.append(Spoken(id=stem, path=path, speaker="", split=SPLITS[match["fold"]], info=facts))
    if not spoken:
        hint = "audio/1-100032-A-0.wav with meta/esc50.csv, or for esc-10 '001 - Dog bark/1-30226-A.ogg'"
        raise NoInput(f"the folder holds no clip of {name.upper()}", place=str(folder), hint=hint)
    counts = Counter(one.info["noise_class"] for one in spoken)
    names = {*counts, *classes.values()}
    counted = counts_note(
        name.upper(),
        counts,
        dict.fromkeys(sorted(names), CLIPS_PER_CLASS),
        recordings=len(spoken),
        all_recordings=num_classes * CLIPS_PER_CLASS,
    )
    card = Card(
        name=name,
        description=f"{name.upper()}: environmental sounds of 5 s in {num_classes} classes.",
        licence="CC BY 3.0" if num_classes == 10 else "CC BY-NC 3.0",
        source="Piczak 2015, doi 10.1145/2733373.2806390",
        notes=(counted, _FOLDS_NOTE),
    )
    return prepare_spoken(spoken, card)


def _classes(table: Path, *, only_ten: bool) -> dict[str, str]:
    rows = read_rows(table, ("filename", "category", "esc10"))
    kept = (row for row in rows if not only_ten or row["esc10"].lower() == "true")
    return {Path(row["filename"]).stem: row["category"] for row in kept}


def _folder_class(path: Path) -> str:
    match = _FOLDER.fullmatch(path.parent.name)
    return match["name"].strip().lower().replace(" ", "_") if match else ""
