"""A sweep from data to report: dev chooses, then test is heard once."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from sweeping.choosing import Scored, best_ratio, pairs_of_test, ratios_of_test, score_split
from sweeping.hearing import hear_split, labelled
from sweeping.listeners import Listener, open_listener
from sweeping.page import sentences, sweep_report
from sweeping.recipe import NOISY, SweepRecipe

from merit_cli.config.load import resolved
from merit_cli.enhancers.contract import Engineering
from merit_cli.errors import CheckFailed
from merit_cli.io.ledger import Ledger
from merit_cli.io.run_dir import RunDir, open_run
from merit_cli.manifests.checks import check_leaks
from merit_cli.manifests.inputs import Inputs, read_inputs
from merit_cli.manifests.utterance import Utterance
from merit_cli.reports.write import write_report
from merit_cli.workers import Machine

COMMAND = "mix-back-sweep"


@dataclass(frozen=True)
class SweepSummary:
    """What a sweep found; also its ``DONE``.

    Args:
        chosen: Share of the noisy signal that dev chose.
        dev: Ratio, as text, to dev score.
        test: Ratio, as text, to test score.
        helps: Verdict on the choice against the recording as it is; empty where that was chosen.
        sentences: The choice and the verdicts.
        failed: Items at a ratio that could not be used.
        report: Path of the page.
    """

    chosen: float
    dev: dict[str, float]
    test: dict[str, float]
    helps: str
    sentences: tuple[str, ...]
    failed: int
    report: str


@dataclass(frozen=True)
class Material:
    """What is heard, and what every report says of it.

    Args:
        dev: Labelled utterances that choose.
        test: Labelled utterances that are scored once.
        notes: Of the data.
    """

    dev: Sequence[Utterance]
    test: Sequence[Utterance]
    notes: tuple[str, ...]


def run_sweep(
    recipe: SweepRecipe, data: Sequence[str | Path], model: Path, *, output: Path, machine: Machine
) -> tuple[RunDir, SweepSummary]:
    """Choose the ratio on dev, score the choice on test, and write both into a run folder.

    Args:
        recipe: What is tried, and by which score.
        data: Manifests or run folders.
        model: Folder of the model that listens.
        output: The run folder.
        machine: Workers, progress.

    Raises:
        CheckFailed: Dev and test share a source, or the model was trained on their speakers.
        NoInput: There is no model, no split or no label.
        UsageError: The model does not do the task, or the folder holds another run.
        Unavailable: Weights or an extra are missing.
    """
    listener, inputs = open_listener(recipe, model), read_inputs(data, name="noisy data")
    material = read_material(recipe, listener, inputs)
    recipe.enhancer.engine_on(Engineering())  # what is missing shows before a folder is made
    weights = {"enhancer": recipe.enhancer.content()} if recipe.enhancer.content() else {}
    run = open_run(
        output,
        command=COMMAND,
        name=recipe.name,
        recipe=resolved(recipe),
        inputs={"data": inputs.content, "model": listener.content, **weights},
        runs_dir=machine.runs_dir,
        overwrite=machine.overwrite,
    )
    if run.state == "done" and not machine.retry_failed:
        return run, SweepSummary(**run.summary())
    run = run.reopen() if run.state == "done" else run
    ledger = Ledger.open(run.path / "ledger.jsonl")
    chosen, dev, test = hear_and_choose(recipe, listener, material, ledger=ledger, machine=machine)
    failed = len(ledger.with_status("failed"))
    ledger.close()
    summary = _report(recipe, listener, material, run, (chosen, dev, test), failed=failed)
    run.finish(asdict(summary))
    return run, summary


def read_material(recipe: SweepRecipe, listener: Listener, inputs: Inputs) -> Material:
    """The labelled utterances of dev and test, which share nothing with each other or with the model's training.

    Raises:
        NoInput: A split has no label that the model knows.
        CheckFailed: A speaker, noise file or clean utterance is shared.
    """
    dev, test = (labelled(inputs.utterances, recipe, listener, split) for split in (recipe.dev, recipe.test))
    allowed = tuple(group for group in inputs.card.shared_groups if group != "speaker")  # of those nobody may say so
    leaks = check_leaks([*dev, *test], inputs.card.model_copy(update={"shared_groups": allowed}))
    if seen := {one.speaker for one in (*dev, *test)} & set(listener.learned_from):
        raise CheckFailed(
            f"the model was trained on {len(seen)} of the speakers: {', '.join(sorted(seen)[:3])}",
            place=str(listener.folder),
            hint="take a model that has heard neither dev nor test",
        )
    return Material(dev, test, (*inputs.card.notes, *leaks))


def hear_and_choose(
    recipe: SweepRecipe, listener: Listener, material: Material, *, ledger: Ledger, machine: Machine
) -> tuple[float, Scored, Scored]:
    """The ratio that dev chose, dev's scores at every ratio, and test's at that one and both ends.

    Raises:
        BadData: Nothing could be heard, or a score is undefined.
    """
    heard = hear_split(material.dev, recipe.ratios, recipe=recipe, listener=listener, ledger=ledger, machine=machine)
    against_noisy = [(ratio, NOISY) for ratio in recipe.ratios if ratio != NOISY]
    dev = score_split(heard, against_noisy, listener.labels, recipe)
    chosen = best_ratio({ratio: interval.mean for ratio, interval in dev.intervals.items()})
    ratios = ratios_of_test(chosen)
    heard = hear_split(material.test, ratios, recipe=recipe, listener=listener, ledger=ledger, machine=machine)
    return chosen, dev, score_split(heard, pairs_of_test(chosen), listener.labels, recipe)


def _report(
    recipe: SweepRecipe,
    listener: Listener,
    material: Material,
    run: RunDir,
    found: tuple[float, Scored, Scored],
    *,
    failed: int,
) -> SweepSummary:
    chosen, dev, test = found
    lost = (f"{failed} items could not be used: see ledger.jsonl.",) if failed else ()
    notes = tuple(dict.fromkeys([*listener.notes, *material.notes, *lost]))
    provenance = {"run": run.fingerprint, "model": str(listener.folder), "seed": str(recipe.seed)}
    report = sweep_report(recipe, listener, found, notes=notes, provenance=provenance)
    page = write_report(report, run.path)
    contrast = test.against(chosen, NOISY)
    return SweepSummary(
        chosen=chosen,
        dev={f"{ratio:g}": one.mean for ratio, one in dev.intervals.items()},
        test={f"{ratio:g}": one.mean for ratio, one in test.intervals.items()},
        helps="" if contrast is None else contrast.verdict,
        sentences=sentences(recipe, chosen, dev, test),
        failed=failed,
        report=str(page),
    )
