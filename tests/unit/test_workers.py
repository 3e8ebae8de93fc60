import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from merit_cli.errors import BadData
from merit_cli.workers import TimeLimitExceeded, WorkerDied, run_items


def square_or_misbehave(item: int) -> int:
    if item == 3:
        raise BadData("three is bad")
    if item == 5:
        os.kill(os.getpid(), signal.SIGSEGV)
    if item == 7:
        time.sleep(60)
    return item * item


@pytest.mark.parametrize("workers", [1, 2])
def test_every_item_comes_back_with_its_result_or_error(workers: int) -> None:
    results = dict(run_items(square_or_misbehave, [1, 2, 3, 4], workers=workers))
    assert results[4] == 16
    assert isinstance(results[3], BadData)
    assert len(results) == 4


def test_a_crash_costs_only_its_own_item() -> None:
    results = dict(run_items(square_or_misbehave, [1, 5, 2, 4], workers=2, isolate=True))
    assert isinstance(results[5], WorkerDied)
    assert [results[item] for item in (1, 2, 4)] == [1, 4, 16]


def test_a_slow_item_costs_only_its_own_time_limit() -> None:
    results = dict(run_items(square_or_misbehave, [7, 1, 2], workers=1, time_limit=1.5))
    assert isinstance(results[7], TimeLimitExceeded)
    assert (results[1], results[2]) == (1, 4)


SCRIPT = """
import math
from merit_cli.errors import Unavailable
from merit_cli.workers import run_items

{guard}
    try:
        print("results", dict(run_items(math.sqrt, [4.0, 9.0], workers=2)))
    except Unavailable as error:
        print("refused", error)
"""


@pytest.mark.parametrize(
    ("guard", "expected"),
    [("if True:", "refused workers: worker processes cannot start"), ('if __name__ == "__main__":', "results")],
)
def test_a_script_without_the_main_guard_is_told_so_at_once(tmp_path: Path, guard: str, expected: str) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT.format(guard=guard))
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout.startswith(expected), done.stderr
    assert ("-j 1" in done.stdout) == (expected.startswith("refused"))


def die(item: int) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_items_that_all_kill_their_worker_are_blamed_and_not_the_start() -> None:
    results = dict(run_items(die, [1, 2, 3], workers=2))
    assert all(isinstance(result, WorkerDied) for result in results.values())
    assert len(results) == 3


def test_a_slow_item_does_not_stop_the_others_nor_restart_them() -> None:
    items = [7, *range(10, 40)]
    answered = [item for item, _ in run_items(process_or_sleep, items, workers=2, time_limit=2.0)]
    assert 7 in answered[-2:]  # the others went by while it slept, but one that was given ahead
    assert sorted(answered) == items


def test_processes_are_used_again_after_a_death() -> None:
    pids = [result for _, result in run_items(process_or_die, range(60), workers=2)]
    assert sum(isinstance(pid, WorkerDied) for pid in pids) == 1
    assert len({pid for pid in pids if isinstance(pid, int)}) <= 4  # two at first, one anew and one for the culprit


def process_or_sleep(item: int) -> int:
    time.sleep(60 if item == 7 else 0.0)
    return os.getpid()


def process_or_die(item: int) -> int:
    if item == 30:
        os.kill(os.getpid(), signal.SIGSEGV)
    return os.getpid()


def test_the_time_limit_is_of_each_item_though_others_go_on() -> None:
    started = time.monotonic()
    first = next(item for item, result in run_items(nap, [7, *range(10, 400)], workers=2, time_limit=1.0) if item == 7)
    assert first == 7
    assert time.monotonic() - started < 15.0  # the others alone take 20 s


def nap(item: int) -> None:
    time.sleep(60 if item == 7 else 0.05)


class Awkward(Exception):
    """An exception that pickles and does not come back."""

    def __init__(self, first: int, second: int) -> None:
        super().__init__(f"{first} and {second}")


def raise_awkward(item: int) -> None:
    raise Awkward(item, 2)


def test_an_exception_that_does_not_survive_pickling_is_told_in_words() -> None:
    [(_, result)] = run_items(raise_awkward, [1], workers=1, isolate=True)
    assert str(result) == "Awkward: 1 and 2"


def test_long_messages_both_ways_block_nobody() -> None:
    items = [bytes([number]) * 3_000_000 for number in range(12)]
    assert sorted(result for _, result in run_items(bytes.upper, items, workers=2)) == sorted(map(bytes.upper, items))
