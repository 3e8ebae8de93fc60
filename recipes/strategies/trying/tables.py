"""From answers to the page: each strategy in each condition, and beside the reference on the same utterances."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from trying.grid import Grid, Strategy
from trying.trial import manifest_of

from merit_cli.manifests.predictions import read_predictions
from merit_cli.manifests.read_write import read_manifest
from merit_cli.manifests.utterance import Utterance
from merit_cli.metrics.comparison import Comparison, holm, verdict
from merit_cli.metrics.confusion import cluster_confusions
from merit_cli.metrics.emotion import MACRO_F1, UAR
from merit_cli.metrics.seeds import compare_over_seeds, seed_interval
from merit_cli.metrics.spec import FloatArray, MetricSpec
from merit_cli.metrics.statistics import FEW_CLUSTERS, Units, units_of
from merit_cli.reports.report import Cell, Column, Entry, Table
from merit_cli.workers import Machine
from merit_cli.workflows.evaluate.emotion import level_duration_predictions

LEVEL_DURATION = "level + duration"
Conditions = Mapping[str, Sequence[Utterance]]


class Answered:
    """Counts (S, K, C, C) by seed and speaker of every strategy in every condition.

    Args:
        found: Strategy to its predictions, one mapping of id to label a seed.
        conditions: Name to utterances.
    """

    def __init__(self, found: Mapping[str, Sequence[Mapping[str, str]]], conditions: Conditions) -> None:
        self.found, self.conditions = found, conditions
        everyone = [one for members in conditions.values() for one in members]
        said = {label for by_seed in found.values() for by_id in by_seed for label in by_id.values()}
        self.labels = sorted({*said, *(_truth(one) for one in everyone)})
        self.units: dict[str, Units] = {
            name: units_of([one.speaker for one in members]) for name, members in conditions.items()
        }

    def counts(self, strategy: str, condition: str) -> FloatArray:
        """Of one strategy in one condition."""
        members, codes = self.conditions[condition], self.units[condition].codes
        truth = [_truth(one) for one in members]
        by_seed = [
            cluster_confusions(truth, [by_id[one.id] for one in members], codes, self.labels)
            for by_id in self.found[strategy]
        ]
        return np.stack(by_seed).astype(np.float64)

    def cell(self, strategy: str, condition: str, spec: MetricSpec) -> Cell:
        """The score with its interval over seeds and speakers."""
        found = seed_interval(self.counts(strategy, condition), spec.compute, self.units[condition]).interval
        return self._cell(found.mean, found.low, found.high, condition)

    def difference(self, first: str, second: str, condition: str, spec: MetricSpec) -> Comparison:
        """The first strategy minus the second, paired by utterance."""
        both = [self.counts(name, condition) for name in (first, second)]
        return compare_over_seeds(both[0], both[1], spec.compute, self.units[condition], seed=0)

    def _cell(self, mean: float, low: float | None, high: float | None, condition: str) -> Cell:
        count = len(self.conditions[condition])
        return Cell(mean, low, high, "", count, count)


def read_answers(
    trials: Mapping[str, Sequence[Sequence[Path]]], folds: Sequence[Conditions], data: Sequence[Path]
) -> Answered:
    """The answers of all trials put together, and those of a regression on level and duration, which need no seed.

    Args:
        trials: Strategy to its predictions, a list of folds for each seed.
        folds: Conditions of each fold, the same names in all.
        data: Manifest of each fold, or its folder.
    """
    found: dict[str, list[dict[str, str]]] = {
        name: [{one.id: one.predicted for path in paths for one in read_predictions(path)} for paths in by_seed]
        for name, by_seed in trials.items()
    }
    whole = {name: [one for fold in folds for one in fold[name]] for name in folds[0]}
    said: dict[str, str] = {}
    for fold, path in zip(folds, data, strict=True):
        train = [one for one in read_manifest(manifest_of(path)) if one.split == "train"]
        asked = [one for members in fold.values() for one in members]
        said |= level_duration_predictions(train, asked, machine=Machine())
    if all(one.id in said for members in whole.values() for one in members):
        num_seeds = len(next(iter(trials.values())))
        found = {LEVEL_DURATION: [said] * num_seeds, **found}
    return Answered(found, whole)


def score_table(grid: Grid, answered: Answered, spec: MetricSpec) -> Table:
    """A score of every strategy, clean and noisy side by side."""
    rows: list[tuple[Entry, ...]] = [
        (name, *(answered.cell(name, condition, spec) for condition in answered.conditions)) for name in answered.found
    ]
    columns = (Column("strategy"), *(Column(name, "", higher_is_better=True) for name in answered.conditions))
    caption = (
        f"{spec.name} of {', '.join(answered.labels)} on the test split, mean over seeds {list(grid.seeds)}; 95 % t "
        f"interval over seeds and {_units(answered)}; utterances scored/total. Every strategy learned from the noisy "
        "train split; clean are the same utterances without their noise."
    )
    return Table(f"Strategies, {spec.name}", caption, columns, tuple(rows))


def contrast_table(grid: Grid, found: Sequence[Strategy], answered: Answered, spec: MetricSpec) -> Table:
    """Every strategy minus the reference in each condition, with p-values adjusted for their number."""
    reference, others = found[0].name, [one.name for one in found[1:]]
    compared = {
        (name, condition): answered.difference(name, reference, condition, spec)
        for name in others
        for condition in answered.conditions
    }
    adjusted = holm({f"{name}|{condition}": one.p_value for (name, condition), one in compared.items()})
    rows: list[tuple[Entry, ...]] = []
    for (name, condition), one in compared.items():
        p_value, count = adjusted[f"{name}|{condition}"], len(answered.conditions[condition])
        cell = Cell(one.difference.mean, one.difference.low, one.difference.high, "", count, count)
        seen = "not known" if one.detectable is None else f"{one.detectable:.3f}"
        word = verdict(one, higher_is_better=True, p_value=p_value)
        rows.append((name, condition, cell, f"{one.p_value:.4f}", f"{p_value:.4f}", seen, word))
    names = ("strategy", "condition", f"{spec.name} minus reference", "p", "p by Holm", "detectable", "verdict")
    caption = (
        f"Minus {reference}, on the same utterances and seed by seed ({list(grid.seeds)}); t interval over seeds and "
        f"{_units(answered)}, p the larger of its own and that of exchanging the two within speakers; Holm over all "
        f"{len(compared)} rows; detectable: the true difference seen with power .8."
    )
    return Table(f"Against {reference}", caption, tuple(Column(name) for name in names), tuple(rows))


def _units(answered: Answered) -> str:
    units = next(iter(answered.units.values()))
    few = "few clusters" if units.num_clusters < FEW_CLUSTERS else ""
    remarks = "; ".join(part for part in (units.note, few) if part)
    return f"{units.num_clusters} speakers" + (f" ({remarks})" if remarks else "")


def _truth(one: Utterance) -> str:
    return str(one.labels["emotion"])


def page_tables(grid: Grid, found: Sequence[Strategy], answered: Answered) -> list[Table]:
    """Macro-F1, UAR and, where there are several strategies, the differences."""
    tables = [score_table(grid, answered, spec) for spec in (MACRO_F1, UAR)]
    return tables if len(found) < 2 else [*tables, contrast_table(grid, found, answered, MACRO_F1)]
