"""``merit enhance``: an enhancer over a noisy corpus, one file, or a pipe."""

import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO, Literal

import numpy as np
from pydantic import Field

from merit_cli.config.frozen import FrozenConfig
from merit_cli.config.load import resolved
from merit_cli.enhancers.contract import CHUNK, Enhancer, EnhancerConfig
from merit_cli.enhancers.select import DEFAULT_ENHANCER, EnhancerChoice, enhancer_config
from merit_cli.errors import BadData, MeritError, NoInput, Unavailable, UsageError
from merit_cli.io.audio_file import PCM16_FULL_SCALE, audio_info, read_audio, write_audio
from merit_cli.io.ledger import Ledger
from merit_cli.io.run_dir import RunDir, newest_run, open_run
from merit_cli.manifests.inputs import Inputs, read_inputs
from merit_cli.manifests.read_write import MANIFEST_NAME, write_card, write_manifest
from merit_cli.manifests.utterance import Utterance
from merit_cli.units import Seconds
from merit_cli.workers import Machine, run_items


class EnhanceRecipe(FrozenConfig):
    """Everything that decides what enhanced audio sounds like.

    Args:
        name: Of the recipe; part of the default output folder.
        enhancer: A registered name, the folder of a trained run, or ``name`` with parameters.
        chunk: Seconds handed at once to an enhancer that does not stream.
        format: Container of the written files.
        encoding: soundfile's name of the sample format.
        channels: What becomes of several channels.
    """

    name: str = "enhance"
    enhancer: EnhancerChoice = Field(default_factory=lambda: enhancer_config(DEFAULT_ENHANCER))
    chunk: Seconds = Field(CHUNK, ge=1.0)
    format: Literal["flac", "wav"] = "flac"
    encoding: Literal["PCM_16", "PCM_24"] = "PCM_16"
    channels: Literal["mix", "first"] = "mix"


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


@dataclass(frozen=True)
class EnhanceJob:
    """What a worker needs to enhance one utterance."""

    utterance: Utterance
    recipe: EnhanceRecipe
    output: Path


@dataclass(frozen=True)
class Enhanced:
    """An enhanced utterance: its manifest line, the seconds it took and a remark."""

    utterance: Utterance
    work_seconds: float
    remark: str


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
    recipe: EnhanceRecipe, inputs: Inputs, *, output: Path | None, machine: Machine
) -> tuple[RunDir, EnhanceSummary]:
    """Enhance every input into a run folder, or go on with an unfinished one.

    Returns:
        The run, and what was done. A finished run is not touched; its state is ``done``.

    Raises:
        UsageError: The output folder holds another run.
        Unavailable: The enhancer's weights or an extra are missing, or the output cannot be written.
    """
    built_enhancer(recipe.enhancer, recipe.chunk)  # what is missing shows before a folder is made
    run = open_run(
        output,
        command="enhance",
        name=recipe.enhancer.name if recipe.name == "enhance" else recipe.name,
        recipe=resolved(recipe),
        inputs={"noisy": inputs.content, "weights": recipe.enhancer.content()},
        runs_dir=machine.runs_dir,
        overwrite=machine.overwrite,
    )
    if run.state == "done" and not machine.retry_failed:
        stored = EnhanceSummary(**run.summary())
        return run, replace(stored, enhanced=0, already_done=stored.already_done + stored.enhanced)
    run = run.reopen() if run.state == "done" else run
    ledger = Ledger.open(run.path / "ledger.jsonl")
    before = len(ledger.with_status("done"))
    for path, error in inputs.bad.items():
        ledger.record(path, "failed", str(error))
    speed = _enhance_all(recipe, inputs, run, ledger, machine)
    summary = _finish(recipe, inputs, run, ledger, before, speed)
    ledger.close()
    return run, summary


def _enhance_all(recipe: EnhanceRecipe, inputs: Inputs, run: RunDir, ledger: Ledger, machine: Machine) -> float | None:
    """Enhance what is pending; returns the real-time factor, None where nothing was enhanced."""
    utterances = inputs.utterances
    pending = set(ledger.pending((u.id for u in utterances), retry_failed=machine.retry_failed))
    jobs: Iterator[EnhanceJob] = (EnhanceJob(u, recipe, run.path) for u in utterances if u.id in pending)
    work = audio = 0.0
    finished = len(utterances) - len(pending)
    for job, result in run_items(enhance_utterance, jobs, workers=machine.workers):
        finished += 1
        machine.progress("enhance", finished, len(utterances))
        if isinstance(result, Enhanced):
            ledger.record(job.utterance.id, "done", result.remark, {"line": result.utterance.to_line(run.path)})
            work, audio = work + result.work_seconds, audio + result.utterance.duration
        elif isinstance(result, MeritError) and not isinstance(result, Unavailable):
            ledger.record(job.utterance.id, "failed", str(result))
        else:  # the output cannot be written, or a bug: the next item would meet the same
            raise result
    return round(work / audio, 6) if audio else None


