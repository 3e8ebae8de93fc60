"""Scores of processed files against their clean references: one bad metric is one null with its reason.

`score_pair` does one pair in this process. `score_pairs` does many over worker processes: where a
native library kills a worker or a pair outlasts its time limit, that pair is scored again metric by
metric, so that only the metric at fault is lost.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from merit_cli.errors import BadData, MeritError, UsageError
from merit_cli.io.audio_file import Audio, FloatArray, audio_info, read_audio, resample
from merit_cli.metrics.spec import MetricSpec, canonical_name, load_metric
from merit_cli.workers import TimeLimitExceeded, WorkerDied, run_items

LENGTH_TOLERANCE_SECONDS = 0.01
"""A pair whose lengths differ by at most one frame of 10 ms is cut to the shorter, with a note."""


@dataclass(frozen=True)
class ScoreJob:
    """One pair to score.

    Args:
        id: The utterance.
        clean: Reference file; None where there is none.
        processed: File to score.
        metrics: Names of signal metrics.
        start: First sample of the segment, at the rate of ``processed``; the reference is cut at the same time.
        num_samples: Length of the segment, at the rate of ``processed``; None reads to the end.
    """

    id: str
    clean: Path | None
    processed: Path
    metrics: tuple[str, ...]
    start: int = 0
    num_samples: int | None = None


@dataclass(frozen=True)
class Score:
    """One number, or why there is none.

    Args:
        id: The utterance.
        metric: Canonical name.
        value: In the metric's unit; None where it could not be had.
        reason: Why not, in one sentence; empty where there is a value.
        note: What was done to the signals for this metric, such as a resampling.
    """

    id: str
    metric: str
    value: float | None
    reason: str = ""
    note: str = ""


@dataclass(frozen=True)
class PairScores:
    """All that came of one job.

    Args:
        id: The utterance.
        scores: One for each metric asked for, in that order.
        notes: What was done to the pair before any metric: rates, channels, a cut of at most 10 ms.
        failure: Why the pair as a whole could not be scored; then every value is None. Empty otherwise.
    """

    id: str
    scores: tuple[Score, ...]
    notes: tuple[str, ...] = ()
    failure: str = ""


@dataclass(frozen=True)
class _Pair:
    clean: FloatArray | None
    processed: FloatArray
    sample_rate: int
    notes: tuple[str, ...]


def score_pair(job: ScoreJob) -> PairScores:
    """Every metric of one pair, in this process.

    Raises:
        UsageError: A metric is unknown, or is not one of signals.
    """
    specs = [signal_metric(name) for name in job.metrics]
    try:
        pair = _read_pair(job)
    except MeritError as error:
        return _all_failed(job, _sentence(error))
    return PairScores(job.id, tuple(_score(job.id, spec, pair) for spec in specs), pair.notes)


def score_pairs(
    jobs: Sequence[ScoreJob], *, workers: int = 1, time_limit: float | None = None
) -> Iterator[tuple[ScoreJob, PairScores]]:
    """Every job with its scores, in the order of completion.

    Worker processes are used where ``workers`` > 1, where there is a time limit, or where a metric of
    any job may kill its process.

    Args:
        jobs: The pairs.
        workers: Processes.
        time_limit: Seconds that one pair, or one metric of a pair scored again, may take.

    Raises:
        UsageError: A metric is unknown, or is not one of signals.
    """
    specs = [signal_metric(name) for name in {name for job in jobs for name in job.metrics}]
    isolate = any(spec.isolate for spec in specs)
    for job, result in run_items(score_pair, jobs, workers=workers, isolate=isolate, time_limit=time_limit):
        yield job, _settle(job, result, time_limit)


def signal_metric(name: str) -> MetricSpec:
    """The metric of that name, if it is one of signals.

    Raises:
        UsageError: It is unknown, or is scored over labels.
    """
    spec = load_metric(name)
    if spec.kind != "signal":
        raise UsageError(f"{spec.name} is scored over labels, not over audio", hint="give predictions for it")
    return spec


def _settle(job: ScoreJob, result: PairScores | Exception, time_limit: float | None) -> PairScores:
    if isinstance(result, PairScores):
        return result
    if isinstance(result, WorkerDied | TimeLimitExceeded) and len(job.metrics) > 1:
        return _score_in_parts(job, result, time_limit)
    return _all_failed(job, _sentence(result))


def _score_in_parts(job: ScoreJob, error: Exception, time_limit: float | None) -> PairScores:
    """The same job in parts, each in a process of its own: metrics that may kill it alone, the others together.

    A part that is lost is split again, so that the metric at fault costs only itself. Where the process
    died and every other metric lives, the last one is at fault and is not tried again.
    """
    risky = [name for name in job.metrics if signal_metric(name).isolate]
    safe = tuple(name for name in job.metrics if name not in risky)
    groups = [safe, *((name,) for name in risky)] if safe and risky else [(name,) for name in job.metrics]
    settled: list[PairScores] = []
    for names in groups:
        part = replace(job, metrics=names)
        is_last = len(settled) == len(groups) - 1
        if is_last and isinstance(error, WorkerDied) and not any(done.failure for done in settled):
            settled.append(_all_failed(part, _sentence(error)))
        else:
            [(_, result)] = run_items(score_pair, [part], workers=1, isolate=True, time_limit=time_limit)
            settled.append(_settle(part, result, time_limit))
    scores = {score.metric: score for done in settled for score in done.scores}
    notes = next((done.notes for done in settled if done.notes), ())
    return PairScores(job.id, tuple(scores[canonical_name(name)] for name in job.metrics), notes)


def _all_failed(job: ScoreJob, reason: str) -> PairScores:
    scores = (Score(job.id, canonical_name(name), None, reason) for name in job.metrics)
    return PairScores(job.id, tuple(scores), failure=reason)


def _read_pair(job: ScoreJob) -> _Pair:
    """Both files at the lower of their rates, equally long."""
    processed_rate = audio_info(job.processed).sample_rate
    clean_rate = processed_rate if job.clean is None else audio_info(job.clean).sample_rate
    rate = min(processed_rate, clean_rate)
    processed = _read(job.processed, job, rate, scale=1.0)
    notes = [f"processed: {note}" for note in processed.notes]
    if job.clean is None:
        return _Pair(None, processed.samples, rate, tuple(notes))
    clean = _read(job.clean, job, rate, scale=clean_rate / processed_rate)
    notes += [f"clean: {note}" for note in clean.notes]
    excess = processed.samples.size - clean.samples.size
    if abs(excess) > LENGTH_TOLERANCE_SECONDS * rate:
        raise BadData(
            f"the lengths differ: clean has {clean.samples.size} samples, processed {processed.samples.size}",
            place=str(job.processed),
            hint=f"at {rate} Hz; up to 10 ms would be cut with a note",
        )
    if excess:
        notes.append(f"{'processed' if excess > 0 else 'clean'} cut by its last {abs(excess)} samples")
    shorter = min(clean.samples.size, processed.samples.size)
    return _Pair(clean.samples[:shorter], processed.samples[:shorter], rate, tuple(notes))


def _read(path: Path, job: ScoreJob, rate: int, *, scale: float) -> Audio:
    num_samples = None if job.num_samples is None else round(job.num_samples * scale)
    return read_audio(path, sample_rate=rate, start=round(job.start * scale), num_samples=num_samples)


def _score(item_id: str, spec: MetricSpec, pair: _Pair) -> Score:
    try:
        fitted = _at_rate(pair, spec)
        if spec.needs_reference and fitted.clean is None:
            raise BadData(f"{spec.name} needs a clean reference")
        value = float(spec.compute(fitted.clean, fitted.processed, sample_rate=fitted.sample_rate))
        if not np.isfinite(value):
            raise BadData(f"{spec.name} gave {value}")
    except Exception as error:  # whatever a library raises costs this one number, and is kept as its reason
        return Score(item_id, spec.name, None, _sentence(error))
    resampled = fitted.sample_rate != pair.sample_rate
    return Score(
        item_id, spec.name, value, note=f"resampled {pair.sample_rate} -> {fitted.sample_rate} Hz" if resampled else ""
    )


def _at_rate(pair: _Pair, spec: MetricSpec) -> _Pair:
    """The pair at the highest rate that the metric is defined at and the pair can fill."""
    if not spec.sample_rates or pair.sample_rate in spec.sample_rates:
        return pair
    lower = [rate for rate in spec.sample_rates if rate < pair.sample_rate]
    if not lower:
        raise BadData(f"{spec.name} needs {min(spec.sample_rates)} Hz and the pair has {pair.sample_rate} Hz")
    rate = max(lower)
    clean = None if pair.clean is None else resample(pair.clean, pair.sample_rate, rate)
    return _Pair(clean, resample(pair.processed, pair.sample_rate, rate), rate, pair.notes)


def _sentence(error: Exception) -> str:
    """One sentence without a newline: ours as they are, a library's with the kind of error."""
    if isinstance(error, MeritError):
        return str(error)
    return " ".join(f"{type(error).__name__}: {error}".split())
