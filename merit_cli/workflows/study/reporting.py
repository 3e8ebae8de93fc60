"""The report of a listening study."""

from collections.abc import Sequence

from merit_cli.metrics.comparison import Comparison
from merit_cli.metrics.statistics import Interval
from merit_cli.reports.report import Cell, Column, Entry, Headline, Report, Table
from merit_cli.workflows.study.answers import Row, StudyKey
from merit_cli.workflows.study.page import NONE_FITS, UNUSABLE
from merit_cli.workflows.study.scoring import (
    METRICS,
    PRIMARY,
    ArmScore,
    Contrast,
    StudyAnswers,
    contrasts,
    kappas,
    score_arm,
)

RESEARCH_USE = "Research use, not a diagnosis."


def study_report(key: StudyKey, rows: Sequence[Row], notes: Sequence[str]) -> tuple[Report, list[Contrast]]:
    """The report, and the contrasts it is about."""
    answers = StudyAnswers(rows)
    scores = {(m.name, arm): score_arm(answers, m, arm) for m in METRICS for arm in key.arms}
    compared = contrasts(answers, key.arms)
    primary = next((one for one in compared if one.primary), None)
    raters, patients = (len({getattr(row, name) for row in answers.rows}) for name in ("rater", "patient"))
    basis = (
        f"{len(answers.rows)} answers of {raters} raters to {len({row.clip for row in answers.rows})} clips of "
        f"{patients} patients; hidden duplicates left out. 95 % t intervals clustered by rater and by patient. "
        f"{RESEARCH_USE}"
    )
    report = Report(
        title="Listening study",
        summary=(_summary(primary), f"{RESEARCH_USE} None fits and unusable count as wrong answers."),
        notes=tuple(notes),
        headlines=_headlines(scores, key.arms),
        tables=(
            _arm_table(scores, key.arms, basis),
            _contrast_table(compared, basis),
            _answer_table(answers.rows, key, basis),
            _kappa_table(rows),
        ),
        provenance={"study": key.study, "raters": str(raters)},
    )
    return report, compared


def _summary(primary: Contrast | None) -> str:
    if primary is None:
        return (
            "The primary contrast, a difference of Scores, could not be computed: normal and abnormal clips are needed."
        )
    difference = primary.comparison.difference
    ends = "" if difference.low is None else f" [{difference.low:+.3f}, {difference.high:+.3f}]"
    return (
        f"Primary contrast, fixed beforehand: Score of {primary.arm} less {primary.against} is "
        f"{difference.mean:+.3f}{ends}, p {primary.p_value:.3f}: {primary.verdict}."
    )


def _cell(interval: Interval, num_rows: int) -> Cell:
    return Cell(interval.mean, interval.low, interval.high, "", num_rows, num_rows)


def score_cell(score: ArmScore | None) -> Cell:
    """The number of an arm as a report shows it."""
    return Cell(None, remark="undefined") if score is None else _cell(score.interval, score.num_answers)


def _headlines(scores: dict[tuple[str, str], ArmScore | None], arms: Sequence[str]) -> tuple[Headline, ...]:
    return tuple(Headline(f"Score, {arm}", score_cell(scores[PRIMARY, arm])) for arm in arms[:6])


def _arm_table(scores: dict[tuple[str, str], ArmScore | None], arms: Sequence[str], basis: str) -> Table:
    columns = (Column("arm"), *(Column(m.words, "", m.higher_is_better) for m in METRICS))
    rows: tuple[tuple[Entry, ...], ...] = tuple(
        (arm, *(score_cell(scores[m.name, arm]) for m in METRICS)) for arm in arms
    )
    return Table("What was heard, by arm", basis, columns, rows)


def _contrast_table(compared: Sequence[Contrast], basis: str) -> Table:
    columns = (Column("metric"), Column("arm"), Column("less"), Column("difference"), Column("p"), Column("verdict"))
    words = {m.name: m.words for m in METRICS}
    rows: tuple[tuple[Entry, ...], ...] = tuple(
        (
            f"{words[one.metric]}{' (primary)' if one.primary else ''}",
            one.arm,
            one.against,
            _cell(one.comparison.difference, one.num_answers),
            f"{one.p_value:.3f}",
            one.verdict,
        )
        for one in compared
    )
    notes = {one.comparison.note for one in compared if one.comparison.note}
    how = "p: exact exchange of the two arms within raters; but for the primary, Holm's over the metrics of an arm."
    text = " ".join([basis, how, *sorted(notes)])
    strong = tuple(place for place, one in enumerate(compared) if one.primary)
    return Table("Arm against arm", text, columns, rows, strong)


def _kappa_table(rows: Sequence[Row]) -> Table:
    columns = (Column("rater"), Column("kappa", "", True), Column("pairs"))
    found: tuple[tuple[Entry, ...], ...] = tuple(
        (name, Cell(kappa, n_scored=count, n_total=count, remark="" if kappa is not None else "undefined"), str(count))
        for name, (kappa, count) in kappas(rows).items()
    )
    return Table("Each rater against himself", "Cohen's kappa over hidden duplicates, six answers.", columns, found)


def _answer_table(rows: Sequence[Row], key: StudyKey, basis: str) -> Table:
    """What was said of each true class, in each arm."""
    labels = (*key.labels, NONE_FITS, UNUSABLE)
    truths = [label for label in key.labels if any(row.truth == label for row in rows)]
    found: list[tuple[Entry, ...]] = []
    for arm in key.arms:
        for truth in truths:
            said = [row.label for row in rows if row.arm == arm and row.truth == truth]
            found.append((arm, truth, *(_share(said.count(label), len(said)) for label in labels)))
    columns = (Column("arm"), Column("true"), *(Column(label) for label in labels))
    return Table("What was said of what", f"Answers, and their share of the true class. {basis}", columns, tuple(found))


def _share(count: int, total: int) -> str:
    return f"{count} ({100 * count / total:.0f} %)" if total else "0"


def comparison_json(one: Contrast) -> dict[str, object]:
    """A contrast as scripts read it."""
    comparison: Comparison = one.comparison
    return {
        "metric": one.metric,
        "arm": one.arm,
        "against": one.against,
        "difference": comparison.difference.mean,
        "low": comparison.difference.low,
        "high": comparison.difference.high,
        "p": one.p_value,
        "verdict": one.verdict,
        "primary": one.primary,
    }
