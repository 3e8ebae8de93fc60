"""The report of a breath classifier: what it scored, what it withheld, what enhancement changed."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from merit_cli.metrics.confusion import confusion_matrix
from merit_cli.reports.report import Cell, Clip, Column, Confusion, Entry, Example, Headline, Report, Table
from merit_cli.workflows.classify_breath.answers import Answer
from merit_cli.workflows.classify_breath.conditions import Condition, ConditionScores
from merit_cli.workflows.classify_breath.model_folder import BreathModelCard

RESEARCH_USE = "Research use, not a diagnosis."
METRIC_NAMES = {
    "icbhi_score": "Score",
    "icbhi_se": "Se, exact class",
    "icbhi_se_two_class": "Se, two-class",
    "icbhi_sp": "Sp",
}


def breath_report(
    conditions: Sequence[Condition],
    scores: Sequence[ConditionScores],
    *,
    card: BreathModelCard,
    notes: Sequence[str],
    split: str,
    folder: Path,
    provenance: Mapping[str, str],
) -> Report:
    """The report; its last condition is the one it is about.

    Args:
        conditions: Answers behind each front end.
        scores: Their numbers, in the same order.
        card: Of the model.
        notes: Of the corpus and of the statistics.
        split: That was scored.
        folder: Where the report will lie.
        provenance: Name to value.
    """
    synthetic = card.synthetic
    basis = f"{split} split, {len(conditions[0].answers)} cycles of {_num_patients(conditions[0])} patients"
    caption = (
        f"{'SYNTHETIC sounds. ' if synthetic else ''}{basis}, classes {', '.join(card.classes)}; one seed; 95 % "
        f"intervals resample patients. {RESEARCH_USE}"
    )
    return Report(
        title=f"Breath sounds: {'synthetic ' if synthetic else ''}{card.corpus.removeprefix('synthetic-')}",
        summary=(_summary(scores[-1], synthetic=synthetic), f"{RESEARCH_USE} The epoch was chosen by dev Score alone."),
        notes=tuple(notes),
        headlines=tuple(_headlines(scores[-1])),
        tables=(_score_table(scores, caption), _abstain_table(scores, caption), _recall_table(scores, card, caption)),
        confusions=tuple(_confusion(condition, card, caption) for condition in conditions),
        examples=tuple(_examples(conditions[-1], folder)),
        provenance=provenance,
    )


def metrics_json(scores: ConditionScores) -> dict[str, Any]:
    """The metrics of one condition as scripts read them."""
    cells = {
        **scores.forced,
        "coverage": scores.coverage,
        "icbhi_score_answered": scores.selective,
        "icbhi_score_withheld_wrong": scores.withheld_wrong,
        "background_answered": scores.background_answered,
    }
    return {
        name: {
            "mean": cell.mean,
            "low": cell.low,
            "high": cell.high,
            "unit": cell.unit,
            "n_scored": cell.n_scored,
            "n_total": cell.n_total,
        }
        for name, cell in cells.items()
    }


def _num_patients(condition: Condition) -> int:
    return len({answer.clip.utterance.speaker for answer in condition.answers})


def _summary(scores: ConditionScores, *, synthetic: bool) -> str:
    def text(name: str) -> str:
        mean = scores.forced[name].mean
        return "undefined" if mean is None else f"{mean:.3f}"

    where = "" if scores.enhancer == "none" else f" behind {scores.enhancer}"
    sentence = (
        f"Score {text('icbhi_score')}{where}: Se {text('icbhi_se')} (exact class; two-class "
        f"{text('icbhi_se_two_class')}), Sp {text('icbhi_sp')}."
    )
    return f"Synthetic sounds: this proves only that the code runs. {sentence}" if synthetic else sentence


def _headlines(scores: ConditionScores) -> list[Headline]:
    heads = [Headline(METRIC_NAMES[name], cell) for name, cell in scores.forced.items()]
    return [
        *heads,
        Headline("Cycles answered", scores.coverage),
        Headline("Background answered", scores.background_answered),
    ]


def _score_table(scores: Sequence[ConditionScores], caption: str) -> Table:
    columns = (Column("enhancer"), *(Column(METRIC_NAMES[name], "", True) for name in scores[0].forced))
    rows: tuple[tuple[Entry, ...], ...] = tuple((row.enhancer, *row.forced.values()) for row in scores)
    return Table("Scores, every cycle answered", caption, columns, rows, (len(rows) - 1,))


def _abstain_table(scores: Sequence[ConditionScores], caption: str) -> Table:
    columns = (
        Column("enhancer"),
        Column("cycles answered", "", True),
        Column("Score, answered cycles", "", True),
        Column("Score, withheld = wrong", "", True),
        Column("background-only answered", "", False),
    )
    rows = tuple(
        (row.enhancer, row.coverage, row.selective, row.withheld_wrong, row.background_answered) for row in scores
    )
    text = f"{caption} Thresholds from dev. Background: stretches of the same recordings that no cycle covers."
    return Table("Knowing when not to answer", text, columns, rows, (len(rows) - 1,))


def _recall_table(scores: Sequence[ConditionScores], card: BreathModelCard, caption: str) -> Table:
    columns = (Column("enhancer"), *(Column(name, "", True) for name in card.classes))
    rows: tuple[tuple[Entry, ...], ...] = tuple(
        (row.enhancer, *(row.recalls[name] for name in card.classes)) for row in scores
    )
    return Table("Recall by class", caption, columns, rows, (len(rows) - 1,))


def _confusion(condition: Condition, card: BreathModelCard, caption: str) -> Confusion:
    truth = [str(answer.clip.utterance.labels["breath"]) for answer in condition.answers]
    counts = confusion_matrix(truth, [answer.predicted for answer in condition.answers], list(card.classes))
    rows = tuple(tuple(int(count) for count in row) for row in counts)
    return Confusion(f"Enhancer: {condition.enhancer}", caption, card.classes, rows)


def _examples(condition: Condition, folder: Path) -> list[Example]:
    """The surest wrong answers, at most three, and the surest right one."""
    ordered = sorted(condition.answers, key=lambda answer: -answer.probability)
    wrong = [answer for answer in ordered if answer.predicted != answer.clip.utterance.labels["breath"]][:3]
    right = [answer for answer in ordered if answer.predicted == answer.clip.utterance.labels["breath"]][:1]
    shown = [_example(answer, "among the surest wrong answers", folder) for answer in wrong]
    return shown + [_example(answer, "the surest right answer", folder) for answer in right]


def _example(answer: Answer, why: str, folder: Path) -> Example:
    cycle = answer.clip.utterance
    facts = {
        "true": str(cycle.labels["breath"]),
        "answer": f"{answer.predicted} ({answer.probability:.2f})",
        "withheld": answer.reason or "no",
        "quality": f"{answer.clip.swing_db:.1f} dB swing",
        "patient": cycle.speaker,
    }
    path = Path(os.path.relpath(cycle.audio, folder.resolve())).as_posix()
    return Example(cycle.id, why, facts, (Clip("as recorded", path, cycle.start, cycle.num_samples),))


def score_texts(cell: Cell) -> str:
    """A cell as the terminal shows it.

    >>> score_texts(Cell(0.5, 0.4, 0.6, "", 10, 10))
    '0.500 [0.400, 0.600]'
    """
    from merit_cli.reports.tables import format_interval, format_number

    return " ".join(part for part in (format_number(cell.mean, cell.unit), format_interval(cell)) if part)
