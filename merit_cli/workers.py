"""Work on many items over processes: ordered by nothing, lost by nothing.

A worker that dies (a segfault in a native library) or outlasts the time limit costs its own item
only: the items in flight with it are run again one at a time to find the culprit.
"""

import multiprocessing
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Generic, TypeVar

from merit_cli.errors import BadData, Unavailable, UsageError

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")
Progress = Callable[[str, int, int], None]
"""Called with a stage's name, the items finished and the items in all."""

_THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


def no_progress(stage: str, finished: int, total: int) -> None:
    """A progress callback that shows nothing."""


@dataclass(frozen=True)
class Machine:
    """Settings of the machine and of this call; none of them changes a result.

    Args:
        workers: Processes for item-wise work; 1 runs inline.
        device: ``cpu``, ``cuda`` or ``cuda:N``.
        runs_dir: Where runs without an output folder go.
        overwrite: Throw away another run in the output folder.
        retry_failed: Try failed and skipped items again.
        progress: Told how far each stage is.
    """

    workers: int = 1
    device: str = "cpu"
    runs_dir: Path = Path("runs")
    overwrite: bool = False
    retry_failed: bool = False
    progress: Progress = no_progress


class WorkerDied(BadData):
    """The process working on an item ended without an answer."""


class TimeLimitExceeded(BadData):
    """An item took longer than its time limit."""


def available_cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def parse_shard(text: str) -> tuple[int, int]:
    """Number and count of a shard written ``i/n``, i from 1; ``auto`` reads a SLURM array.

    Raises:
        UsageError: It is neither.

    >>> parse_shard("2/3")
    (2, 3)
    """
    if text == "auto":
        try:
            first, last = int(os.environ["SLURM_ARRAY_TASK_MIN"]), int(os.environ["SLURM_ARRAY_TASK_MAX"])
            return int(os.environ["SLURM_ARRAY_TASK_ID"]) - first + 1, last - first + 1
        except (KeyError, ValueError):
            raise UsageError(
                "--shard auto needs a SLURM array job", place="--shard", hint="or write --shard 1/4"
            ) from None
    number, _, count = text.partition("/")
    if number.isdecimal() and count.isdecimal() and 1 <= int(number) <= int(count):
        return int(number), int(count)
    raise UsageError(f"cannot read the shard {text!r}", place="--shard", hint="write i/n with i from 1 to n")


def run_items(
    function: Callable[[ItemT], ResultT],
    items: Iterable[ItemT],
    *,
    workers: int,
    isolate: bool = False,
    time_limit: float | None = None,
) -> Iterator[tuple[ItemT, ResultT | Exception]]:
    """Each item with what ``function`` gave or raised, in the order of completion.

    Args:
        function: Importable by name, because workers are spawned.
        items: Picklable; read as needed, never all at once.
        workers: Processes; 1 runs inline unless ``isolate``.
        isolate: Always use a process, so that a native crash costs one item.
        time_limit: Seconds an item may take; implies ``isolate``.

    Raises:
        Unavailable: Worker processes die before they take any item.
    """
    if workers <= 1 and not isolate and time_limit is None:
        for item in items:
            yield item, _call(function, item)
        return
    yield from _Pool(function, max(1, workers), time_limit).run(iter(items))


def _call(function: Callable[[ItemT], ResultT], item: ItemT) -> ResultT | Exception:
    try:
        return function(item)
    except Exception as error:
        return error


class _Pool(Generic[ItemT, ResultT]):
    """A process pool that is made anew after a crash."""

    def __init__(self, function: Callable[[ItemT], ResultT], workers: int, time_limit: float | None) -> None:
        self.function, self.workers, self.time_limit = function, workers, time_limit
        self.can_start = False  # known once a process has answered

    def _executor(self, workers: int) -> ProcessPoolExecutor:
        for variable in _THREAD_VARIABLES:  # one thread each: more is slower
            os.environ.setdefault(variable, "1")
        return ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"))

    def run(self, items: Iterator[ItemT]) -> Iterator[tuple[ItemT, ResultT | Exception]]:
        # With a time limit no item may wait in the pool's queue, or its clock would run while it waits.
        depth = self.workers if self.time_limit is not None else self.workers * 3
        executor = self._executor(self.workers)
        is_fresh = True
        pending: dict[Future[ResultT | Exception], ItemT] = {}
        try:
            while True:
                for item in islice(items, depth - len(pending)):
                    pending[self._submit(executor, item)] = item
                if not pending:
                    return
                finished, _ = wait(pending, timeout=self.time_limit, return_when=FIRST_COMPLETED)
                broken = not finished
                for future in finished:
                    try:
                        result = future.result()
                    except BrokenProcessPool:
                        broken = True
                        continue
                    is_fresh, self.can_start = False, True
                    yield pending.pop(future), result
                if broken:
                    _kill(executor)
                    self._check_start()
                    suspects = list(pending.values())
                    pending.clear()
                    for suspect in suspects:
                        # Alone in new processes it is the culprit; after others it may have met a heap they spoilt.
                        proven = is_fresh and len(suspects) == 1
                        yield suspect, self._lost(died=bool(finished)) if proven else self._alone(suspect)
                    is_fresh = True
                    executor = self._executor(self.workers)
        finally:
            _kill(executor)

    def _submit(self, executor: ProcessPoolExecutor, item: ItemT) -> Future[ResultT | Exception]:
        """The item's future; a broken one where a worker has just died, so that the item is not lost."""
        try:
            return executor.submit(_call, self.function, item)
        except BrokenProcessPool as error:
            broken: Future[ResultT | Exception] = Future()
            broken.set_exception(error)
            return broken

    def _check_start(self) -> None:
        """Tell processes that cannot start from an item that kills them, or each item would be blamed in turn."""
        if self.can_start:
            return
        executor = self._executor(1)
        try:
            executor.submit(os.getpid).result()
            self.can_start = True
        except BrokenProcessPool:
            raise Unavailable(
                "worker processes cannot start",
                place="workers",
                hint='a script must call this below `if __name__ == "__main__":`; or use one worker (-j 1)',
            ) from None
        finally:
            _kill(executor)

    def _alone(self, item: ItemT) -> ResultT | Exception:
        executor = self._executor(1)
        try:
            return executor.submit(_call, self.function, item).result(timeout=self.time_limit)
        except BrokenProcessPool:
            return self._lost(died=True)
        except TimeoutError:
            return self._lost(died=False)
        finally:
            _kill(executor)

    def _lost(self, *, died: bool) -> Exception:
        if died:
            return WorkerDied("the worker process died on this item", hint="a native library crashed or memory ran out")
        return TimeLimitExceeded(f"the item took longer than {self.time_limit:g} s")


def _kill(executor: ProcessPoolExecutor) -> None:
    for process in list((executor._processes or {}).values()):
        process.kill()
    executor.shutdown(wait=True, cancel_futures=True)