def _finish(
    recipe: EnhanceRecipe, inputs: Inputs, run: RunDir, ledger: Ledger, before: int, speed: float | None
) -> EnhanceSummary:
    done = {entry.id: entry for entry in ledger.with_status("done")}
    root = run.path.resolve()
    lines = [Utterance.from_line(done[u.id].data["line"], root) for u in inputs.utterances if u.id in done]
    manifest = run.path / MANIFEST_NAME
    write_manifest(manifest, lines)
    write_card(run.path, inputs.card)
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


def enhance_utterance(job: EnhanceJob) -> Enhanced:
    """Enhance one utterance and write it as ``enhanced/<id>``.

    Raises:
        BadData: The audio cannot be used.
        NoInput: The audio is gone.
        Unavailable: The output cannot be written.
    """
    source, recipe = job.utterance, job.recipe
    audio = read_audio(source.audio, start=source.start, num_samples=source.num_samples, channels=recipe.channels)
    enhancer = built_enhancer(recipe.enhancer, recipe.chunk)
    started = time.perf_counter()
    try:
        enhanced_N = enhancer(audio.samples, audio.sample_rate)
    except MeritError as error:
        raise type(error)(error.message, place=source.id, hint=error.hint) from error
    work_seconds = time.perf_counter() - started
    path = job.output / "enhanced" / f"{source.id}.{recipe.format}"
    write_audio(path, np.clip(enhanced_N, -1.0, 1.0), audio.sample_rate, subtype=recipe.encoding)
    return Enhanced(_enhanced_line(source, recipe.enhancer, path), work_seconds, _remark(enhanced_N))


def _enhanced_line(source: Utterance, enhancer: EnhancerConfig, path: Path) -> Utterance:
    """The manifest line of an enhanced file; references stay only where they are aligned with it."""
    line = replace(
        source,
        audio=path,
        start=0,
        noisy=source.noisy or source.audio,
        enhancer="+".join(filter(None, [source.enhancer, enhancer.name])),
    )
    is_whole = source.start == 0 and audio_info(source.audio).num_samples == source.num_samples
    return line if is_whole else replace(line, noisy=None, clean=None, noise=None)


def _remark(enhanced_N: np.ndarray[Any, np.dtype[np.float32]]) -> str:
    num_clipped = int(np.count_nonzero(np.abs(enhanced_N) > 1.0 - 0.5 / PCM16_FULL_SCALE))
    return f"{num_clipped} samples were clipped at full scale" if num_clipped else ""


@lru_cache(maxsize=1)
def built_enhancer(config: EnhancerConfig, chunk: Seconds = CHUNK) -> Enhancer:
    """The enhancer of a config, built once in a process."""
    return config.build(chunk=chunk)


def enhance_file(recipe: EnhanceRecipe, source: Path, target: Path, *, machine: Machine) -> float:
    """Enhance one file to one file, without a run folder; returns the real-time factor.

    Raises:
        UsageError: ``target`` exists and ``machine`` does not allow to overwrite it.
        BadData: The audio cannot be used.
        NoInput: There is no such file.
        Unavailable: The target cannot be written, or weights or an extra are missing.
    """
    if target.exists() and not machine.overwrite:
        raise UsageError("the output file exists", place=str(target), hint="choose another, or pass --overwrite")
    audio = read_audio(source, channels=recipe.channels)
    enhancer = built_enhancer(recipe.enhancer, recipe.chunk)
    started = time.perf_counter()
    enhanced_N = enhancer(audio.samples, audio.sample_rate)
    work_seconds = time.perf_counter() - started
    write_audio(target, np.clip(enhanced_N, -1.0, 1.0), audio.sample_rate, subtype=recipe.encoding)
    return work_seconds / (len(enhanced_N) / audio.sample_rate)


def enhance_stream(recipe: EnhanceRecipe, source: BinaryIO | Path, sink: BinaryIO | Path, *, machine: Machine) -> None:
    """One audio file or stream to one audio file, or as a WAV to a stream.

    Raises:
        NoInput: Nothing came, or there is no such file.
        BadData: What came is not audio that can be used.
        UsageError: ``sink`` is a file that exists.
        Unavailable: Weights or an extra are missing.
    """
    with tempfile.TemporaryDirectory(prefix="merit-") as folder:
        if isinstance(source, Path):
            noisy, place = source, str(source)
        else:
            noisy, place = Path(folder) / "noisy.wav", "stdin"
            if not noisy.write_bytes(source.read()):
                raise NoInput("nothing came on stdin", place="-", hint="cat noisy.wav | merit enhance - -o -")
        target = sink if isinstance(sink, Path) else Path(folder) / "enhanced.wav"
        try:
            enhance_file(recipe, noisy, target, machine=machine)
        except (BadData, NoInput) as error:
            raise type(error)(error.message, place=place, hint=error.hint) from error
        if not isinstance(sink, Path):
            sink.write(target.read_bytes())
            sink.flush()
