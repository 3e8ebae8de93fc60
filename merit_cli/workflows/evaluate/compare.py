"""``merit evaluate --compare A B C``: what differs from A, and whether the difference can be believed."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from merit_cli.config.load import resolved
from merit_cli.errors import UsageError
from merit_cli.io.hashing import sha256_of_file
from merit_cli.io.run_dir import RunDir, open_run
from merit_cli.manifests.read_write import join_cards
from merit_cli.metrics.spec import MetricSpec, load_metric
from merit_cli.reports.write import write_report
from merit_cli.workers import Machine
from merit_cli.workflows.evaluate.compare_report import comparison_report
from merit_cli.workflows.evaluate.contrasts import Split, contrasts_by
from merit_cli.workflows.evaluate.field import common_field
from merit_cli.workflows.evaluate.groups import find_grouping
from merit_cli.workflows.evaluate.inputs import Material, command_of, read_material
from merit_cli.workflows.evaluate.items import ITEMS_NAME, Evaluated, read_evaluated
from merit_cli.workflows.evaluate.run import EvaluateRecipe, run_evaluate


@dataclass(frozen=True)
class CompareSummary:
    """What scripts may rely on.

    Args:
        baseline: Name of the first system.
        systems: All names, the baseline first.
        comparisons: Each difference to the baseline: system, metric, by, difference, p_value, p_holm, verdict, counts.
        failed: Each number that could not be had: id, metric, reason.
        report: Path of the HTML page.
    """

    baseline: str
    systems: list[str]
    comparisons: list[dict[str, Any]]
    failed: list[dict[str, str]]
    report: str


def run_compare(
    recipe: EvaluateRecipe, systems: Sequence[Sequence[Path]], *, output: Path | None, machine: Machine
) -> tuple[RunDir, CompareSummary]:
    """Compare each system with the first; what was not evaluated yet is evaluated first.

    Args:
        recipe: As for a single evaluation.
        systems: For each, a source for every seed of training: a finished evaluation, or anything else that can be
            evaluated.
        output: The run folder; None names it.
        machine: Workers, device, where runs go.

    Raises:
        UsageError: Fewer than two systems, no metric that two of them have, or unequal numbers of seeds.
        NoInput: A source is not there or not finished.
        BadData: They have no utterance in common.
    """
    if len(systems) < 2:
        raise UsageError("a comparison needs two runs at least", place="--compare", hint="the first is the baseline")
    if len({len(seeds) for seeds in systems} - {1}) > 1:
        raise UsageError(
            "the systems have unequal numbers of seeds",
            place="--compare",
            hint="give one run each, or as many for each",
        )
    sources = [source for seeds in systems for source in seeds]
    materials = [None if command_of(source) == "evaluate" else _material(source, recipe) for source in sources]
    inputs = {
        f"system {number}": sha256_of_file(source / ITEMS_NAME) if material is None else material.content
        for number, (source, material) in enumerate(zip(sources, materials, strict=True), start=1)
    }
    run = open_run(
        output,
        command="evaluate",
        name="compare",
        recipe=resolved(recipe),
        inputs=inputs,
        runs_dir=machine.runs_dir,
        overwrite=machine.overwrite,
    )
    if run.state == "done" and not machine.retry_failed:
        return run, CompareSummary(**run.summary())
    run = run.reopen() if run.state == "done" else run
    failed: list[dict[str, str]] = []
    found: list[Evaluated] = []
    for number, (source, material) in enumerate(zip(sources, materials, strict=True), start=1):
        folder = source
        if material is not None:
            folder = run.path / "systems" / f"{number}-{source.name}"
            _, summary = run_evaluate(recipe, material, output=folder, machine=replace(machine, overwrite=False))
            failed += summary.failed
        found.append(read_evaluated(folder))
    field = common_field(_named(systems, found), list(_specs(recipe, found)), seed=recipe.seed)
    if not field.specs:
        raise UsageError(
            "no metric was scored for two of the systems", place="--compare", hint="evaluate them by the same metrics"
        )
    together = contrasts_by(field)
    splits = [contrasts_by(field, find_grouping(name, field.utterances)) for name in recipe.by]
    card = join_cards("comparison", [one.card for one in found])
    page = write_report(comparison_report(field, together, splits, card=card), run.path.resolve())
    summary_made = CompareSummary(
        field.baseline,
        list(field.systems),
        [line for split in (together, *splits) for line in _data(split)],
        failed,
        str(run.path / page.name),
    )
    run.finish(asdict(summary_made))
    return run, summary_made


def _material(source: Path, recipe: EvaluateRecipe) -> Material:
    return read_material(source, split=recipe.split)


def _data(split: Split) -> Iterator[dict[str, Any]]:
    for (value, _), made in zip(split.groups, split.contrasts, strict=True):
        yield from (one.to_data() | {"by": {split.grouping.key: value} if split.grouping else {}} for one in made)


def parse_systems(sources: Sequence[Path]) -> list[list[Path]]:
    """The seeds of each system as typed: paths with commas between them, where no path is called so as a whole.

    >>> [[str(path) for path in seeds] for seeds in parse_systems([Path("a1,a2"), Path("b")])]
    [['a1', 'a2'], ['b']]
    """
    return [
        [source] if source.exists() else [Path(part) for part in str(source).split(",") if part] for source in sources
    ]


def _named(systems: Sequence[Sequence[Path]], found: Sequence[Evaluated]) -> dict[str, list[Evaluated]]:
    """The evaluations of each system under its name; with its folder's where two are called alike."""
    left = iter(found)
    grouped = [[next(left) for _ in seeds] for seeds in systems]
    names = [seeds[0].system for seeds in grouped]
    named: dict[str, list[Evaluated]] = {}
    for seeds in grouped:
        first = seeds[0]
        name = first.system if names.count(first.system) == 1 else f"{first.system} ({first.path.name})"
        named[name if name not in named else f"{name} {len(named) + 1}"] = seeds
    return named


def _specs(recipe: EvaluateRecipe, found: Sequence[Evaluated]) -> Iterator[MetricSpec]:
    """The recipe's metrics, then every other that an evaluation has."""
    wanted = [load_metric(name) for name in recipe.metrics]
    scored = dict.fromkeys(name for one in found for name in one.scores)
    names = dict.fromkeys([*(spec.name for spec in wanted if spec.kind != "signal" or spec.name in scored), *scored])
    yield from (load_metric(name) for name in names)
