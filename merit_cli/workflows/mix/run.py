"""Rendering a planned mix into a run folder, whole or one shard of it."""

import math
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any

from merit_cli.config.load import resolved
from merit_cli.errors import MeritError, Unavailable
from merit_cli.io.jsonl import write_lines
from merit_cli.io.ledger import Ledger
from merit_cli.io.run_dir import RunDir, open_run
from merit_cli.io.shards import Shard, open_shard, whole_of
from merit_cli.manifests.read_write import MANIFEST_NAME, write_card, write_manifest
from merit_cli.manifests.utterance import Utterance
from merit_cli.mixing.plan import PlannedMixture
from merit_cli.mixing.render import Rendered, RenderJob, render
from merit_cli.mixing.segments import Unmixable
from merit_cli.workers import Machine, run_items
from merit_cli.workflows.mix.plan import PlannedMix
from merit_cli.workflows.mix.shards import PARTS, note_shard

LARGEST_JOB = 24
"""Mixtures of one utterance that a worker takes at once."""
SOURCES = ("speech", "noise")


@dataclass(frozen=True)
class MixSummary:
    """What a mix did; the JSON that scripts rely on.

    Args:
        rendered: Mixtures written by this call.
        already_done: Mixtures found finished.
        skipped: Mixtures that cannot be made, such as of silent speech, or of speech with itself.
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


def run_mix(
    plan: PlannedMix, *, output: Path | None, machine: Machine, shard: Shard | None = None
) -> tuple[RunDir, MixSummary]:
    """Render a planned mix into a run folder, or go on with an unfinished one.

    Args:
        plan: What to render.
        output: The folder; None takes one named after recipe and inputs.
        machine: How.
        shard: Render only this part, into the same folder; `merge_shards` makes the whole of all parts.

    Returns:
        The run (of a shard: below ``shards/``), and what was done. A finished run is not touched; its
        state is ``done``.

    Raises:
        UsageError: The output folder holds another run.
        Unavailable: The output cannot be written.
    """
    keys: dict[str, Any] = {
        "command": "mix",
        "name": plan.recipe.name,
        "recipe": resolved(plan.recipe),
        "inputs": plan.inputs,
        "runs_dir": machine.runs_dir,
        "overwrite": machine.overwrite,
    }
    run = open_run(output, **keys) if shard is None else open_shard(output, shard, **keys, parts=PARTS)
    root = whole_of(run, shard)
    if run.state == "done" and not machine.retry_failed:
        stored = MixSummary(**run.summary())
        return run, replace(stored, rendered=0, already_done=stored.already_done + stored.rendered)
    if run.state == "done":
        run = run.reopen()
        (root / "DONE").unlink(missing_ok=True)  # of a merge, which does not hold what is now rendered
    bad = plan.bad if shard is None or shard.number == 1 else {}
    if shard is not None:
        note_shard(run, shard, num_mixtures=plan.mixtures.num_mixtures, num_bad_inputs=len(bad))
    with closing(Ledger.open(run.path / "ledger.jsonl")) as ledger:
        before = len(ledger.with_status("done"))
        for path, error in bad.items():
            ledger.record(path, "failed", str(error))
        for kind, utterances in zip(SOURCES, (plan.mixtures.speech(), plan.mixtures.noises()), strict=True):
            write_manifest(root / "sources" / f"{kind}.jsonl", utterances)
        started = time.perf_counter()
        seconds = _render_all(plan, shard, root, ledger, machine)
        elapsed = time.perf_counter() - started
        return run, _finish(plan, shard, run, root, ledger, before, elapsed / seconds if seconds else None)


def _part(plan: PlannedMix, shard: Shard | None) -> Iterator[tuple[int, list[PlannedMixture]]]:
    """The mixtures of each utterance with its place in the plan, those of other shards left out."""
    for number, (_, group) in enumerate(groupby(plan.mixtures, key=lambda planned: planned.speech.id)):
        if shard is None or number % shard.count == shard.number - 1:
            yield number, list(group)


def _render_all(plan: PlannedMix, shard: Shard | None, root: Path, ledger: Ledger, machine: Machine) -> float:
    """Render what is pending; returns the seconds of audio rendered."""
    total = plan.mixtures.num_mixtures // (1 if shard is None else shard.count)
    seconds, finished = 0.0, 0
    places: dict[str, int] = {}  # of the utterance in the plan, by mixture

    def jobs() -> Iterator[RenderJob]:
        nonlocal finished
        for place, group in _part(plan, shard):
            pending = set(ledger.pending((m.id for m in group), retry_failed=machine.retry_failed))
            finished += len(group) - len(pending)
            left = [planned for planned in group if planned.id in pending]
            places.update(dict.fromkeys(pending, place))
            for first in range(0, len(left), LARGEST_JOB):
                yield RenderJob(tuple(left[first : first + LARGEST_JOB]), plan.recipe, root)

    for job, results in run_items(render, jobs(), workers=machine.workers):
        if isinstance(results, MeritError) and not isinstance(results, Unavailable):
            results = (results,) * len(job.mixtures)  # the worker died
        if isinstance(results, Exception):
            raise results  # the output cannot be written, or a bug: the next item would meet the same
        for planned, result in zip(job.mixtures, results, strict=True):
            place = places[planned.id]
            seconds += _record(plan, planned, result, root, ledger, place=None if shard is None else place)
        finished += len(job.mixtures)
        machine.progress("mix", min(finished, total), total)
    return seconds


def _record(
    plan: PlannedMix,
    planned: PlannedMixture,
    result: Rendered | MeritError,
    root: Path,
    ledger: Ledger,
    *,
    place: int | None,
) -> float:
    """Put one result on the ledger, of a shard with its place in the plan; returns its seconds of audio."""
    if isinstance(result, MeritError):
        status = "skipped" if isinstance(result, Unmixable) else "failed"
        ledger.record(planned.id, status, str(result))  # type: ignore[arg-type]
        return 0.0
    expected = plan.expected.get(planned.id)
    if expected is not None and expected.mixture != result.utterance.mixture:
        ledger.record(planned.id, "failed", "the replay does not repeat the mixture: a source has changed")
        _remove_files(result.utterance)
        return 0.0
    data = {"line": result.utterance.to_line(root), "error_db": round(result.snr_error_db, 5)}
    ledger.record(planned.id, "done", result.remark, data if place is None else {**data, "place": place})
    return result.utterance.duration


def _remove_files(utterance: Utterance) -> None:
    for path in (utterance.audio, utterance.clean, utterance.noise):
        if path is not None:
            path.unlink(missing_ok=True)


def _finish(
    plan: PlannedMix,
    shard: Shard | None,
    run: RunDir,
    root: Path,
    ledger: Ledger,
    before: int,
    real_time_factor: float | None,
) -> MixSummary:
    ids = (planned.id for _, group in _part(plan, shard) for planned in group)
    done = {entry.id: entry for entry in ledger.with_status("done")}
    manifest = run.path / MANIFEST_NAME
    lines = (done[name].data["line"] for name in ids if name in done)
    if shard is None:
        write_lines(manifest, lines)  # as they stand on the ledger: relative to the same folder
    else:
        write_manifest(manifest, (Utterance.from_line(line, root.resolve()) for line in lines))
    write_card(run.path, plan.card)
    summary = MixSummary(
        rendered=len(done) - before,
        already_done=before,
        skipped=len(ledger.with_status("skipped")),
        failed=len(ledger.with_status("failed")),
        manifest=str(manifest),
        worst_snr_error_db=max((entry.data["error_db"] for entry in done.values()), default=0.0),
        real_time_factor=None
        if real_time_factor is None or math.isinf(real_time_factor)
        else round(real_time_factor, 5),
    )
    run.finish(asdict(summary))
    return summary
