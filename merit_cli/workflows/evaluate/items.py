"""``items.jsonl``: what is known of each utterance of an evaluation, one a line, and the way back.

The file is for one's own analyses, and is what ``--compare`` reads: a finished evaluation can be
compared when its audio is long gone.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from merit_cli.errors import BadData, NoInput
from merit_cli.io.jsonl import read_lines, write_lines
from merit_cli.io.run_dir import read_summary
from merit_cli.manifests.predictions import Prediction
from merit_cli.manifests.read_write import Card, join_cards, read_card, write_card
from merit_cli.manifests.utterance import Utterance
from merit_cli.workflows.evaluate.findings import Findings
from merit_cli.workflows.evaluate.scores import NOISY

ITEMS_NAME = "items.jsonl"


@dataclass(frozen=True)
class Evaluated:
    """A finished evaluation, as read from its folder.

    Args:
        system: What was evaluated.
        path: The run folder.
        utterances: All of its split.
        true: Id to true label.
        predictions: By id.
        scores: Signal metric to id to value; None where it could not be had.
        card: Notes that a report must repeat.
    """

    system: str
    path: Path
    utterances: Mapping[str, Utterance]
    true: Mapping[str, str] = field(default_factory=dict)
    predictions: Mapping[str, Prediction] = field(default_factory=dict)
    scores: Mapping[str, Mapping[str, float | None]] = field(default_factory=dict)
    card: Card = field(default_factory=lambda: Card(name="evaluation"))

    @property
    def labels(self) -> tuple[str, ...]:
        """Every class that is true, predicted or has a probability."""
        said = {one.predicted for one in self.predictions.values() if one.predicted}
        listed = {label for one in self.predictions.values() for label in one.probabilities}
        return tuple(sorted({*self.true.values(), *said, *listed}))

    @property
    def split(self) -> str:
        """The split that was evaluated; empty where there are several or none."""
        splits = {one.split for one in self.utterances.values()}
        return splits.pop() if len(splits) == 1 else ""


def write_items(findings: Findings, folder: Path) -> None:
    """Write ``items.jsonl``, and the corpus's card beside it, into a run folder.

    Raises:
        Unavailable: The folder cannot be written.
    """
    write_lines(folder / ITEMS_NAME, _lines(findings, folder.resolve()))
    write_card(folder, findings.material.card)


def _lines(findings: Findings, root: Path) -> Iterator[dict[str, Any]]:
    predictions = findings.material.predictions or {}
    true = findings.classified.true if findings.classified else {}
    scored = findings.scored
    paired = {one.id for one in findings.pairs.utterances} if scored else set()
    for one in findings.material.utterances:
        line: dict[str, Any] = {"id": one.id, "system": findings.material.system, "utterance": one.to_line(root)}
        if one.id in true:
            line["true"] = true[one.id]
        if one.id in predictions:
            line["prediction"] = predictions[one.id].to_line()
        if scored and one.id in paired:
            names = [spec.name for spec in scored.metrics]
            line["scores"] = {name: scored.book.values(scored.system, name, [one.id])[0] for name in names}
            if scored.has_noisy and scored.system != NOISY:
                line["noisy_scores"] = {name: scored.book.values(NOISY, name, [one.id])[0] for name in names}
        yield line


def read_evaluated(folder: Path) -> Evaluated:
    """A finished evaluation.

    Raises:
        NoInput: It is not finished, or was made before evaluations kept their items.
        BadData: A line cannot be used.
    """
    read_summary(folder)
    path = folder / ITEMS_NAME
    if not path.exists():
        raise NoInput("the evaluation has no items.jsonl", place=str(folder), hint="evaluate again with --overwrite")
    root = folder.resolve()
    utterances: dict[str, Utterance] = {}
    true: dict[str, str] = {}
    predictions: dict[str, Prediction] = {}
    scores: dict[str, dict[str, float | None]] = {}
    system = ""
    for number, line in read_lines(path):
        try:
            key = line["id"]
            system = line["system"]
            utterances[key] = Utterance.from_line(line["utterance"], root, place=f"{path}:{number}")
            if "true" in line:
                true[key] = line["true"]
            if "prediction" in line:
                predictions[key] = Prediction(**line["prediction"])
            for name, value in line.get("scores", {}).items():
                scores.setdefault(name, {})[key] = value
        except (KeyError, TypeError) as error:
            raise BadData(f"the item cannot be read: {error}", place=f"{path}:{number}") from None
    return Evaluated(system, folder, utterances, true, predictions, scores, join_cards(system, [read_card(path)]))
