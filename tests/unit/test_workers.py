import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from merit_cli.errors import BadData, UsageError
from merit_cli.workers import TimeLimitExceeded, WorkerDied, parse_shard, run_items


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


@pytest.mark.parametrize("text", ["0/3", "4/3", "1", "a/b", "auto"])
def test_a_shard_that_is_none_is_refused(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SLURM_ARRAY_TASK_ID", raising=False)
    with pytest.raises(UsageError):
        parse_shard(text)


def test_auto_reads_the_slurm_array(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("ID", "5"), ("MIN", "4"), ("MAX", "7")):
        monkeypatch.setenv(f"SLURM_ARRAY_TASK_{name}", value)
    assert parse_shard("auto") == (2, 4)


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
