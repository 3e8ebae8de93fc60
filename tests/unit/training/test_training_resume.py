"""A killed or stopped run, started again, ends as an uninterrupted one, to the bit."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from safetensors.torch import load_file

from merit_cli.io.jsonl import read_lines

SCRIPT = Path(__file__).with_name("train_tiny.py")
TIME_LIMIT = 120.0
sys.path.insert(0, str(SCRIPT.parent))


def start(corpus: Path, run: Path) -> "subprocess.Popen[bytes]":
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen([sys.executable, str(SCRIPT), str(corpus), str(run)], env=environment)


def wait_for_lines(process: "subprocess.Popen[bytes]", metrics: Path, count: int) -> None:
    """Until the run has written ``count`` lines."""
    deadline = time.monotonic() + TIME_LIMIT
    while time.monotonic() < deadline:
        if metrics.exists() and metrics.read_bytes().count(b"\n") >= count:
            return
        assert process.poll() is None, "the run ended before it could be interrupted"
        time.sleep(0.002)
    raise AssertionError("the run wrote nothing")


@pytest.fixture(scope="module")
def whole(noisy_corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("whole") / "run"
    assert start(noisy_corpus, run).wait(TIME_LIMIT) == 0
    return run


def assert_same_run(found: Path, expected: Path) -> None:
    assert (found / "metrics.jsonl").read_bytes() == (expected / "metrics.jsonl").read_bytes()
    weights, reference = (load_file(run / "model" / "model.safetensors") for run in (found, expected))
    assert weights.keys() == reference.keys()
    assert all(weights[name].equal(reference[name]) for name in weights)


def test_a_run_killed_in_mid_epoch_and_started_again_equals_an_uninterrupted_one(
    whole: Path, noisy_corpus: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    process = start(noisy_corpus, run)
    wait_for_lines(process, run / "metrics.jsonl", 7)  # three steps and an epoch's line each epoch
    process.send_signal(signal.SIGKILL)
    assert process.wait(TIME_LIMIT) == -signal.SIGKILL
    assert not (run / "DONE").exists()
    lines = sum(1 for _ in read_lines(run / "metrics.jsonl", torn_tail=True))
    assert 7 <= lines < sum(1 for _ in read_lines(whole / "metrics.jsonl"))
    assert start(noisy_corpus, run).wait(TIME_LIMIT) == 0
    assert_same_run(run, whole)


def test_sigterm_saves_and_leaves_with_75_and_the_same_command_goes_on(
    whole: Path, noisy_corpus: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    process = start(noisy_corpus, run)
    wait_for_lines(process, run / "metrics.jsonl", 5)
    process.send_signal(signal.SIGTERM)
    assert process.wait(TIME_LIMIT) == 75
    assert start(noisy_corpus, run).wait(TIME_LIMIT) == 0
    assert_same_run(run, whole)


def test_a_stop_while_dev_is_scored_loses_nothing(
    whole: Path, noisy_corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from train_tiny import tiny_recipe

    from merit_cli.errors import Preempted
    from merit_cli.training.brain import MeritBrain
    from merit_cli.workers import Machine
    from merit_cli.workflows.train import run_train

    scored = MeritBrain.evaluate_batch
    calls = 0

    def stop_at_the_third(brain: MeritBrain, batch: object, stage: object) -> object:
        nonlocal calls
        calls += 1
        brain.stop.wanted = calls == 3  # the first dev batch of epoch 2
        return scored(brain, batch, stage)  # type: ignore[arg-type]

    monkeypatch.setattr(MeritBrain, "evaluate_batch", stop_at_the_third)
    run = tmp_path / "run"
    with pytest.raises(Preempted, match="epoch 2"):
        run_train(tiny_recipe(), noisy_corpus, output=run, machine=Machine(workers=1))
    run_train(tiny_recipe(), noisy_corpus, output=run, machine=Machine(workers=1))
    assert_same_run(run, whole)
