"""Scores of one breath recipe under several seeds, from the predictions of each."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from merit_cli.errors import BadData
from merit_cli.io.jsonl import read_lines
from merit_cli.manifests.predictions import PREDICTIONS_NAME
from merit_cli.metrics.confusion import cluster_confusions
from merit_cli.metrics.seeds import seed_interval
from merit_cli.metrics.statistics import units_of, within
from merit_cli.reports.report import Cell, Column, Entry, Headline, Report, Table
from merit_cli.workflows.classify_breath.conditions import SPECS
from merit_cli.workflows.classify_breath.reporting import METRIC_NAMES, RESEARCH_USE


@dataclass(frozen=True)
class SeedScores:
    """One front end under every seed.

    Args:
        enhancer: Its name; ``none`` for the recordings as they are.
        values: Canonical metric name to each seed's value; None where it is undefined.
        means: Canonical name to the mean over seeds with its interval over seeds and patients.
        sd_seeds: Canonical name to the standard deviation of one model's score that the seed alone makes; None where
            there is no interval.
        num_cycles: Scored.
        num_patients: They come from.
    """

    enhancer: str
    values: dict[str, list[float | None]]
    means: dict[str, Cell]
    sd_seeds: dict[str, float | None]
    num_cycles: int
    num_patients: int


def scores_of_seeds(
    folders: Sequence[Path], enhancer: str, front_ends: Sequence[str], classes: Sequence[str]
) -> SeedScores:
    """The scores of one front end, from the predictions in each seed's folder.

    Args:
        folders: One for each seed.
        enhancer: Name of the front end.
        front_ends: All of them; the last one's predictions are the run's.
        classes: Normal first.

    Raises:
        BadData: The seeds did not answer the same cycles.
    """
    name = PREDICTIONS_NAME if enhancer == front_ends[-1] else f"predictions-{enhancer}.jsonl"
    tables = [[line for _, line in read_lines(folder / name)] for folder in folders]
    asked = [(line["id"], line["label"], line["patient"]) for line in tables[0]]
    if any([(line["id"], line["label"], line["patient"]) for line in lines] != asked for lines in tables):
        raise BadData("the seeds did not answer the same cycles", place=str(folders[0].parent))
    units = units_of([patient for _, _, patient in asked])
    truth = [label for _, label, _ in asked]
    counts = [
        cluster_confusions(truth, [str(line["predicted"]) for line in lines], units.codes, classes) for lines in tables
    ]
    sums = np.stack(counts).astype(np.float64)  # (S, K, C, C)
    values: dict[str, list[float | None]] = {}
    means: dict[str, Cell] = {}
    spreads: dict[str, float | None] = {}
    for spec in SPECS:
        found = [float(value) for value in spec.compute(sums.sum(axis=1))]
        values[spec.name] = [value if math.isfinite(value) else None for value in found]
        low = high = spread = None
        mean = float(np.mean(found)) if np.isfinite(found).all() else None
        try:
            over = seed_interval(sums, spec.compute, units)
        except BadData:  # one patient, or a score that rests on one
            pass
        else:
            interval, spread = within(over.interval, spec.range), over.sd_seeds
            low, high = interval.low, interval.high
        means[spec.name] = Cell(mean, low, high, spec.unit, len(asked), len(asked))
        spreads[spec.name] = spread
    return SeedScores(enhancer, values, means, spreads, len(asked), units.num_clusters)


def seeds_report(
    scores: Sequence[SeedScores],
    *,
    seeds: Sequence[int],
    split: str,
    synthetic: bool,
    notes: Sequence[str],
    provenance: Mapping[str, str],
) -> Report:
    """One table: a row for each seed and one for their mean, for every front end."""
    last = scores[-1]
    words = "SYNTHETIC sounds. " if synthetic else ""
    caption = (
        f"{words}{split} split, {last.num_cycles} cycles of {last.num_patients} patients, every cycle answered; "
        f"{len(seeds)} seeds; 95 % t intervals over seeds and patients. {RESEARCH_USE}"
    )
    columns = (
        Column("enhancer"),
        Column("seed"),
        *(Column(METRIC_NAMES[spec.name], "", True) for spec in SPECS),
    )
    rows: list[tuple[Entry, ...]] = []
    strong: list[int] = []
    for one in scores:
        for index, seed in enumerate(seeds):
            cells = [Cell(one.values[spec.name][index], None, None, "", one.num_cycles) for spec in SPECS]
            rows.append((one.enhancer, str(seed), *cells))
        strong.append(len(rows))
        rows.append((one.enhancer, "mean", *(one.means[spec.name] for spec in SPECS)))
    score = last.means["icbhi_score"].mean
    text = "undefined" if score is None else f"{score:.3f}"
    behind = "" if last.enhancer == "none" else f" behind {last.enhancer}"
    proof = "Synthetic sounds: this proves only that the code runs. " if synthetic else ""
    return Report(
        title=f"Breath sounds: {len(seeds)} seeds",
        summary=(f"{proof}Mean Score {text}{behind}. {RESEARCH_USE}",),
        notes=tuple(notes),
        headlines=tuple(Headline(METRIC_NAMES[name], cell) for name, cell in last.means.items()),
        tables=(Table("Scores by seed", caption, columns, tuple(rows), tuple(strong)),),
        provenance=provenance,
    )


def rows_of(metrics: Mapping[str, Any], seeds: Sequence[int]) -> list[list[str]]:
    """The terminal's rows of one front end: seed by seed, the mean, and its interval."""
    chosen = [metrics[spec.name] for spec in SPECS]
    rows = [[str(seed), *(_number(one["values"][index]) for one in chosen)] for index, seed in enumerate(seeds)]
    rows.append(["mean", *(_number(one["mean"]) for one in chosen)])
    ends = ["" if one["low"] is None else f"{one['low']:.2f} to {one['high']:.2f}" for one in chosen]
    return [*rows, ["95 %", *ends]]


def _number(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.3f}"
