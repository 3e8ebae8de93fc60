"""Predictions of a model: ``predictions.jsonl``, one utterance a line, beside the manifest it is about."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from merit_cli.errors import BadData
from merit_cli.io.jsonl import read_lines, write_lines

PREDICTIONS_NAME = "predictions.jsonl"


@dataclass(frozen=True)
class Prediction:
    """What a model said of one utterance.

    Args:
        id: The utterance.
        split: It belongs to; empty where there is none.
        label: The true label, or None where it is not known.
        predicted: The most probable label; empty for a model of attributes alone.
        probabilities: Label to probability; empty where the classifier gives none.
        attributes: Such as arousal, to the predicted value; empty where the model has none.
    """

    id: str
    split: str
    label: str | None
    predicted: str
    probabilities: Mapping[str, float] = field(default_factory=dict)
    attributes: Mapping[str, float] = field(default_factory=dict)

    def to_line(self) -> dict[str, Any]:
        """As JSON data; attributes only where there are any."""
        line = asdict(self)
        if not self.attributes:
            del line["attributes"]
        return line


def write_predictions(path: Path, predictions: Iterable[Prediction]) -> int:
    """Write a whole file by rename; returns the number of lines."""
    return write_lines(path, (prediction.to_line() for prediction in predictions))


def read_predictions(path: Path) -> list[Prediction]:
    """The predictions in a file.

    Raises:
        NoInput: There is no such file.
        BadData: A line lacks its id or its predicted label.
    """
    found = []
    for number, line in read_lines(path, torn_tail=True):
        try:
            found.append(
                Prediction(
                    id=str(line["id"]),
                    split=str(line.get("split") or ""),
                    label=None if line.get("label") is None else str(line["label"]),
                    predicted=str(line["predicted"]),
                    probabilities=line.get("probabilities") or {},
                    attributes=line.get("attributes") or {},
                )
            )
        except KeyError as error:
            raise BadData(f"the prediction lacks the key {error}", place=f"{path}:{number}") from None
    return found
