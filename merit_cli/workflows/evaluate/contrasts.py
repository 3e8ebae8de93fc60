"""Several evaluated systems against the first of them: paired differences, adjusted p-values, verdicts."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from merit_cli.errors import BadData
from merit_cli.manifests.utterance import Utterance
from merit_cli.metrics.comparison import Comparison, Verdict, compare_sums, holm, verdict
from merit_cli.metrics.paired_tests import mcnemar_p, wilcoxon_p
from merit_cli.metrics.seeds import compare_over_seeds
from merit_cli.metrics.spec import MetricSpec
from merit_cli.metrics.statistics import (
    units_of,
)
from merit_cli.reports.report import Cell
from merit_cli.workflows.evaluate.cells import cell_of
from merit_cli.workflows.evaluate.field import Field, asked_of, rows_of, statistic_of, sums_of
from merit_cli.workflows.evaluate.groups import Grouping, Value, split_by

MARKS: Mapping[Verdict, str] = {"ahead": "▲", "behind": "▼", "not distinguishable": ""}


@dataclass(frozen=True)
class Contrast:
    """One system minus the baseline by one metric.

    Args:
        system: That is compared.
        spec: The metric.
        comparison: The paired difference.
        adjusted_p: After Holm's correction for all contrasts of its table.
        verdict: In words, by the interval and the adjusted p.
        n_scored: Utterances that both systems have a value for.
        n_total: Utterances that were asked for.
        other_test: Name and p-value of the test that readers may expect beside ours; None with several seeds.
    """

    system: str
    spec: MetricSpec
    comparison: Comparison
    adjusted_p: float
    verdict: Verdict
    n_scored: int
    n_total: int
    other_test: tuple[str, float] | None = None

    @property
    def cell(self) -> Cell:
        """The difference as a table shows it."""
        return cell_of(self.comparison.difference, self.spec.unit, self.n_scored, self.n_total)

    def to_data(self) -> dict[str, Any]:
        """As JSON data."""
        found = self.comparison.difference
        return {
            "system": self.system,
            "metric": self.spec.name,
            "difference": {"mean": found.mean, "low": found.low, "high": found.high, "unit": self.spec.unit},
            "p_value": self.comparison.p_value,
            "p_holm": self.adjusted_p,
            "verdict": self.verdict,
            "detectable": self.comparison.detectable,
            "other_test": dict([self.other_test]) if self.other_test else {},
            "n_scored": self.n_scored,
            "n_total": self.n_total,
        }


@dataclass(frozen=True)
class Split:
    """A table's worth of contrasts.

    Args:
        grouping: That the utterances are split by; None where all stand together.
        groups: Each value with its utterances.
        contrasts: Those of each group, in the same order.
    """

    grouping: Grouping | None
    groups: list[tuple[Value, list[Utterance]]]
    contrasts: list[list[Contrast]]


def contrasts_by(field: Field, grouping: Grouping | None = None) -> Split:
    """Every other system by every metric in each group; p-values adjusted over all of them together."""
    groups: list[tuple[Value, list[Utterance]]] = [("all", list(field.utterances))]
    if grouping:
        groups = split_by(field.utterances, grouping)
    return Split(grouping, groups, _contrasts(field, [members for _, members in groups]))


def _contrasts(field: Field, groups: Sequence[Sequence[Utterance]]) -> list[list[Contrast]]:
    found: dict[str, tuple[int, Contrast]] = {}
    for number, members in enumerate(groups):
        for one in _raw(field, members):
            found[f"{number}\t{one.system}\t{one.spec.name}"] = (number, one)
    adjusted = holm({key: one.comparison.p_value for key, (_, one) in found.items()})
    made: list[list[Contrast]] = [[] for _ in groups]
    for key, (number, one) in found.items():
        word = verdict(one.comparison, higher_is_better=one.spec.higher_is_better, p_value=adjusted[key])
        made[number].append(replace(one, adjusted_p=adjusted[key], verdict=word))
    return made


def _raw(field: Field, members: Sequence[Utterance]) -> Iterator[Contrast]:
    for name in field.others:
        for spec in field.specs:
            if not (field.has(name, spec) and field.has(field.baseline, spec)):
                continue
            asked = asked_of(field, spec, members)
            rows = rows_of(field, [name, field.baseline], spec, asked)
            try:
                comparison = _compare(field, name, spec, rows)
            except BadData:  # undefined on these rows; the table shows the cells without a value
                continue
            other = _other_test(field, name, spec, rows)
            yield Contrast(
                name, spec, comparison, comparison.p_value, "not distinguishable", len(rows), len(asked), other
            )


def _other_test(field: Field, name: str, spec: MetricSpec, rows: Sequence[Utterance]) -> tuple[str, float] | None:
    """Wilcoxon's over speakers for values, McNemar's over utterances for labels."""
    own, base = field.systems[name], field.systems[field.baseline]
    if len(own) > 1 or len(base) > 1 or spec.kind == "probability":
        return None
    if spec.kind == "signal":
        first, second = (np.array([run.scores[spec.name][one.id] for one in rows], float) for run in (own[0], base[0]))
        return "wilcoxon_p", wilcoxon_p(first, second, [one.speaker for one in rows])
    right = [[run.predictions[one.id].predicted == field.true[one.id] for one in rows] for run in (own[0], base[0])]
    return "mcnemar_p", mcnemar_p(*right)


def _compare(field: Field, name: str, spec: MetricSpec, rows: Sequence[Utterance]) -> Comparison:
    if not rows:
        raise BadData("no item was scored by both systems", place=name)
    units, statistic = units_of([one.speaker for one in rows]), statistic_of(spec)
    own, base = (sums_of(field, system, spec, rows, units) for system in (name, field.baseline))
    num_seeds = max(len(own), len(base))
    if num_seeds == 1:
        return compare_sums(own[0], base[0], statistic, units, seed=field.seed)
    own, base = (np.broadcast_to(sums, (num_seeds, *sums.shape[1:])) for sums in (own, base))
    return compare_over_seeds(own, base, statistic, units, seed=field.seed)
