"""A run that is killed or stopped at any moment, and a job that loses a process, end as if nothing had happened."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import load_file

from merit_cli.io.atomic import write_yaml

SCRIPT = Path(__file__).with_name("train_tiny.py")
sys.path.insert(0, str(SCRIPT.parent))

from train_tiny import TINY  # noqa: E402 - a script beside this file

pytestmark = pytest.mark.slow
MERIT = (sys.executable, "-m", "merit_cli")
TORCHRUN = (sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "merit_cli")
TIME_LIMIT = 240.0
NUM_MOMENTS = 20


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("recipe") / "tiny.yaml"
    write_yaml(path, {**TINY, "epochs": 20})
    return path


class Job:
    """A train command under way."""

    def __init__(self, launcher: Sequence[str], recipe: Path, corpus: Path, run: Path) -> None:
        command = [*launcher, "train", str(corpus), "--recipe", str(recipe), "-o", str(run)]
        self.metrics = run / "metrics.jsonl"
        self.began = self.num_lines()
        self.process = subprocess.Popen(
            command, env={**os.environ, "OMP_NUM_THREADS": "1"}, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL
        )

    def num_lines(self) -> int:
        return self.metrics.read_bytes().count(b"\n") if self.metrics.exists() else 0

    def wait_for_line(self, count: int = 1) -> None:
        deadline = time.monotonic() + TIME_LIMIT
        while time.monotonic() < deadline and self.process.poll() is None and self.num_lines() < count:
            time.sleep(0.005)
        assert self.process.returncode is None, self.end()[1]

    def end(self) -> tuple[int, str]:
        """Exit code and stderr."""
        _, errors = self.process.communicate(timeout=TIME_LIMIT)
        return self.process.returncode, errors.decode()


def assert_same_run(found: Path, expected: Path) -> None:
    assert (found / "metrics.jsonl").read_bytes() == (expected / "metrics.jsonl").read_bytes()
    weights, reference = (load_file(run / "model" / "model.safetensors") for run in (found, expected))
    assert weights.keys() == reference.keys()
    assert all(weights[name].equal(reference[name]) for name in weights)


def test_a_run_hit_at_twenty_random_moments_ends_with_the_same_weights(
    recipe: Path, noisy_corpus: Path, tmp_path: Path
) -> None:
    whole = Job(MERIT, recipe, noisy_corpus, tmp_path / "whole")
    started = time.monotonic()
    whole.wait_for_line()
    first_line = time.monotonic() - started
    assert whole.end()[0] == 0
    duration = time.monotonic() - started
    generator = np.random.default_rng(2026)
    num_interrupted = 0
    for number in range(NUM_MOMENTS):
        run = tmp_path / f"run{number}"
        job = Job(MERIT, recipe, noisy_corpus, run)
        number_of_signal = (signal.SIGKILL, signal.SIGTERM)[number % 2]
        if number % 10 < 8:  # within the training; the others at any time, imports and export included
            job.wait_for_line()
            time.sleep(generator.uniform(0.0, duration - first_line))
        else:
            time.sleep(generator.uniform(0.0, duration))
        job.process.send_signal(number_of_signal)
        code, _ = job.end()
        assert code in ((0, -signal.SIGKILL) if number_of_signal == signal.SIGKILL else (0, 75, -signal.SIGTERM))
        num_interrupted += not (run / "DONE").exists()
        again = Job(MERIT, recipe, noisy_corpus, run)
        assert again.end()[0] == 0
        assert_same_run(run, tmp_path / "whole")
    assert num_interrupted >= NUM_MOMENTS // 2


@pytest.fixture(scope="module")
def whole_job(recipe: Path, noisy_corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("job") / "run"
    code, errors = Job(TORCHRUN, recipe, noisy_corpus, run).end()
    assert code == 0, errors
    return run


def workers_of(launcher: int) -> list[int]:
    """Processes that a process started."""
    found = subprocess.run(["ps", "-o", "pid=", "--ppid", str(launcher)], capture_output=True, text=True, check=True)
    return [int(line) for line in found.stdout.split()]


def test_a_job_that_loses_a_process_ends_within_a_minute_and_goes_on(
    whole_job: Path, recipe: Path, noisy_corpus: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    job = Job(TORCHRUN, recipe, noisy_corpus, run)
    job.wait_for_line(20)
    os.kill(workers_of(job.process.pid)[1], signal.SIGKILL)
    killed = time.monotonic()
    code, errors = job.end()
    assert time.monotonic() - killed < 60.0
    assert code != 0
    assert "merit: process 0: another process of this job has ended" in errors
    assert "the same command goes on from the last checkpoint" in errors
    assert re.search(r"exitcode\s*: -9", errors)  # torchrun's own table names the process
    assert not (run / "DONE").exists()
    code, errors = Job(TORCHRUN, recipe, noisy_corpus, run).end()
    assert code == 0, errors
    assert_same_run(run, whole_job)


def test_a_job_that_is_stopped_says_so_in_a_file_and_goes_on(
    whole_job: Path, recipe: Path, noisy_corpus: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    job = Job(TORCHRUN, recipe, noisy_corpus, run)
    job.wait_for_line(20)
    job.process.send_signal(signal.SIGTERM)
    code, errors = job.end()
    assert code != 0
    assert "training was asked to stop" in errors, errors
    assert (run / "PREEMPTED").read_text(encoding="utf-8").startswith("step ")
    code, errors = Job(TORCHRUN, recipe, noisy_corpus, run).end()
    assert code == 0, errors
    assert not (run / "PREEMPTED").exists()
    assert_same_run(run, whole_job)


def test_a_run_of_two_processes_may_go_on_with_one(recipe: Path, noisy_corpus: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    job = Job(TORCHRUN, recipe, noisy_corpus, run)
    job.wait_for_line(20)
    job.process.send_signal(signal.SIGTERM)
    assert job.end()[0] != 0
    lines = (run / "metrics.jsonl").read_bytes()
    assert Job(MERIT, recipe, noisy_corpus, run).end()[0] == 0
    assert (run / "metrics.jsonl").read_bytes().startswith(lines)


def test_a_job_that_is_refused_says_why(recipe: Path, whole_job: Path, noisy_corpus: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.yaml"
    write_yaml(other, {**TINY, "epochs": 19})
    code, errors = Job(TORCHRUN, other, noisy_corpus, whole_job).end()
    assert code != 0
    assert "merit: " + str(whole_job) + ": the output folder holds another run; these differ: epochs" in errors
    assert (whole_job / "DONE").exists()
