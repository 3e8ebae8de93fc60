"""Scores of processed files against their clean references: one bad metric is one null with its reason.

`score_pair` does one pair in this process. `score_pairs` does many over worker processes: where a
native library kills a worker or a pair outlasts its time limit, that pair is scored again metric by
metric, so that only the metric at fault is lost. What several metrics are made of (`MetricSpec.parts`),
and the pair at each rate, is computed once a pair.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from merit_cli.errors import BadData, MeritError, UsageError
from merit_cli.metrics.pair import Pair, at_rate_of, rate_of, read_pair
from merit_cli.metrics.spec import MetricSpec, canonical_name, load_metric
from merit_cli.workers import TimeLimitExceeded, WorkerDied, run_items


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
        notes: What was done to the pair before any metric: rates, channels, a cut of at most 10 ms; and a delay found.
        failure: Why the pair as a whole could not be scored; then every value is None. Empty otherwise.
    """

    id: str
    scores: tuple[Score, ...]
    notes: tuple[str, ...] = ()
    failure: str = ""


def score_pair(job: ScoreJob) -> PairScores:
    """Every metric of one pair, in this process.

    Raises:
        UsageError: A metric is unknown, or is not one of signals.
    """
    leaf_metrics(job.metrics)  # an unknown name is refused before anything is read
    try:
        pair = read_pair(job.processed, job.clean, start=job.start, num_samples=job.num_samples)
    except MeritError as error:
        return _all_failed(job, _sentence(error))
    return PairScores(job.id, compose(job.id, job.metrics, score_leaves(job.id, job.metrics, pair)), pair.notes)


def score_leaves(item_id: str, metrics: Iterable[str], pair: Pair) -> dict[str, Score]:
    """What must be computed from a pair for some metrics, by name, once each and at its own rate."""
    rates: dict[int, Pair] = {}
    return {spec.name: _score(item_id, spec, pair, rates) for spec in leaf_metrics(metrics)}


def compose(item_id: str, metrics: Iterable[str], leaves: Mapping[str, Score]) -> tuple[Score, ...]:
    """The scores of some metrics out of those of their leaves, in the order of ``metrics``."""
    return tuple(_composed(item_id, signal_metric(name), leaves) for name in metrics)


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
    isolate = any(spec.isolate for spec in leaf_metrics({name for job in jobs for name in job.metrics}))
    queue = _Queue(jobs)
    cases: dict[int, _Case] = {}
    for job, result in run_items(score_pair, queue, workers=workers, isolate=isolate, time_limit=time_limit):
        case = cases.pop(id(job), None)
        if case is None and isinstance(result, WorkerDied | TimeLimitExceeded) and len(leaf_metrics(job.metrics)) > 1:
            case = _Case(job, result)
        elif case is None:
            yield job, result if isinstance(result, PairScores) else _all_failed(job, _sentence(result))
            continue
        else:
            case.settle(job, result)
        part = case.next_part()
        if part is None:
            yield case.job, case.scores()
        else:
            cases[id(part)] = case
            queue.again.append(part)


def signal_metric(name: str) -> MetricSpec:
    """The metric of that name, if it is one of signals.

    Raises:
        UsageError: It is unknown, or is scored over labels.
    """
    spec = load_metric(name)
    if spec.kind != "signal":
        raise UsageError(f"{spec.name} is scored over labels, not over audio", hint="give predictions for it")
    return spec


def leaf_metrics(names: Iterable[str]) -> list[MetricSpec]:
    """The metrics that must be computed from audio for those of ``names``, once each, in their order.

    Raises:
        UsageError: A metric is unknown, or is not one of signals.
    """
    leaves: dict[str, MetricSpec] = {}
    for name in names:
        spec = signal_metric(name)
        found = leaf_metrics(spec.parts) if spec.parts else [spec]
        leaves.update({leaf.name: leaf for leaf in found})
    return list(leaves.values())


class _Queue:
    """Jobs, and those that are to be scored again; it may have more after it had none."""

    def __init__(self, jobs: Iterable[ScoreJob]) -> None:
        self.again: deque[ScoreJob] = deque()
        self._fresh = iter(jobs)

    def __iter__(self) -> Iterator[ScoreJob]:
        return self

    def __next__(self) -> ScoreJob:
        return self.again.popleft() if self.again else next(self._fresh)


