"""Predictions of other tools: CSV, TSV, JSON or JSON lines, under the column names that are in use.

| column | means |
|---|---|
| ``id``, ``utterance``, ``file``, ``filename``, ``path``, ``wav``, ``audio``, ``name`` | the utterance: id or path |
| ``predicted``, ``prediction``, ``pred``, ``hypothesis``, ``EmoClass`` | the predicted label |
| ``label``, ``true``, ``target``, ``reference``, ``truth`` | the true label |
| ``p_X``, ``prob_X``, ``probability_X``, or ``probabilities`` as an object | the probability of label X |
| ``arousal``, ``valence``, ``dominance``, ``EmoAct``, ``EmoVal``, ``EmoDom``, or ``attributes`` | what is predicted |
| ``true_X``, with X an attribute | its true value |
| ``speaker``, ``split`` | as in a manifest |

Case is free. Every other column is a fact that results can be split by.
"""

import csv
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Any

from merit_cli.errors import BadData, NoInput
from merit_cli.io.jsonl import read_lines
from merit_cli.manifests.predictions import Prediction
from merit_cli.manifests.utterance import Label, Utterance

_COLUMNS = {
    "id": ("id", "utterance", "utterance_id", "file", "filename", "path", "wav", "audio", "name"),
    "predicted": ("predicted", "prediction", "pred", "predicted_label", "hypothesis", "hyp", "emoclass"),
    "label": ("label", "true", "true_label", "target", "reference", "truth"),
    "speaker": ("speaker", "speaker_id", "patient"),
    "split": ("split", "split_set"),
}
_ATTRIBUTES = {"arousal": "emoact", "valence": "emoval", "dominance": "emodom"}
_PROBABILITY_PREFIXES = ("probability_", "prob_", "p_")
_SUFFIXES = {".csv": ",", ".tsv": "\t"}


@dataclass(frozen=True)
class ForeignPrediction:
    """One line of another tool's predictions.

    Args:
        prediction: What was said; its ``id`` as written there.
        speaker: Empty where the file does not say.
        true_attributes: Attribute to true value.
        info: Every other column.
    """

    prediction: Prediction
    speaker: str = ""
    true_attributes: Mapping[str, float] = field(default_factory=dict)
    info: Mapping[str, str] = field(default_factory=dict)

    def to_utterance(self) -> Utterance:
        """A manifest line without audio, for predictions that came without a manifest."""
        said = self.prediction
        labels: dict[str, Label] = {**self.true_attributes}
        if said.label is not None:
            labels["emotion"] = said.label
        return Utterance(
            said.id, Path(said.id), 1, 0, speaker=self.speaker, split=said.split, labels=labels, info=self.info
        )


def read_foreign_predictions(path: Path) -> list[ForeignPrediction]:
    """The predictions in a file, in its order.

    Raises:
        NoInput: There is no such file, or it holds none.
        BadData: A line has no id, says nothing, or repeats an id; or a number cannot be read.
    """
    found: list[ForeignPrediction] = []
    seen: set[str] = set()
    for place, row in _rows(path):
        one = _prediction(row, place)
        if one.prediction.id in seen:
            raise BadData(f"the id {one.prediction.id!r} comes twice", place=place, hint="keep one line for each")
        seen.add(one.prediction.id)
        found.append(one)
    if not found:
        raise NoInput("the file holds no predictions", place=str(path))
    return found


def match_predictions(
    found: Sequence[ForeignPrediction], utterances: Sequence[Utterance]
) -> tuple[dict[str, ForeignPrediction], tuple[str, ...]]:
    """Predictions by the id of their utterance, matched by id, else by file name; and remarks.

    Raises:
        BadData: None of them belongs to an utterance, or two belong to one.
    """
    by_id = {one.id: one.id for one in utterances}
    counts = Counter(one.audio.stem for one in utterances)
    by_stem = {one.audio.stem: one.id for one in utterances if counts[one.audio.stem] == 1}
    matched: dict[str, ForeignPrediction] = {}
    strangers = by_name = 0
    for one in found:
        name = one.prediction.id
        own = by_id.get(name)
        if own is None:
            own = by_stem.get(PurePath(name).stem, by_id.get(PurePath(name).stem))
            by_name += own is not None
        if own is None:
            strangers += 1
        elif own in matched:
            raise BadData(f"two predictions belong to {own!r}", place=name, hint="name utterances by their id")
        else:
            matched[own] = one
    if not matched:
        raise BadData(
            f"no prediction belongs to an utterance: the file has {found[0].prediction.id!r}, "
            f"the input {utterances[0].id!r}",
            hint="name utterances by id or by file name",
        )
    notes = []
    if by_name:
        notes.append(f"{by_name} predictions were matched by file name.")
    if strangers:
        notes.append(f"{strangers} predictions belong to no utterance of the input and were left out.")
    return matched, tuple(notes)


