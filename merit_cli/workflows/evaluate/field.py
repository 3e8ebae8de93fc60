"""The ground on which systems are compared: utterances that all of them have, and one system's value on some."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from merit_cli.errors import BadData
from merit_cli.manifests.utterance import Utterance
from merit_cli.metrics.confusion import cluster_confusions, label_codes
from merit_cli.metrics.seeds import seed_interval
from merit_cli.metrics.spec import FloatArray, MetricSpec
from merit_cli.metrics.statistics import (
    Statistic,
    Units,
    mean_statistics,
    ratio_of_sums,
    unit_interval,
    units_of,
    within,
)
from merit_cli.reports.report import Cell
from merit_cli.workflows.evaluate.cells import cell_of
from merit_cli.workflows.evaluate.emotion import in_order
from merit_cli.workflows.evaluate.items import Evaluated


@dataclass(frozen=True)
class Field:
    """The systems and the ground on which they are compared.

    Args:
        systems: Under a name each, one evaluation for each seed of training; the first is the baseline.
        utterances: That all of them have, in the order of the baseline.
        true: Id to true label.
        labels: Every class of any system.
        specs: The metrics.
        seed: Of the resampling.
    """

    systems: Mapping[str, Sequence[Evaluated]]
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
        return all(_answers(one, spec, self.true) for one in self.systems[name])


def _answers(one: Evaluated, spec: MetricSpec, true: Mapping[str, str]) -> bool:
    if spec.kind == "signal":
        return spec.name in one.scores
    if spec.kind == "attribute" or not true:
        return False
    if spec.kind == "probability":
        return any(said.probabilities for said in one.predictions.values())
    return any(said.predicted for said in one.predictions.values())


def common_field(systems: Mapping[str, Sequence[Evaluated]], specs: Sequence[MetricSpec], *, seed: int) -> Field:
    """What all systems have in common.

    Raises:
        BadData: They have no utterance in common, or not the same true label for one.
    """
    runs = [(name, one) for name, members in systems.items() for one in members]
    shared = [
        one for key, one in runs[0][1].utterances.items() if all(key in other.utterances for _, other in runs[1:])
    ]
    if not shared:
        raise BadData(
            "the evaluations have no utterance in common",
            place=" and ".join(str(one.path) for _, one in runs),
            hint="evaluate the systems on the same mixtures",
        )
    true: dict[str, str] = {}
    for name, system in runs:
        for one in shared:
            label = system.true.get(one.id)
            if label is not None and true.setdefault(one.id, label) != label:
                raise BadData(f"the true label of {one.id!r} differs: {true[one.id]!r} and {label!r}", place=name)
    labels = in_order({label for _, system in runs for label in system.labels})
    made = Field(systems, tuple(shared), true, labels, tuple(specs), seed)
    kept = tuple(spec for spec in specs if sum(made.has(name, spec) for name in systems) > 1)
    return replace(made, specs=kept)


def field_cell(field: Field, name: str, spec: MetricSpec, members: Sequence[Utterance]) -> Cell:
    """One system's value over some of the common utterances, over all its seeds."""
    asked = asked_of(field, spec, members)
    rows = rows_of(field, [name], spec, asked)
    if not rows:
        return Cell(None, unit=spec.unit, n_total=len(asked))
    units = units_of([one.speaker for one in rows])
    try:
        sums = sums_of(field, name, spec, rows, units)
        statistic = statistic_of(spec)
        if len(sums) > 1:
            interval = seed_interval(sums, statistic, units).interval
        else:
            interval = unit_interval(sums[0], statistic, units, seed=field.seed)
    except BadData:  # undefined on these rows
        return Cell(None, unit=spec.unit, n_total=len(asked))
    return cell_of(within(interval, spec.range), spec.unit, len(rows), len(asked))


def asked_of(field: Field, spec: MetricSpec, members: Sequence[Utterance]) -> list[Utterance]:
    """Those that a metric could be had for: all, or those with a true label."""
    return [one for one in members if spec.kind == "signal" or one.id in field.true]


def rows_of(field: Field, names: Sequence[str], spec: MetricSpec, asked: Sequence[Utterance]) -> list[Utterance]:
    """Those that every seed of these systems has a value for."""
    runs = [run for name in names for run in field.systems[name]]
    return [one for one in asked if all(_has_value(run, spec, one.id) for run in runs)]


def _has_value(run: Evaluated, spec: MetricSpec, key: str) -> bool:
    if spec.kind == "signal":
        return run.scores.get(spec.name, {}).get(key) is not None
    said = run.predictions.get(key)
    return said is not None and bool(said.probabilities if spec.kind == "probability" else said.predicted)


def statistic_of(spec: MetricSpec) -> Statistic:
    """What makes a value of the sums that `sums_of` gives."""
    return ratio_of_sums if spec.kind == "signal" else spec.compute


def sums_of(field: Field, name: str, spec: MetricSpec, rows: Sequence[Utterance], units: Units) -> FloatArray:
    """Sufficient statistics (S, K, ...) of each seed and unit."""
    return np.stack([_run_sums(field, run, spec, rows, units) for run in field.systems[name]])


def _run_sums(field: Field, run: Evaluated, spec: MetricSpec, rows: Sequence[Utterance], units: Units) -> FloatArray:
    if spec.kind == "signal":
        return mean_statistics(np.array([run.scores[spec.name][one.id] for one in rows], dtype=np.float64), units)
    reference, said = [field.true[one.id] for one in rows], [run.predictions[one.id] for one in rows]
    if spec.kind == "probability":
        assert spec.sufficient is not None, f"{spec.name} has no sums"
        table = np.array([[one.probabilities.get(label, 0.0) for label in field.labels] for one in said])
        return spec.sufficient(label_codes(reference, field.labels), table, units.codes, units.num_units)
    predicted = [one.predicted for one in said]
    return cluster_confusions(reference, predicted, units.codes, field.labels).astype(np.float64)
