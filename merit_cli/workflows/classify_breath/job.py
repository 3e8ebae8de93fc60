"""``merit classify-breath`` as a job: prepare, train, evaluate on held-out patients, report."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Literal

from merit_cli.config.load import resolved
from merit_cli.io.run_dir import RunDir, newest_run, open_run
from merit_cli.manifests.inputs import Inputs, read_inputs
from merit_cli.workers import Machine
from merit_cli.workflows.classify_breath.corpus import BreathCorpus, open_ledger
from merit_cli.workflows.classify_breath.evaluate import BreathSummary, enhancer_content, evaluate_into, make_summary
from merit_cli.workflows.classify_breath.lineage import check_enhanced_manifest, check_enhancer
from merit_cli.workflows.classify_breath.recipe import BreathRecipe
from merit_cli.workflows.classify_breath.training import train_model, usable_cycles

RUN_COMMAND = "classify-breath"
SEEDS_COMMAND = "classify-breath-seeds"
Step = Literal["train", "evaluate"]


def run_classify_breath(
    recipe: BreathRecipe,
    corpus: BreathCorpus,
    *,
    output: Path | None,
    machine: Machine,
    steps: Sequence[Step] = ("train", "evaluate"),
    allow_leak: bool = False,
) -> tuple[RunDir, BreathSummary]:
    """Train on a corpus and, unless left out, evaluate on its test patients, in one run folder.

    Args:
        recipe: What decides the result.
        corpus: From `read_corpus`.
        output: The run folder; None takes the default one.
        machine: Workers, device, runs.
        steps: ``train`` alone leaves the test split untouched.
        allow_leak: Go on although a trained enhancer has heard test patients.

    Raises:
        UsageError: The output folder holds another run.
        NoInput: A split is empty or cannot be read.
        BadData: Score is undefined on dev.
        CheckFailed: A trained enhancer has heard test patients.
    """
    usable = usable_cycles(corpus.utterances, corpus.card, recipe.classes)
    tested = [cycle for cycle in usable.cycles if cycle.split == "test"]
    leaks = check_enhancer(recipe.enhance, tested, allow_leak=allow_leak)
    leaks += check_enhanced_manifest(corpus.manifest, tested, allow_leak=allow_leak)
    usable = usable.with_notes(leaks)
    noise = None if recipe.noise is None else read_inputs([recipe.noise.path], name="noise")
    run = open_run(
        output,
        command=RUN_COMMAND,
        name=recipe.name if "evaluate" in steps else f"{recipe.name}-train",
        recipe={**resolved(recipe), "steps": list(steps), **({"allow_leak": True} if leaks else {})},
        inputs=run_inputs(recipe, corpus, noise=noise),
        runs_dir=machine.runs_dir,
        overwrite=machine.overwrite,
    )
    if run.state == "done" and not machine.retry_failed:
        return run, BreathSummary(**run.summary())
    run = run.reopen() if run.state == "done" else run
    ledger = open_ledger(run.path, corpus)
    heard = [] if noise is None else noise.utterances
    for path, fault in () if noise is None else noise.bad.items():
        ledger.record(path, "failed", str(fault))
    model = train_model(recipe, usable, folder=run.path, ledger=ledger, machine=machine, noise=heard)
    if "evaluate" in steps:
        front_ends = (None,) if recipe.enhance is None else (None, recipe.enhance)
        summary = evaluate_into(run, model, usable.of("test"), front_ends, ledger, machine, epochs=recipe.epochs)
    else:
        summary = make_summary(run, model, ledger, epochs=recipe.epochs)
    ledger.close()
    run.finish(asdict(summary))
    return run, summary


def run_inputs(recipe: BreathRecipe, corpus: BreathCorpus, *, noise: Inputs | None = None) -> dict[str, str]:
    """What a run of a recipe reads, by name, to the hash of its contents.

    Args:
        recipe: Names its enhancer and its noise.
        corpus: To train on.
        noise: The recipe's, where it has been read already.
    """
    if noise is None and recipe.noise is not None:
        noise = read_inputs([recipe.noise.path], name="noise")
    heard = "" if noise is None else noise.content
    others = {"noise": heard, "model": recipe.model.content()}
    named = {name: content for name, content in others.items() if content}
    return {"corpus": corpus.content, **enhancer_content(recipe.enhance), **named}


def newest_breath_run(machine: Machine) -> Path:
    """The newest finished run with a breath model, else with those of several seeds.

    Raises:
        NoInput: There is none.
    """
    return newest_run(machine.runs_dir, RUN_COMMAND, SEEDS_COMMAND)
