"""``merit mix``: speech and noise in, a noisy corpus and its manifest out."""

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from merit_cli.config.load import resolved
from merit_cli.errors import MeritError, NoInput, Unavailable
from merit_cli.io.ledger import Ledger
from merit_cli.io.run_dir import RunDir, open_run
from merit_cli.manifests.checks import check_identities
from merit_cli.manifests.inputs import Inputs, read_inputs
from merit_cli.manifests.read_write import MANIFEST_NAME, Card, join_cards, write_card, write_manifest
from merit_cli.manifests.utterance import Utterance
from merit_cli.mixing.plan import PlannedMixture, plan_mixtures, split_noise
from merit_cli.mixing.recipe import MixRecipe
from merit_cli.mixing.render import Rendered, RenderJob, SilentSource, render
from merit_cli.workers import Machine, run_items
from merit_cli.workflows.prepare import run_prepare


@dataclass(frozen=True)
class MixSummary:
    """What a mix did; the JSON that scripts rely on.

    Args:
        rendered: Mixtures written by this call.
        already_done: Mixtures found finished.
        skipped: Mixtures that cannot be made, such as of silent speech.
        failed: Mixtures or inputs that went wrong.
        manifest: Path of the manifest.
        worst_snr_error_db: Largest distance of a measured SNR from its request.
        real_time_factor: Seconds of work for a second of audio; None where nothing was rendered.
    """

    rendered: int
    already_done: int
    skipped: int
    failed: int
    manifest: str
    worst_snr_error_db: float
    real_time_factor: float | None


@dataclass(frozen=True)
class PlannedMix:
    """A mix before anything is written: its plan and what it is made from."""

    mixtures: list[PlannedMixture]
    speech: Inputs
    noise: Inputs
    card: Card
    recipe: MixRecipe


def plan_mix(
    recipe: MixRecipe,
    speech: Sequence[str | Path],
    noise: Sequence[str | Path],
    *,
    machine: Machine,
    allow_leak: bool = False,
) -> PlannedMix:
    """Read the inputs, deal out the noise and check the plan for leaks.

    Args:
        recipe: What to mix.
        speech: Arguments as typed; empty takes the bundled sample.
        noise: Arguments as typed; empty takes the sample's noises.
        machine: For preparing the sample.
        allow_leak: Go on although splits share a speaker or a noise file.

    Raises:
        CheckFailed: Splits share a speaker or a noise file.
        NoInput: There is no speech or no noise.
    """
    voices = read_inputs(speech or [_sample("sample", machine)], name="speech")
    sounds = read_inputs(noise or [_sample("sample-noise", machine)], name="noise")
    if not voices.utterances or not sounds.utterances:
        empty, bad = ("speech", voices.bad) if not voices.utterances else ("noise", sounds.bad)
        place, error = next(iter(bad.items()))
        raise NoInput(f"none of the {len(bad)} {empty} files can be read: {error.message}", place=place)
    splits = sorted({u.split for u in voices.utterances if u.split and (not recipe.splits or u.split in recipe.splits)})
    mixtures = list(plan_mixtures(voices.utterances, split_noise(sounds.utterances, splits, recipe.seed), recipe))
    card = join_cards(recipe.name, [voices.card, sounds.card])
    sources = [
        (m.speech.split, {"speaker": m.speech.speaker, "clean_id": m.speech.id, "noise_id": m.noise.id})
        for m in mixtures
    ]
    notes = check_identities(sources, card, allow_leak=allow_leak)
    return PlannedMix(mixtures, voices, sounds, card.model_copy(update={"notes": (*card.notes, *notes)}), recipe)


def run_mix(plan: PlannedMix, *, output: Path | None, machine: Machine) -> tuple[RunDir, MixSummary]:
    """Render a planned mix into a run folder, or go on with an unfinished one.

    Returns:
        The run, and what was done. A finished run is not touched; its state is ``done``.

    Raises:
        UsageError: The output folder holds another run.
        Unavailable: The output cannot be written.
    """
    run = open_run(
        output,
        command="mix",
        name=plan.recipe.name,
        recipe=resolved(plan.recipe),
        inputs={"speech": plan.speech.content, "noise": plan.noise.content},
        runs_dir=machine.runs_dir,
        overwrite=machine.overwrite,
    )
    if run.state == "done" and not machine.retry_failed:
        stored = MixSummary(**run.summary())
        return run, replace(stored, rendered=0, already_done=stored.already_done + stored.rendered)
    run = run.reopen() if run.state == "done" else run
    ledger = Ledger.open(run.path / "ledger.jsonl")
    before = len(ledger.with_status("done"))
    for path, error in [*plan.speech.bad.items(), *plan.noise.bad.items()]:
        ledger.record(path, "failed", str(error))
    started = time.perf_counter()
    rendered_seconds = _render_all(plan, run, ledger, machine)
    elapsed = time.perf_counter() - started
    summary = _finish(plan, run, ledger, before, elapsed / rendered_seconds if rendered_seconds else None)
    ledger.close()
    return run, summary


def _sample(corpus: str, machine: Machine) -> Path:
    return run_prepare(corpus, None, output=None, machine=machine).manifest


def _render_all(plan: PlannedMix, run: RunDir, ledger: Ledger, machine: Machine) -> float:
    """Render what is pending; returns the seconds of audio rendered."""
    retry = machine.retry_failed
    pending = set(ledger.pending((m.id for m in plan.mixtures), retry_failed=retry))
    jobs: Iterator[RenderJob] = (RenderJob(m, plan.recipe, run.path) for m in plan.mixtures if m.id in pending)
    seconds, finished = 0.0, len(plan.mixtures) - len(pending)
    for job, result in run_items(render, jobs, workers=machine.workers):
        finished += 1
        machine.progress("mix", finished, len(plan.mixtures))
        if isinstance(result, Rendered):
            data: dict[str, Any] = {
                "line": result.utterance.to_line(run.path),
                "error_db": round(result.snr_error_db, 5),
            }
            ledger.record(job.planned.id, "done", result.remark, data)
            seconds += result.utterance.duration
        elif isinstance(result, SilentSource):
            ledger.record(job.planned.id, "skipped", str(result))
        elif isinstance(result, MeritError) and not isinstance(result, Unavailable):
            ledger.record(job.planned.id, "failed", str(result))
        else:  # the output cannot be written, or a bug: the next item would meet the same
            raise result
    return seconds


def _finish(plan: PlannedMix, run: RunDir, ledger: Ledger, before: int, real_time_factor: float | None) -> MixSummary:
    done = {entry.id: entry for entry in ledger.with_status("done")}
    ordered = [done[m.id] for m in plan.mixtures if m.id in done]
    lines = [Utterance.from_line(entry.data["line"], run.path.resolve()) for entry in ordered]
    manifest = run.path / MANIFEST_NAME
    write_manifest(manifest, lines)
    write_card(run.path, plan.card)
    summary = MixSummary(
        rendered=len(done) - before,
        already_done=before,
        skipped=len(ledger.with_status("skipped")),
        failed=len(ledger.with_status("failed")),
        manifest=str(manifest),
        worst_snr_error_db=max((entry.data["error_db"] for entry in ordered), default=0.0),
        real_time_factor=None
        if real_time_factor is None or math.isinf(real_time_factor)
        else round(real_time_factor, 5),
    )
    run.finish(asdict(summary))
    return summary
