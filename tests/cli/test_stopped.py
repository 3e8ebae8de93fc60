"""A command that is asked to stop says that it can be resumed, by words and exit code."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest


@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.parametrize(
    ("asked", "code", "words"),
    [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 75, "stopped by SIGTERM")],
)
def test_a_stopped_mix_says_how_to_go_on(
    tmp_path: Path, speech_folder: Path, noise_folder: Path, asked: signal.Signals, code: int, words: str, workers: str
) -> None:
    command = [sys.executable, "-m", "merit_cli", "mix", str(speech_folder), str(noise_folder), "-o", "o"]
    command += ["--snr", "-5:5", "--variants", "500", "-j", workers]
    process = subprocess.Popen(
        command, cwd=tmp_path, stderr=subprocess.PIPE, text=True, preexec_fn=_interrupts_reach_it
    )
    ledger = tmp_path / "o" / "ledger.jsonl"
    deadline = time.monotonic() + 60
    while not (ledger.exists() and ledger.stat().st_size) and time.monotonic() < deadline:
        assert process.poll() is None, "the mix ended before it could be stopped"
        time.sleep(0.01)
    process.send_signal(asked)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == code
    assert words in errors
    assert "the same command again goes on from here" in errors
    assert "Traceback" not in errors
    assert "bug" not in errors


def _interrupts_reach_it() -> None:
    """A shell starts its background jobs deaf to SIGINT, and so these tests when they are one of them."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
