"""A command whose reader goes away, or whose disk fills up, says so by its exit code and never calls it a bug."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

SIGPIPE_CODE = 141


@pytest.fixture(scope="module")
def noisy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pipe") / "noisy.wav"
    soundfile.write(
        path, 0.1 * np.random.default_rng(0).standard_normal(100 * 16000), 16000
    )  # 3 MB: over a pipe's room
    return path


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "merit_cli", *arguments]


def test_a_reader_that_goes_away_ends_the_command_as_a_broken_pipe(noisy: Path) -> None:
    process = subprocess.Popen(
        command("enhance", str(noisy), "-o", "-"), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stderr is not None
    assert process.stdout.read(4) == b"RIFF"
    process.stdout.close()
    errors = process.stderr.read()
    process.stderr.close()
    assert (process.wait(timeout=60), errors) == (SIGPIPE_CODE, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("arguments", [["-o", "-"], ["--list", "--json"]], ids=["audio", "json"])
def test_a_full_disk_behind_stdout_is_named(noisy: Path, arguments: list[str]) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            command("enhance", str(noisy), *arguments), stdout=full, stderr=subprocess.PIPE, check=False
        )
    assert done.returncode == 69
    assert b"the disk is full" in done.stderr
    assert b"bug" not in done.stderr


@pytest.mark.parametrize("words", [["enhance", "-", "-o", "-"], ["evaluate", "--reference", "noisy.wav", "-"]])
def test_an_empty_pipe_is_no_input(noisy: Path, words: list[str]) -> None:
    done = subprocess.run(command(*words), input=b"", capture_output=True, cwd=noisy.parent, check=False)
    assert done.returncode == 66
    assert b"nothing came on stdin" in done.stderr