@dataclass
class _Case:
    """A pair whose process was lost: metrics that may kill it are tried alone, the others together.

    A part that is lost is split again, so that the metric at fault costs only itself. Where the process
    died and every other metric lives, the last one is at fault and is not tried again.
    """

    job: ScoreJob
    error: Exception
    parts: deque[tuple[str, ...]] = field(init=False)
    settled: list[PairScores] = field(default_factory=list)

    def __post_init__(self) -> None:
        leaves = leaf_metrics(self.job.metrics)
        safe = tuple(spec.name for spec in leaves if not spec.isolate)
        risky = [(spec.name,) for spec in leaves if spec.isolate]
        self.parts = deque([safe, *risky] if safe and risky else [(spec.name,) for spec in leaves])

    def settle(self, part: ScoreJob, result: PairScores | Exception) -> None:
        """Keep the result of a part, or split the part."""
        if isinstance(result, PairScores):
            self.settled.append(result)
        elif isinstance(result, WorkerDied | TimeLimitExceeded) and len(part.metrics) > 1:
            self.parts.extendleft((name,) for name in reversed(part.metrics))
        else:
            self.settled.append(_all_failed(part, _sentence(result)))

    def next_part(self) -> ScoreJob | None:
        """What is to be tried next; None where all is known."""
        is_last = len(self.parts) == 1 and len(self.parts[0]) == 1
        if is_last and isinstance(self.error, WorkerDied) and not any(done.failure for done in self.settled):
            self.settled.append(_all_failed(replace(self.job, metrics=self.parts.popleft()), _sentence(self.error)))
        return replace(self.job, metrics=self.parts.popleft()) if self.parts else None

    def scores(self) -> PairScores:
        """The pair's scores out of its parts."""
        found = {score.metric: score for done in self.settled for score in done.scores}
        notes = next((done.notes for done in self.settled if done.notes), ())
        return PairScores(self.job.id, compose(self.job.id, self.job.metrics, found), notes)


def _all_failed(job: ScoreJob, reason: str) -> PairScores:
    scores = (Score(job.id, canonical_name(name), None, reason) for name in job.metrics)
    return PairScores(job.id, tuple(scores), failure=reason)


def _composed(item_id: str, spec: MetricSpec, leaves: Mapping[str, Score]) -> Score:
    """The score of a metric out of its parts; that of a leaf as it is."""
    if not spec.parts:
        return leaves[spec.name]
    parts = [_composed(item_id, signal_metric(name), leaves) for name in spec.parts]
    reasons = [f"{part.metric}: {part.reason}" for part in parts if part.value is None]
    note = "; ".join(f"{part.metric}: {part.note}" for part in parts if part.note)
    if reasons:
        return Score(item_id, spec.name, None, "; ".join(reasons), note)
    try:
        value = _finite(spec, spec.compute({part.metric: part.value for part in parts}))
    except Exception as error:  # as in `_score`
        return Score(item_id, spec.name, None, _sentence(error), note)
    return Score(item_id, spec.name, value, note=note)


def _score(item_id: str, spec: MetricSpec, pair: Pair, rates: dict[int, Pair]) -> Score:
    """One number; ``rates`` keeps the pair at each rate in Hz that it was brought to."""
    try:
        if spec.needs_reference and pair.clean is None:
            raise BadData(f"{spec.name} needs a clean reference")
        rate = rate_of(pair.sample_rate, spec)
        fitted = rates.get(rate) or rates.setdefault(rate, at_rate_of(pair, spec))
        value = _finite(spec, spec.compute(fitted.clean, fitted.processed, sample_rate=rate))
    except Exception as error:  # whatever a library raises costs this one number, and is kept as its reason
        return Score(item_id, spec.name, None, _sentence(error))
    resampled = f"resampled {pair.sample_rate} -> {rate} Hz" if rate != pair.sample_rate else ""
    return Score(item_id, spec.name, value, note=resampled)


def _finite(spec: MetricSpec, value: float) -> float:
    if not np.isfinite(value):
        raise BadData(f"{spec.name} gave {value}")
    return float(value)


def _sentence(error: Exception) -> str:
    """One sentence without a newline: ours as they are, a library's with the kind of error."""
    if isinstance(error, MeritError):
        return str(error)
    return " ".join(f"{type(error).__name__}: {error}".split())
