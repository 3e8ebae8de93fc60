"""The JSON of an evaluation: a system's metrics, its groups, and every number that could not be had."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from merit_cli.manifests.utterance import Utterance
from merit_cli.reports.report import Cell
from merit_cli.workflows.evaluate.attributes import rated_cell
from merit_cli.workflows.evaluate.cells import mean_cell
from merit_cli.workflows.evaluate.emotion import row_cell as label_row_cell
from merit_cli.workflows.evaluate.findings import Findings
from merit_cli.workflows.evaluate.groups import STATIONARY, Grouping, split_by

NO_PREDICTION = "there is no prediction for it"
CellData = dict[str, Any]  # mean, low, high, unit, n_scored, n_total


@dataclass(frozen=True)
class EvaluateSummary:
    """What scripts may rely on.

    Args:
        metrics: Canonical name to mean, low, high, unit, n_scored, n_total, over all utterances.
        groups: The same for each value of each grouping, under ``by``.
        failed: Each number that could not be had: id, metric, reason.
        report: Path of the HTML page.
    """

    metrics: dict[str, CellData]
    groups: list[dict[str, Any]]
    failed: list[dict[str, str]]
    report: str


def summarise(findings: Findings, *, report: str) -> EvaluateSummary:
    """The summary of what was found about the system itself, baselines left out."""
    groups = [
        {"by": {grouping.key: value}, "metrics": metrics_of(findings, members)}
        for grouping in _groupings(findings)
        for value, members in split_by(findings.material.utterances, grouping)
    ]
    return EvaluateSummary(metrics_of(findings, findings.material.utterances), groups, failures(findings), report)


def _groupings(findings: Findings) -> Sequence[Grouping]:
    stationary = Grouping(STATIONARY, STATIONARY, lambda one: one.info.get(STATIONARY))
    return (*findings.groupings, stationary)


def metrics_of(findings: Findings, members: Sequence[Utterance]) -> dict[str, CellData]:
    """Each metric of the system over some utterances."""
    found: dict[str, CellData] = {}
    ids = {one.id for one in members}
    if findings.classified:
        labelled = [one for one in findings.classified.utterances if one.id in ids]
        for spec in findings.classified.metrics if labelled else ():
            found[spec.name] = cell_data(
                label_row_cell(findings.classified, findings.classified.system, spec, labelled)
            )
    if findings.scored:
        paired = [one for one in findings.pairs.utterances if one.id in ids]
        for spec in findings.scored.metrics if paired else ():
            values = findings.scored.book.values(findings.scored.system, spec.name, [one.id for one in paired])
            cell = mean_cell(values, [one.speaker for one in paired], unit=spec.unit, seed=findings.scored.seed)
            found[spec.name] = cell_data(cell)
    if findings.rated:
        rated = [one for one in findings.rated.utterances if one.id in ids]
        for name in findings.rated.true if rated else ():
            for spec in findings.rated.metrics:
                found[f"{spec.name}_{name}"] = cell_data(rated_cell(findings.rated, name, spec, rated))
    return found


def cell_data(cell: Cell) -> CellData:
    """A cell as JSON data."""
    return {
        "mean": cell.mean,
        "low": cell.low,
        "high": cell.high,
        "unit": cell.unit,
        "n_scored": cell.n_scored,
        "n_total": cell.n_total,
    }


def failures(findings: Findings) -> list[dict[str, str]]:
    """Each number of the system that could not be had, by id and metric."""
    found = []
    if findings.scored:
        for (system, metric, item_id), score in findings.scored.book.scores.items():
            if system == findings.scored.system and score.value is None:
                found.append({"id": item_id, "metric": metric, "reason": score.reason})
    if findings.classified:
        said = findings.classified.predicted[findings.classified.system]
        for one in findings.classified.utterances:
            if one.id not in said:
                found += [
                    {"id": one.id, "metric": spec.name, "reason": findings.material.bad.get(one.id, NO_PREDICTION)}
                    for spec in findings.classified.metrics
                ]
    return sorted(found, key=lambda line: (line["id"], line["metric"]))
