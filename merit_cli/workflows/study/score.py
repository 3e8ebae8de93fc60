"""``merit classify-breath study score``: the raters' files against the key."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from merit_cli.io.hashing import sha256_of_file
from merit_cli.io.jsonl import write_lines
from merit_cli.io.run_dir import open_run
from merit_cli.metrics.statistics import FEW_CLUSTERS
from merit_cli.reports.write import write_report
from merit_cli.workers import Machine
from merit_cli.workflows.study.answers import Row, read_answers, read_key
from merit_cli.workflows.study.reporting import comparison_json, study_report
from merit_cli.workflows.study.scoring import METRICS, StudyAnswers, kappas, score_arm

SCORE_COMMAND = "classify-breath-study-score"


@dataclass(frozen=True)
class StudyScores:
    """What a study gave; the JSON that scripts rely on.

    Args:
        study: Opaque id.
        raters: Who answered.
        answers: First hearings.
        arms: Arm to metric to value, interval and counts.
        contrasts: Each arm less the noisy one.
        kappa: Rater to kappa over hidden duplicates; ``all`` has them together.
        notes: What must stand beside the numbers.
        report: Path of the page.
    """

    study: str
    raters: list[str]
    answers: int
    arms: dict[str, dict[str, Any]]
    contrasts: list[dict[str, Any]]
    kappa: dict[str, float | None]
    notes: list[str] = field(default_factory=list)
    report: str = ""


def run_study_score(
    key_path: Path, answers: Sequence[Path], *, output: Path | None, machine: Machine
) -> tuple[Path, StudyScores, bool]:
    """Score a study into a run folder; returns the folder, the scores, and whether they were there already.

    Raises:
        NoInput: The key or a file of answers is missing, or no answer is finished.
        BadData: One of them cannot be used.
        UsageError: The folder holds another run.
    """
    key = read_key(key_path)
    rows, notes = read_answers(key, answers)
    inputs = {f"answers {number}": sha256_of_file(path) for number, path in enumerate(sorted(answers))}
    place = key_path / "key" / "key.json" if key_path.is_dir() else key_path
    run = open_run(
        output,
        command=SCORE_COMMAND,
        name=f"study-{key.study}",
        recipe={"study": key.study},
        inputs={"key": sha256_of_file(place), **inputs},
        runs_dir=machine.runs_dir,
        overwrite=machine.overwrite,
    )
    if run.state == "done":
        return run.path, StudyScores(**run.summary()), True
    scored = StudyAnswers(rows)
    raters = sorted({row.rater for row in rows})
    all_notes = [*key.notes, *notes, *_basis_notes(rows)]
    report, compared = study_report(key, rows, all_notes)
    page = write_report(report, run.path)
    write_lines(run.path / "answers.jsonl", (asdict(row) for row in rows))
    scores = StudyScores(
        study=key.study,
        raters=raters,
        answers=len(scored.rows),
        arms={arm: _arm_json(scored, arm) for arm in key.arms},
        contrasts=[comparison_json(one) for one in compared],
        kappa={name: kappa for name, (kappa, _) in kappas(rows).items()},
        notes=all_notes,
        report=str(page),
    )
    run.finish(asdict(scores))
    return run.path, scores, False


def _basis_notes(rows: Sequence[Row]) -> list[str]:
    raters = len({row.rater for row in rows})
    patients = len({row.patient for row in rows})
    notes = [
        f"Few {what}: {count}; intervals are t intervals."
        for what, count in (("raters", raters), ("patients", patients))
        if count < FEW_CLUSTERS
    ]
    if 2.0 ** (1 - raters) > 0.05:
        notes.append(f"With {raters} raters no exact p lies under {2.0 ** (1 - raters):.3g}.")
    return notes


def _arm_json(answers: StudyAnswers, arm: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for metric in METRICS:
        score = score_arm(answers, metric, arm)
        if score is None:
            found[metric.name] = {"mean": None, "low": None, "high": None, "n": 0}
        else:
            interval = score.interval
            found[metric.name] = {
                "mean": interval.mean,
                "low": interval.low,
                "high": interval.high,
                "n": score.num_answers,
            }
    return found
