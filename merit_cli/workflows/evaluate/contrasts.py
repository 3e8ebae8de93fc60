"""Several evaluated systems against the first of them, on the utterances they all have."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from merit_cli.errors import BadData
from merit_cli.manifests.utterance import Utterance
from merit_cli.metrics.comparison import Comparison, Verdict, compare_means, compare_scores, holm, pair_by_id, verdict
from merit_cli.metrics.spec import MetricSpec
from merit_cli.reports.report import Cell
from merit_cli.workflows.evaluate.cells import cell_of, label_cell, mean_cell
from merit_cli.workflows.evaluate.groups import Grouping, Value, split_by
from merit_cli.workflows.evaluate.items import Evaluated

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
    """

    system: str
    spec: MetricSpec
    comparison: Comparison
    adjusted_p: float
    verdict: Verdict
    n_scored: int
    n_total: int

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
            "n_scored": self.n_scored,
            "n_total": self.n_total,
        }


@dataclass(frozen=True)
class Field:
    """The systems and the ground on which they are compared.

    Args:
        systems: Under a name each; the first is the baseline.
        utterances: That all of them have, in the order of the baseline.
        true: Id to true label.
        labels: Every class of any system.
        specs: The metrics.
        seed: Of the resampling.
    """

    systems: Mapping[str, Evaluated]
    utterances: tuple[Utterance, ...]
    true: Mapping[str, str]
    labels: tuple[str, ...]
    specs: tuple[MetricSpec, ...]
    seed: int

    @property
    def baseline(self) -> str:
        """Name of the first system."""
        return next(iter(self.systems))

    @property
    def others(self) -> tuple[str, ...]:
        """Names of the rest."""
        return tuple(self.systems)[1:]

    def has(self, name: str, spec: MetricSpec) -> bool:
        """Whether a system was scored by a metric at all."""
        one = self.systems[name]
        return spec.name in one.scores if spec.kind == "signal" else bool(one.predictions) and bool(self.true)


def common_field(systems: Mapping[str, Evaluated], specs: Sequence[MetricSpec], *, seed: int) -> Field:
    """What all systems have in common.

    Raises:
        BadData: They have no utterance in common, or not the same true label for one.
    """
    first, *others = systems.values()
    shared = [one for key, one in first.utterances.items() if all(key in other.utterances for other in others)]
    if not shared:
        raise BadData(
            "the evaluations have no utterance in common",
            place=" and ".join(str(one.path) for one in systems.values()),
            hint="evaluate the systems on the same mixtures",
        )
    true: dict[str, str] = {}
    for name, system in systems.items():
        for one in shared:
            label = system.true.get(one.id)
            if label is not None and true.setdefault(one.id, label) != label:
                raise BadData(f"the true label of {one.id!r} differs: {true[one.id]!r} and {label!r}", place=name)
    labels = tuple(sorted({label for system in systems.values() for label in system.labels}))
    made = Field(systems, tuple(shared), true, labels, tuple(specs), seed)
    kept = tuple(spec for spec in specs if sum(made.has(name, spec) for name in systems) > 1)
    return replace(made, specs=kept)


def field_cell(field: Field, name: str, spec: MetricSpec, members: Sequence[Utterance]) -> Cell:
    """One system's value over some of the common utterances."""
    system, speakers = field.systems[name], [one.speaker for one in members]
    if spec.kind == "signal":
        values = [system.scores.get(spec.name, {}).get(one.id) for one in members]
        return mean_cell(values, speakers, unit=spec.unit, seed=field.seed)
    scored = [one for one in members if one.id in field.true and one.id in system.predictions]
    return label_cell(
        spec,
        [field.true[one.id] for one in scored],
        [system.predictions[one.id].predicted for one in scored],
        [one.speaker for one in scored],
        labels=field.labels,
        n_total=sum(one.id in field.true for one in members),
        seed=field.seed,
    )


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
            if field.has(name, spec) and field.has(field.baseline, spec):
                compare = _compare_signals if spec.kind == "signal" else _compare_labels
                try:
                    comparison, scored, total = compare(field, name, spec, members)
                except BadData:  # undefined on these rows; the table shows the cells without a value
                    continue
                yield Contrast(name, spec, comparison, comparison.p_value, "not distinguishable", scored, total)


def _compare_signals(
    field: Field, name: str, spec: MetricSpec, members: Sequence[Utterance]
) -> tuple[Comparison, int, int]:
    speaker = {one.id: one.speaker for one in members}
    own, base = (
        {key: value for key, value in field.systems[system].scores[spec.name].items() if key in speaker}
        for system in (name, field.baseline)
    )
    ids, first, second = pair_by_id(own, base)
    return compare_means(first, second, [speaker[key] for key in ids], seed=field.seed), len(ids), len(members)


def _compare_labels(
    field: Field, name: str, spec: MetricSpec, members: Sequence[Utterance]
) -> tuple[Comparison, int, int]:
    own, base = (field.systems[system].predictions for system in (name, field.baseline))
    labelled = [one for one in members if one.id in field.true]
    rows = [one for one in labelled if one.id in own and one.id in base]
    comparison = compare_scores(
        spec,
        [field.true[one.id] for one in rows],
        [own[one.id].predicted for one in rows],
        [base[one.id].predicted for one in rows],
        [one.speaker for one in rows],
        labels=field.labels,
        seed=field.seed,
    )
    return comparison, len(rows), len(labelled)
