"""Work on many items over processes: ordered by nothing, lost by nothing.

A worker that dies (a segfault in a native library) or outlasts the time limit costs its own item only. Each process
answers one item at a time, is used again for the next, and is replaced alone.
"""

import math
import multiprocessing
import os
import pickle
import signal
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from multiprocessing.connection import Connection
from multiprocessing.connection import wait as connection_wait
from pathlib import Path
from typing import Generic, NamedTuple, TypeVar

from merit_cli.errors import BadData, Unavailable

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")
Progress = Callable[[str, int, int], None]
"""Called with a stage's name, the items finished and the items in all."""
Say = Callable[[str], None]
"""Called with a sentence that the user should know."""

_THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
_AHEAD_BYTES = 4096
"""An item this small is given to a busy process ahead: it fits into any system's pipe, so nobody blocks."""
_MAX_FALSE_STARTS = 10


def no_progress(stage: str, finished: int, total: int) -> None:
    """A progress callback that shows nothing."""


def say_nothing(sentence: str) -> None:
    """Keep it."""


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
        say: Told in a sentence what the user should know now.
    """

    workers: int = 1
    device: str = "cpu"
    runs_dir: Path = Path("runs")
    overwrite: bool = False
    retry_failed: bool = False
    progress: Progress = no_progress
    say: Say = say_nothing


class WorkerDied(BadData):
    """The process working on an item ended without an answer."""


class TimeLimitExceeded(BadData):
    """An item took longer than its time limit."""


def is_first_process() -> bool:
    """Whether this is the process of a torchrun job that speaks for all, or alone."""
    return os.environ.get("RANK", "0") == "0"


def available_cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


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
        time_limit: Seconds an item may take once its process has started; implies ``isolate``.

    Raises:
        Unavailable: Worker processes die before they take any item.
    """
    if workers <= 1 and not isolate and time_limit is None:
        for item in items:
            yield item, _call(function, item)
        return
    pool = Pool(function, max(1, workers), time_limit)
    try:
        yield from pool.run(iter(items))
    finally:
        pool.end()


def _call(function: Callable[[ItemT], ResultT], item: ItemT) -> ResultT | Exception:
    try:
        return function(item)
    except Exception as error:
        return error


