"""The key of a study and the files that raters sent back, as rows."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from merit_cli.errors import BadData, NoInput
from merit_cli.workflows.study.page import NONE_FITS, UNUSABLE

FORMAT = "merit-study-answers"


@dataclass(frozen=True)
class StudyKey:
    """What the page does not say.

    Args:
        study: Opaque id.
        arms: Versions of each clip.
        labels: The classes.
        clips: Clip to its patient and its label.
        trials: Trial to rater, position, clip, arm and the trial that it repeats.
        notes: Of the corpus.
    """

    study: str
    arms: tuple[str, ...]
    labels: tuple[str, ...]
    clips: Mapping[str, Mapping[str, str]]
    trials: Mapping[str, Mapping[str, Any]]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Row:
    """One answer.

    Args:
        trial: Opaque id.
        rater: Code.
        clip: What was heard.
        patient: Whose breath.
        arm: In which version.
        truth: The true class.
        label: The answer: a class, ``none fits`` or ``unusable``.
        confidence: 1 to 5.
        trust: 1 to 5.
        plays: How often it was played.
        seconds: From the first play to the next sound, while the page was in sight.
        repeats: The earlier trial of which this is a hidden duplicate; empty for the first hearing.
    """

    trial: str
    rater: str
    clip: str
    patient: str
    arm: str
    truth: str
    label: str
    confidence: int
    trust: int
    plays: int
    seconds: float
    repeats: str = ""


def read_key(path: Path) -> StudyKey:
    """The key beside a study's page.

    Raises:
        NoInput: There is no such file.
        BadData: It is not a key.
    """
    place = path / "key" / "key.json" if path.is_dir() else path
    tree = _json(place)
    try:
        return StudyKey(
            str(tree["study"]),
            tuple(tree["arms"]),
            tuple(tree["labels"]),
            dict(tree["clips"]),
            dict(tree["trials"]),
            tuple(tree.get("notes", ())),
        )
    except (KeyError, TypeError, ValueError):
        raise BadData("this is not the key of a study", place=str(place), hint="give OUT/key/key.json") from None


def read_answers(key: StudyKey, paths: Sequence[Path]) -> tuple[list[Row], list[str]]:
    """The finished answers in the raters' files, and what should be known of them.

    Of two files of one rater the fuller one counts, where both agree on what they share.

    Raises:
        NoInput: A file is missing, or no answer is finished.
        BadData: A file is of another study or damaged, or two files of a rater contradict each other.
    """
    by_rater: dict[str, dict[str, Row]] = {}
    notes = []
    for path in paths:
        rater, rows = _read_export(key, path)
        before = by_rater.get(rater, {})
        for trial in before.keys() & rows.keys():
            if before[trial].label != rows[trial].label:
                raise BadData(
                    f"two files of rater {rater} answer trial {trial} differently",
                    place=str(path),
                    hint="give the right one of them only",
                )
        by_rater[rater] = max(before, rows, key=len)
    for rater, rows in sorted(by_rater.items()):
        asked = sum(trial["rater"] == rater for trial in key.trials.values())
        if len(rows) < asked:
            notes.append(f"Rater {rater} answered {len(rows)} of {asked} trials.")
    found = [row for _, rows in sorted(by_rater.items()) for row in rows.values()]
    if not found:
        raise NoInput("no answer is finished", place=", ".join(map(str, paths)))
    return found, notes


def _read_export(key: StudyKey, path: Path) -> tuple[str, dict[str, Row]]:
    tree = _json(path)
    if tree.get("format") != FORMAT or not isinstance(tree.get("answers"), dict):
        raise BadData("this is not a file of answers", place=str(path), hint="the study page writes them")
    if tree.get("study") != key.study:
        raise BadData(f"the answers are of the study {tree.get('study')}, the key of {key.study}", place=str(path))
    rater = str(tree.get("rater"))
    rows = {}
    for trial, answer in tree["answers"].items():
        asked = key.trials.get(trial)
        if asked is None or asked["rater"] != rater:
            raise BadData(f"rater {rater} was not asked the trial {trial}", place=str(path))
        if isinstance(answer, dict) and answer.get("done"):
            rows[trial] = _row(key, trial, asked, answer, str(path))
    return rater, rows


def _row(key: StudyKey, trial: str, asked: Mapping[str, Any], answer: Mapping[str, Any], place: str) -> Row:
    try:
        label = str(answer["label"])
        confidence, trust, plays = (int(answer[name]) for name in ("confidence", "trust", "plays"))
        seconds = float(answer["seconds"])
    except (KeyError, TypeError, ValueError):
        raise BadData(f"the answer to {trial} is not complete", place=place) from None
    if label not in (*key.labels, NONE_FITS, UNUSABLE) or not (1 <= confidence <= 5 and 1 <= trust <= 5):
        raise BadData(f"the answer to {trial} is none that the page offers: {dict(answer)}", place=place)
    clip = key.clips[asked["clip"]]
    return Row(
        trial=trial,
        rater=str(asked["rater"]),
        clip=str(asked["clip"]),
        patient=clip["patient"],
        arm=str(asked["arm"]),
        truth=clip["label"],
        label=label,
        confidence=confidence,
        trust=trust,
        plays=plays,
        seconds=seconds,
        repeats=str(asked["repeats"] or ""),
    )


def _json(path: Path) -> dict[str, Any]:
    try:
        tree = json.loads(path.read_text(encoding="utf-8"))
    except OSError:
        raise NoInput("there is no such file", place=str(path)) from None
    except ValueError:
        raise BadData("the file is not json", place=str(path)) from None
    if not isinstance(tree, dict):
        raise BadData("the file holds no object", place=str(path))
    return tree