def _rows(path: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Each line as a mapping, with its place."""
    if path.suffix == ".jsonl":
        for number, line in read_lines(path, torn_tail=True):
            yield f"{path}:{number}", line
        return
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError:
        raise NoInput("the file of predictions cannot be read", place=str(path), hint="check the path") from None
    except UnicodeDecodeError:
        raise BadData("the file of predictions is not UTF-8 text", place=str(path)) from None
    if path.suffix == ".json":
        yield from _json_rows(text, path)
        return
    reader = csv.DictReader(text.splitlines(), delimiter=_SUFFIXES.get(path.suffix, ","), restkey="")
    for number, row in enumerate(reader, start=2):
        yield f"{path}:{number}", {key: value for key, value in row.items() if key and value not in (None, "")}


def _json_rows(text: str, path: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    try:
        data = json.loads(text)
    except json.JSONDecodeError as error:
        raise BadData("the file of predictions is not valid JSON", place=f"{path}:{error.lineno}") from None
    if not isinstance(data, list) or not all(isinstance(row, dict) for row in data):
        raise BadData("the file of predictions is not a list of objects", place=str(path), hint="see merit evaluate")
    for number, row in enumerate(data, start=1):
        yield f"{path}, entry {number}", row


def _prediction(row: Mapping[str, Any], place: str) -> ForeignPrediction:
    rest = {str(key).strip().lower(): value for key, value in row.items()}
    facts = {name: _take(rest, columns) for name, columns in _COLUMNS.items()}
    if facts["id"] is None:
        raise BadData("the line names no utterance", place=place, hint=f"one of: {', '.join(_COLUMNS['id'])}")
    probabilities = {str(key): _number(value, place) for key, value in (rest.pop("probabilities", None) or {}).items()}
    attributes = {str(key): _number(value, place) for key, value in (rest.pop("attributes", None) or {}).items()}
    true_attributes = {}
    for name, other in _ATTRIBUTES.items():
        if (value := _take(rest, (f"true_{name}",))) is not None:
            true_attributes[name] = _number(value, place)
        if (value := _take(rest, (name, f"pred_{name}", other))) is not None:
            attributes[name] = _number(value, place)
    for key in list(rest):
        prefix = next((prefix for prefix in _PROBABILITY_PREFIXES if key.startswith(prefix)), None)
        if prefix is not None:
            probabilities[_cased(row, key)[len(prefix) :]] = _number(rest.pop(key), place)
    predicted = facts["predicted"]
    if predicted is None and probabilities:
        predicted = max(probabilities, key=lambda name: probabilities[name])
    if predicted is None and not attributes:
        raise BadData("the line predicts nothing", place=place, hint=f"one of: {', '.join(_COLUMNS['predicted'])}")
    label = facts["label"]
    said = Prediction(
        id=str(facts["id"]),
        split=str(facts["split"] or "").lower(),
        label=None if label is None else str(label),
        predicted="" if predicted is None else str(predicted),
        probabilities=probabilities,
        attributes=attributes,
    )
    info = {_cased(row, key): str(value) for key, value in rest.items() if not isinstance(value, dict | list)}
    return ForeignPrediction(said, str(facts["speaker"] or ""), true_attributes, info)


def _take(rest: dict[str, Any], names: Sequence[str]) -> Any:
    """The first of these columns that has a value, taken out."""
    name = next((name for name in names if rest.get(name) is not None), None)
    return None if name is None else rest.pop(name)


def _cased(row: Mapping[str, Any], key: str) -> str:
    return next(str(name).strip() for name in row if str(name).strip().lower() == key)


def _number(value: Any, place: str) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        raise BadData(f"{value!r} is not a number", place=place) from None