def _serve(connection: Connection, function: Callable[[ItemT], ResultT]) -> None:
    """Answer pickled items until the other end closes: what a worker process does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends the workers
    connection.send_bytes(b"")
    while True:
        try:
            message = connection.recv_bytes()
        except EOFError:
            return
        connection.send_bytes(_packed(_call(lambda packed: function(pickle.loads(packed)), message)))


def _packed(result: object) -> bytes:
    """A result that the parent can surely unpack: an exception that cannot be is told in words."""
    try:
        message = pickle.dumps(result)
        if isinstance(result, Exception):
            pickle.loads(message)
    except Exception as error:
        told = result if isinstance(result, Exception) else error
        message = pickle.dumps(RuntimeError(f"{type(told).__name__}: {told}"))
    return message


class _Worker(Generic[ItemT]):
    """A process, and what it was given and has not answered; the first of that is being worked on."""

    def __init__(self, function: Callable[[ItemT], object]) -> None:
        for variable in _THREAD_VARIABLES:  # one thread each: more is slower
            os.environ.setdefault(variable, "1")
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs, function), daemon=True)
        self.process.start()
        theirs.close()
        self.given: deque[_Given[ItemT]] = deque()
        self.is_ready = False
        self.num_answered = 0
        self.since = 0.0

    def give(self, given: "_Given[ItemT]") -> None:
        if not self.given:
            self.since = time.monotonic()
        self.given.append(given)
        with suppress(OSError):  # it has just died, which is seen when it is listened to
            self.connection.send_bytes(given.message)

    def seconds_left(self, limit: float) -> float:
        return self.since + limit - time.monotonic() if self.is_ready and self.given else math.inf

    def end(self) -> None:
        self.process.kill()
        self.process.join()
        self.connection.close()


class _Given(NamedTuple, Generic[ItemT]):
    item: ItemT
    message: bytes


class Pool(Generic[ItemT, ResultT]):
    """Processes that each answer one item at a time, so that it is known which item a process died on.

    Args:
        function: Importable by name, because workers are spawned.
        workers: Processes; each starts when it is first needed.
        time_limit: Seconds an item may take; None for any.
    """

    def __init__(self, function: Callable[[ItemT], ResultT], workers: int, time_limit: float | None) -> None:
        self.function, self.num_workers = function, workers
        self.limit = math.inf if time_limit is None else time_limit
        self.crew: list[_Worker[ItemT]] = []
        self.waiting: deque[_Given[ItemT]] = deque()
        self.can_start = False  # known once a process has called
        self.num_false_starts = 0

    def run(self, items: Iterator[ItemT]) -> Iterator[tuple[ItemT, ResultT | Exception]]:
        """Each item with its result, in the order of completion; the processes stay for the next call."""
        while True:
            self._hand_out(items)
            if not self.crew or not any(worker.given for worker in self.crew):
                return
            settled = [answer for worker in self._wait() for answer in self._listen(worker)]
            self._hand_out(items)  # before the answers, so that no worker waits for the reader of them
            yield from settled

    def end(self) -> None:
        """Stop the processes."""
        for worker in self.crew:
            worker.end()
        self.crew.clear()

    def _hand_out(self, items: Iterator[ItemT]) -> None:
        """Give every process an item, and a second one ahead while many wait."""
        for item in islice(items, max(0, 2 * self.num_workers - len(self.waiting))):
            self.waiting.append(_Given(item, pickle.dumps(item)))
        for worker in self.crew:
            if self.waiting and not worker.given:
                worker.give(self.waiting.popleft())
        while self.waiting and len(self.crew) < self.num_workers:
            self.crew.append(_Worker(self.function))
            self.crew[-1].give(self.waiting.popleft())
        for worker in self.crew:
            is_small = bool(self.waiting) and len(self.waiting[0].message) <= _AHEAD_BYTES
            if is_small and len(worker.given) == 1 and len(self.waiting) > self.num_workers:
                worker.give(self.waiting.popleft())

    def _wait(self) -> list[_Worker[ItemT]]:
        """Those that have answered, died or run out of time."""
        busy = [worker for worker in self.crew if worker.given]
        shortest = min(worker.seconds_left(self.limit) for worker in busy)
        signs = {sign: worker for worker in busy for sign in (worker.connection, worker.process.sentinel)}
        heard = connection_wait(list(signs), None if shortest == math.inf else max(0.0, shortest))
        called = {id(signs[sign]) for sign in heard}  # type: ignore[index]  # they come back as they were given
        return [worker for worker in busy if id(worker) in called or worker.seconds_left(self.limit) <= 0.0]

    def _listen(self, worker: _Worker[ItemT]) -> Iterator[tuple[ItemT, ResultT | Exception]]:
        try:
            has_called = worker.connection.poll()
            message = worker.connection.recv_bytes() if has_called else None
        except (EOFError, OSError):
            yield from self._bury(worker)
            return
        if message is None:
            yield from self._bury(worker, overran=worker.seconds_left(self.limit) <= 0.0)
        elif not worker.is_ready:
            worker.is_ready = self.can_start = True
            worker.since = time.monotonic()
        else:
            worker.num_answered += 1
            worker.since = time.monotonic()
            yield worker.given.popleft().item, pickle.loads(message)

    def _bury(self, worker: _Worker[ItemT], *, overran: bool = False) -> Iterator[tuple[ItemT, Exception]]:
        """Put a new process in the place of one that died or must be ended, and settle what it was given."""
        worker.end()
        if not worker.is_ready:
            self._count_false_start()
            self.crew.remove(worker)
            self.waiting.extendleft(reversed(worker.given))
            return
        suspect, *others = worker.given
        self.waiting.extendleft(reversed(others))
        self.crew.remove(worker)
        if overran:
            yield suspect.item, TimeLimitExceeded(f"the item took longer than {self.limit:g} s")
        elif worker.num_answered == 0:
            hint = "a native library crashed or memory ran out"
            yield suspect.item, WorkerDied("the worker process died on this item", hint=hint)
        else:  # an earlier item may have spoilt the heap: the suspect gets a new process
            self.crew.append(_Worker(self.function))
            self.crew[-1].give(suspect)

    def _count_false_start(self) -> None:
        """Tell processes that cannot start from an item that kills them, or each item would be blamed in turn."""
        self.num_false_starts += 1
        if not self.can_start or self.num_false_starts > _MAX_FALSE_STARTS:
            raise Unavailable(
                "worker processes cannot start",
                place="workers",
                hint='a script must call this below `if __name__ == "__main__":`; or use one worker (-j 1)',
            )
