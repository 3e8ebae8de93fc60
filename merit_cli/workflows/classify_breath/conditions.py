"""Scores of a breath classifier on held-out patients, with and without an enhancer in front."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from merit_cli.enhancers.contract import EnhancerConfig
from merit_cli.errors import NoInput
from merit_cli.io.jsonl import write_lines
from merit_cli.io.ledger import Ledger
from merit_cli.manifests.predictions import PREDICTIONS_NAME
from merit_cli.manifests.utterance import Utterance
from merit_cli.metrics.respiratory import ICBHI_SCORE, ICBHI_SE, ICBHI_SE_TWO_CLASS, ICBHI_SP
from merit_cli.metrics.spec import MetricSpec
from merit_cli.reports.report import Cell
from merit_cli.workers import Machine
from merit_cli.workflows.classify_breath.answers import Answer, answer_clips, cut_settings, prediction_line
from merit_cli.workflows.classify_breath.cycles import BACKGROUND, background_stretches, load_clips
from merit_cli.workflows.classify_breath.intervals import score_cell, share_cell
from merit_cli.workflows.classify_breath.model_folder import BreathModel

SPECS: tuple[MetricSpec, ...] = (ICBHI_SCORE, ICBHI_SE, ICBHI_SE_TWO_CLASS, ICBHI_SP)
WITHHELD = "(withheld)"
AS_RECORDED = "none"


@dataclass(frozen=True)
class Condition:
    """All answers of one model behind one front end.

    Args:
        enhancer: Its name; ``none`` for the recordings as they are.
        answers: On the cycles of the split.
        background: On stretches of the same recordings that no cycle covers.
    """

    enhancer: str
    answers: list[Answer]
    background: list[Answer]


@dataclass(frozen=True)
class ConditionScores:
    """The numbers of one condition.

    Args:
        enhancer: Its name.
        forced: Canonical metric name to cell, every cycle answered.
        selective: Score over the answered cycles alone.
        withheld_wrong: Score with a withheld answer counted as a wrong one.
        coverage: Share of cycles answered.
        background_answered: Share of background-only stretches answered.
        recalls: Class to recall.
    """

    enhancer: str
    forced: dict[str, Cell]
    selective: Cell
    withheld_wrong: Cell
    coverage: Cell
    background_answered: Cell
    recalls: dict[str, Cell]


def answer_test(
    model: BreathModel,
    cycles: Sequence[Utterance],
    enhancers: Sequence[EnhancerConfig | None],
    *,
    folder: Path,
    ledger: Ledger,
    machine: Machine,
) -> list[Condition]:
    """The answers behind each front end; each condition's predictions are written to ``folder``.

    Args:
        model: The classifier.
        cycles: Of the split to score; all cycles of each recording, so that gaps are background.
        enhancers: None for the recordings as they are; the last one's predictions are the run's.
        folder: The run.
        ledger: Gets the recordings that cannot be read.
        machine: Workers and progress.

    Raises:
        NoInput: Not one recording can be read.
    """
    gaps = background_stretches(cycles)
    conditions = []
    for enhancer in enhancers:
        name = AS_RECORDED if enhancer is None else enhancer.name
        settings = cut_settings(model, enhancer)
        clips = load_clips([*cycles, *gaps], settings, machine=machine, ledger=ledger, stage=f"read, enhancer {name}")
        answers = answer_clips(model, clips)
        scored = [answer for answer in answers if _label(answer) != BACKGROUND]
        if not scored:
            raise NoInput("no recording can be read", place=str(ledger.path))
        conditions.append(Condition(name, scored, [answer for answer in answers if _label(answer) == BACKGROUND]))
        file_name = PREDICTIONS_NAME if enhancer is enhancers[-1] else f"predictions-{name}.jsonl"
        write_lines(folder / file_name, (prediction_line(a, model.card.classes, name) for a in scored))
    return conditions


def score_condition(condition: Condition, classes: Sequence[str]) -> ConditionScores:
    """The numbers of one condition, intervals clustered by patient."""
    truth = [_label(answer) for answer in condition.answers]
    predicted = [answer.predicted for answer in condition.answers]
    patients = [answer.clip.utterance.speaker for answer in condition.answers]
    given = [not answer.abstained for answer in condition.answers]
    held = [label if is_given else WITHHELD for label, is_given in zip(predicted, given, strict=True)]
    answered = [index for index, is_given in enumerate(given) if is_given]
    background = condition.background
    return ConditionScores(
        enhancer=condition.enhancer,
        forced={spec.name: score_cell(spec, truth, predicted, patients, classes) for spec in SPECS},
        selective=score_cell(
            ICBHI_SCORE,
            [truth[i] for i in answered],
            [predicted[i] for i in answered],
            [patients[i] for i in answered],
            classes,
            asked=len(truth),
        ),
        withheld_wrong=score_cell(ICBHI_SCORE, truth, held, patients, (*classes, WITHHELD)),
        coverage=share_cell(given, patients),
        background_answered=share_cell([not a.abstained for a in background], [_patient(a) for a in background]),
        recalls={name: _recall(name, truth, predicted, patients) for name in classes},
    )


def _recall(name: str, truth: Sequence[str], predicted: Sequence[str], patients: Sequence[str]) -> Cell:
    of_class = [index for index, label in enumerate(truth) if label == name]
    return share_cell([predicted[i] == name for i in of_class], [patients[i] for i in of_class])


def _label(answer: Answer) -> str:
    return str(answer.clip.utterance.labels["breath"])


def _patient(answer: Answer) -> str:
    return answer.clip.utterance.speaker
