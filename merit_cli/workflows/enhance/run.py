"""``merit enhance`` over a corpus: a run folder with a manifest."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from merit_cli.config.load import resolved
from merit_cli.enhancers.contract import Engineering
from merit_cli.errors import MeritError, NoInput, Unavailable
from merit_cli.io.ledger import Ledger
from merit_cli.io.run_dir import RunDir, newest_run, open_run
from merit_cli.io.shards import Shard, open_shard, shard_files, whole_of
from merit_cli.manifests.inputs import Inputs, read_inputs
from merit_cli.manifests.read_write import MANIFEST_NAME, write_card, write_manifest
from merit_cli.manifests.utterance import Utterance
from merit_cli.workers import Machine, run_items
from merit_cli.workflows.enhance.batch import batches, enhance_batch
from merit_cli.workflows.enhance.item import AUDIO_FOLDER, Enhanced, EnhanceJob, built_enhancer, enhance_utterance
from merit_cli.workflows.enhance.recipe import EnhanceRecipe

LEDGER_NAME = "ledger.jsonl"


@dataclass(frozen=True)
class EnhanceSummary:
    """What a run did; the JSON that scripts rely on.

    Args:
        enhanced: Files written by this call.
        already_done: Files found finished.
        skipped: Always 0 here; kept for the shape that all batch commands share.
        failed: Inputs that went wrong.
        manifest: Path of the manifest.
        enhancer: Name of the enhancer.
        real_time_factor: Seconds of enhancer work for a second of audio; None where nothing was enhanced.
    """

    enhanced: int
    already_done: int
    skipped: int
    failed: int
    manifest: str
    enhancer: str
    real_time_factor: float | None


def default_input(machine: Machine) -> Path:
    """What is enhanced where no input is named: the newest finished mix.

    Raises:
        NoInput: There is none.
    """
    return newest_run(machine.runs_dir, "mix")


def find_inputs(specs: Sequence[str | Path]) -> Inputs:
    """What to enhance.

    Raises:
        NoInput: Nothing is there, or none of the files can be read.
        BadData: A manifest line cannot be used.
    """
    inputs = read_inputs(specs, name="noisy audio")
    if not inputs.utterances:
        place, error = next(iter(inputs.bad.items()))
        raise NoInput(f"none of the {len(inputs.bad)} files can be read: {error.message}", place=place)
    return inputs


def run_enhance(
    recipe: EnhanceRecipe,
    inputs: Inputs,
    *,
    output: Path | None,
    machine: Machine,
    batch_size: int = 1,
    shard: Shard | None = None,
) -> tuple[RunDir, EnhanceSummary]:
    """Enhance every input into a run folder, or go on with an unfinished one.

    Args:
        recipe: How.
        inputs: What.
        output: The run folder; None for one under the machine's.
        machine: Where.
        batch_size: Utterances that a trained network is given at once; changes results by rounding only.
        shard: Enhance only this part, into the same folder; a call without takes over what shards have done.

    Returns:
        The run (of a shard: below ``shards/``), and what was done. A finished run is not touched; its state is
        ``done``.

    Raises:
        UsageError: The output folder holds another run.
        Unavailable: The enhancer's weights or an extra are missing, or the output cannot be written.
    """
    engineering = Engineering(machine.device, recipe.precision)
    built_enhancer(recipe.enhancer, recipe.chunk, engineering)  # what is missing shows before a folder is made
    keys: dict[str, Any] = {
        "command": "enhance",
        "name": recipe.enhancer.name if recipe.name == "enhance" else recipe.name,
        "recipe": resolved(recipe),
        "inputs": {"noisy": inputs.content, "weights": recipe.enhancer.content()},
        "runs_dir": machine.runs_dir,
        "overwrite": machine.overwrite,
    }
    run = open_run(output, **keys) if shard is None else open_shard(output, shard, **keys, parts=[AUDIO_FOLDER])
    root = whole_of(run, shard)
    if run.state == "done" and not machine.retry_failed:
        stored = EnhanceSummary(**run.summary())
        return run, replace(stored, enhanced=0, already_done=stored.already_done + stored.enhanced)
    if run.state == "done":
        run = run.reopen()
        (root / "DONE").unlink(missing_ok=True)  # it does not hold what a shard makes now
    utterances = inputs.utterances if shard is None else shard.part(inputs.utterances)
    ledger = Ledger.open(run.path / LEDGER_NAME)
    for path in shard_files(run.path, LEDGER_NAME):
        ledger.take(path)
    before = len(ledger.with_status("done"))
    for name, error in inputs.bad.items() if shard is None or shard.number == 1 else ():
        if name not in ledger.entries:
            ledger.record(name, "failed", str(error))
    speed = _enhance_all(recipe, utterances, root, ledger, machine, batch_size)
    write_card(run.path, inputs.card)
    summary = _finish(recipe, utterances, root, run, ledger, before, speed)
    ledger.close()
    return run, summary


def _enhance_all(
    recipe: EnhanceRecipe,
    utterances: Sequence[Utterance],
    root: Path,
    ledger: Ledger,
    machine: Machine,
    batch_size: int,
) -> float | None:
    """Enhance what is pending; returns the real-time factor, None where nothing was enhanced."""
    pending = set(ledger.pending((u.id for u in utterances), retry_failed=machine.retry_failed))
    order = utterances if batch_size == 1 else sorted(utterances, key=lambda u: -u.duration)  # like with like
    jobs: Iterator[EnhanceJob] = (EnhanceJob(u, recipe, root, machine.device) for u in order if u.id in pending)
    work = audio = 0.0
    finished = len(utterances) - len(pending)
    for job, result in _results(jobs, machine, batch_size):
        finished += 1
        machine.progress("enhance", finished, len(utterances))
        if isinstance(result, Enhanced):
            ledger.record(job.utterance.id, "done", result.remark, {"line": result.utterance.to_line(root)})
            work, audio = work + result.work_seconds, audio + result.utterance.duration
        elif isinstance(result, MeritError) and not isinstance(result, Unavailable):
            ledger.record(job.utterance.id, "failed", str(result))
        else:  # the output cannot be written, or a bug: the next item would meet the same
            raise result
    return round(work / audio, 6) if audio else None


def _results(
    jobs: Iterator[EnhanceJob], machine: Machine, batch_size: int
) -> Iterator[tuple[EnhanceJob, Enhanced | Exception]]:
    if batch_size == 1:
        yield from run_items(enhance_utterance, jobs, workers=machine.workers)
        return
    for batch, made in run_items(enhance_batch, batches(jobs, batch_size), workers=machine.workers):
        for index, job in enumerate(batch):
            yield job, made if isinstance(made, Exception) else made[index]


def _finish(
    recipe: EnhanceRecipe,
    utterances: Sequence[Utterance],
    root: Path,
    run: RunDir,
    ledger: Ledger,
    before: int,
    speed: float | None,
) -> EnhanceSummary:
    done = {entry.id: entry for entry in ledger.with_status("done")}
    lines = [Utterance.from_line(done[u.id].data["line"], root.resolve()) for u in utterances if u.id in done]
    manifest = run.path / MANIFEST_NAME
    write_manifest(manifest, lines)
    summary = EnhanceSummary(
        enhanced=len(done) - before,
        already_done=before,
        skipped=len(ledger.with_status("skipped")),
        failed=len(ledger.with_status("failed")),
        manifest=str(manifest),
        enhancer=recipe.enhancer.name,
        real_time_factor=speed,
    )
    run.finish(asdict(summary))
    return summary
