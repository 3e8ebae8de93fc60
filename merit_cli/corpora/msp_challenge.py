"""Predictions in the format of the MSP-Podcast challenges, whose Test3 labels are hidden.

Classes: ``FileName,EmoClass`` with one letter a class. Attributes: ``FileName,EmoAct,EmoVal,EmoDom`` on 1 to 7. Every
file of the test set stands there once; what is written is read back and checked before it gets its name.

Source: the columns of the corpus's own table of labels (see `corpora.msp_podcast`); Goncalves et al. (2024), Odyssey
2024 speech emotion recognition challenge, for the two tasks.
"""

import csv
import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from merit_cli.corpora.msp_podcast import ATTRIBUTE_SCALE, EMOTIONS
from merit_cli.errors import CheckFailed, NoInput, UsageError
from merit_cli.io.atomic import atomic_path
from merit_cli.manifests.predictions import Prediction
from merit_cli.manifests.utterance import Utterance

CLASS_COLUMNS = ("FileName", "EmoClass")
ATTRIBUTE_COLUMNS = ("FileName", "EmoAct", "EmoVal", "EmoDom")
_NAMES = ("arousal", "valence", "dominance")
"""The attributes in the order of the columns."""
LETTERS = {name: letter for letter, name in EMOTIONS.items()}


def check_answers(labels: Sequence[str], scale: tuple[float, float] | None) -> None:
    """Refuse, before it runs, a model whose answers have no place in the format.

    Args:
        labels: Of the model; empty for one without classes.
        scale: Of its ratings; None for one without.

    Raises:
        UsageError: A label has no letter, the ratings are on another scale, or there are neither.
    """
    hint = "give -o a .jsonl file, or a model that was trained on MSP-Podcast"
    strange = [label for label in labels if label not in LETTERS]
    if strange:
        raise UsageError(f"the challenge has no letter for {strange[0]!r}", place="--output", hint=hint)
    if not labels and scale is None:
        raise UsageError("the model predicts no emotion", place="--output", hint=hint)
    if not labels and scale != ATTRIBUTE_SCALE:
        raise UsageError(f"the model rates on {scale}, the challenge on 1 to 7", place="--output", hint=hint)


def write_challenge(path: Path, utterances: Sequence[Utterance], predictions: Sequence[Prediction]) -> int:
    """Write predictions of all utterances, in their order; the number of rows.

    Args:
        path: The CSV file, which appears whole and checked or not at all.
        utterances: Every file of the test set.
        predictions: Of classes, else of attributes.

    Raises:
        CheckFailed: A file has no prediction, or the format check fails.
    """
    said = {one.id: one for one in predictions}
    missing = [one.id for one in utterances if one.id not in said]
    if missing:
        raise CheckFailed(
            f"{len(missing)} of {len(utterances)} files have no prediction, the first {missing[0]!r}",
            place=str(path),
            hint="the challenge wants every file; mend or replace them, then --retry-failed",
        )
    has_classes = all(one.predicted for one in said.values())
    with atomic_path(path) as temporary:
        with temporary.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(CLASS_COLUMNS if has_classes else ATTRIBUTE_COLUMNS)
            writer.writerows([one.audio.name, *_values(said[one.id], has_classes)] for one in utterances)
        return check_challenge(temporary, [one.audio.name for one in utterances], place=str(path))


def _values(said: Prediction, has_classes: bool) -> list[str]:  # noqa: FBT001 - private
    if has_classes:
        return [LETTERS.get(said.predicted, said.predicted)]
    return [f"{said.attributes[name]:.6f}" for name in _NAMES]


def check_challenge(path: Path, names: Sequence[str], *, place: str = "") -> int:
    """The number of rows of a file in the challenge's format.

    Args:
        path: The CSV file, of whatever tool.
        names: File names of the test set.
        place: What messages call the file; empty for its path.

    Raises:
        NoInput: There is no such file.
        CheckFailed: Columns, names or values are not as the challenge wants them.
    """
    place = place or str(path)
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.reader(file))
    except FileNotFoundError:
        raise NoInput("there is no file of predictions", place=place, hint="write one by merit predict") from None
    except UnicodeDecodeError:
        raise CheckFailed("the file is not UTF-8 text", place=place) from None
    header = tuple(rows[0]) if rows else ()
    if header not in (CLASS_COLUMNS, ATTRIBUTE_COLUMNS):
        wanted = f"{','.join(CLASS_COLUMNS)} or {','.join(ATTRIBUTE_COLUMNS)}"
        raise CheckFailed(f"the columns are {','.join(header) or 'missing'}, not {wanted}", place=f"{place}:1")
    for number, row in enumerate(rows[1:], start=2):
        fault = _fault(row, header)
        if fault:
            raise CheckFailed(fault, place=f"{place}:{number}")
    _check_names([row[0] for row in rows[1:]], names, place)
    return len(rows) - 1


def _fault(row: Sequence[str], header: Sequence[str]) -> str:
    """What is wrong with a row; empty where nothing is.

    >>> _fault(["a.wav", "A"], CLASS_COLUMNS)
    ''
    >>> _fault(["a.wav", "4.0", "nan", "7.5"], ATTRIBUTE_COLUMNS)
    "EmoVal is 'nan', not a number from 1 to 7"
    """
    if len(row) != len(header):
        return f"the row has {len(row)} values, not {len(header)}"
    if header == CLASS_COLUMNS:
        return "" if row[1] in EMOTIONS else f"EmoClass is {row[1]!r}, not one of {', '.join(EMOTIONS)}"
    for column, value in zip(header[1:], row[1:], strict=True):
        if not ATTRIBUTE_SCALE[0] <= _number(value) <= ATTRIBUTE_SCALE[1]:
            return f"{column} is {value!r}, not a number from 1 to 7"
    return ""


def _number(value: str) -> float:
    try:
        return float(value)
    except ValueError:
        return math.nan


def _check_names(found: Sequence[str], wanted: Sequence[str], place: str) -> None:
    twice = [name for name, count in Counter(found).items() if count > 1]
    if twice:
        raise CheckFailed(
            f"{len(twice)} file names come more than once, the first {twice[0]!r}",
            place=place,
            hint="the challenge names files without their folder: predict one test set at a time",
        )
    missing, strange = sorted(set(wanted) - set(found)), sorted(set(found) - set(wanted))
    if missing:
        raise CheckFailed(f"{len(missing)} files of the test set are missing, the first {missing[0]!r}", place=place)
    if strange:
        raise CheckFailed(f"{len(strange)} names are no files of the test set, the first {strange[0]!r}", place=place)
