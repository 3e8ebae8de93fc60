"""A metric of many pairs in memory, in processes that stay: the target of adversarial training.

A native crash or a hang costs one pair, which gets its reason in place of a number.
"""

from collections.abc import Sequence
from types import TracebackType
from typing import NamedTuple

from merit_cli.errors import BadData, MeritError
from merit_cli.metrics.score import signal_metric
from merit_cli.metrics.spec import Samples
from merit_cli.workers import Pool

SECONDS_EACH = 20.0


class _PairJob(NamedTuple):
    metric: str
    clean: Samples
    processed: Samples
    sample_rate: int


def _compute(job: _PairJob) -> float:
    value = signal_metric(job.metric).compute(job.clean, job.processed, sample_rate=job.sample_rate)
    if value != value:
        raise BadData(f"{job.metric} gave no number")
    return float(value)


class IsolatedScorer:
    """From clean and processed signals to a number each, or the reason why there is none.

    Args:
        metric: Name of a signal metric, such as ``pesq_wb``.
        sample_rate: Of every signal, in Hz; one that the metric takes.
        workers: Processes.
        time_limit: Seconds a pair may take.

    Raises:
        UsageError: The metric is unknown, or is not one of signals.
    """

    def __init__(self, metric: str, *, sample_rate: int, workers: int = 1, time_limit: float = SECONDS_EACH) -> None:
        self.metric = signal_metric(metric).name
        self.sample_rate = sample_rate
        self._pool: Pool[_PairJob, float] = Pool(_compute, max(1, workers), time_limit)

    def __call__(self, clean: Sequence[Samples], processed: Sequence[Samples]) -> list[float | str]:
        """One answer a pair, in order."""
        jobs = [_PairJob(self.metric, *pair, self.sample_rate) for pair in zip(clean, processed, strict=True)]
        results = {id(job): result for job, result in self._pool.run(iter(jobs))}
        return [_number_or_reason(results[id(job)]) for job in jobs]

    def __enter__(self) -> "IsolatedScorer":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.end()


def _number_or_reason(result: float | Exception) -> float | str:
    if not isinstance(result, Exception):
        return result
    return str(result) if isinstance(result, MeritError) else f"{type(result).__name__}: {result}"
