import io
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile


def enhance(*arguments: str, cwd: Path, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "merit_cli", "enhance", *arguments]
    return subprocess.run(command, capture_output=True, input=stdin, cwd=cwd, check=False)


@pytest.fixture(scope="module")
def noisy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("work") / "noisy"
    folder.mkdir()
    for number in range(2):
        soundfile.write(folder / f"n{number}.wav", 0.1 * np.random.default_rng(number).standard_normal(8000), 16000)
    return folder


def test_the_list_has_the_documented_keys(noisy: Path) -> None:
    done = enhance("--list", "--json", cwd=noisy)
    rows = json.loads(done.stdout)
    assert done.returncode == 0
    assert {row["name"] for row in rows} >= {"gtcrn", "identity", "mmse-lsa", "spectral-gate"}
    assert all(
        list(row)
        == ["name", "kind", "sample_rate", "num_parameters", "real_time_factor", "license", "ready", "how_to_get"]
        for row in rows
    )


def test_the_list_fits_a_narrow_terminal_and_says_how_to_get_what_is_missing(noisy: Path, tmp_path: Path) -> None:
    narrow = {**os.environ, "COLUMNS": "80", "MERIT_CACHE_DIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-m", "merit_cli", "enhance", "--list"], capture_output=True, cwd=noisy, env=narrow, check=True
    )
    said = done.stdout.decode()
    table, rest = said.split("Real-time factor:")
    assert all(len(line.rstrip()) <= 80 for line in table.splitlines())
    assert sum(line.startswith(" spectral-subtraction  classical ") for line in table.splitlines()) == 1
    assert "gtcrn is not ready: merit prepare weights gtcrn" in rest.splitlines()


def test_a_folder_is_enhanced_twice_and_the_second_time_there_is_nothing_to_do(noisy: Path) -> None:
    first = enhance(str(noisy), "-o", "out", cwd=noisy.parent)
    second = enhance(str(noisy), "-o", "out", cwd=noisy.parent)
    assert (first.returncode, second.returncode) == (0, 0), first.stderr
    assert b"next:   merit evaluate out" in first.stdout
    assert b"nothing to do" in second.stdout
    assert sorted(path.name for path in (noisy.parent / "out" / "enhanced").iterdir()) == ["n0.flac", "n1.flac"]


def test_the_summary_as_json_is_one_value_on_stdout(noisy: Path) -> None:
    done = enhance(str(noisy), "-o", "json", "--enhancer", "spectral-gate", "--json", cwd=noisy.parent)
    summary = json.loads(done.stdout)
    assert (summary["enhanced"], summary["failed"], summary["enhancer"]) == (2, 0, "spectral-gate")
    assert 0 < summary["real_time_factor"] < 1


def test_a_dry_run_writes_nothing(noisy: Path) -> None:
    done = enhance(str(noisy), "-o", "dry", "--dry-run", cwd=noisy.parent)
    assert done.returncode == 0
    assert b"would enhance 2 files, 1 s of audio, by mmse-lsa" in done.stdout
    assert not (noisy.parent / "dry").exists()


def test_a_failed_item_makes_exit_code_3_with_the_ledger(tmp_path: Path, noisy: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "good.wav").write_bytes((noisy / "n0.wav").read_bytes())
    (tmp_path / "in" / "bad.wav").write_bytes(b"RIFF")
    for _ in range(2):  # the second call has nothing to do, and says so with the same code
        done = enhance("in", "-o", "out", cwd=tmp_path)
        assert done.returncode == 3
        assert b"out/ledger.jsonl" in done.stderr
        assert b"--retry-failed" in done.stderr


def test_a_pipe_takes_a_wav_and_gives_a_wav_of_the_same_length(noisy: Path) -> None:
    done = enhance("-", "-o", "-", cwd=noisy, stdin=(noisy / "n0.wav").read_bytes())
    samples, sample_rate = soundfile.read(io.BytesIO(done.stdout))
    assert (done.returncode, len(samples), sample_rate) == (0, 8000, 16000)
    assert np.abs(samples).max() > 0


def test_one_file_goes_to_one_file(noisy: Path, tmp_path: Path) -> None:
    done = enhance(str(noisy / "n0.wav"), "-o", "clean é.flac", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert soundfile.info(tmp_path / "clean é.flac").frames == 8000


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["noisy", "-o", "x.wav"], 2, b"only one file can go to one output"),
        (["-", "noisy", "-o", "out2"], 2, b"stdin cannot be mixed"),
        (["-", "-o", "folder"], 2, b"stdin goes to stdout or to a file"),
        (["-", "-o", "-"], 66, b"nothing came on stdin"),
        (["noisy", "--enhancer", "./gone"], 66, b"no trained run"),
        (["noisy", "--set", "enhancer.min_gan_db=-3"], 2, b"did you mean 'min_gain_db'"),
        (["noisy", "--format", "mp3"], 2, b"format"),
        (["noisy", "-o", "clean.mp3"], 2, b"-o clean.flac"),
        (["noisy/n0.wav", "--enhancer", "./noisy", "-o", "x.wav"], 66, b"noisy: there is no trained model"),
        (["-", "--stream", "-e", "gtcrn", "--rate", "8000"], 2, b"--rate: a stream keeps its rate"),
        (["-", "--stream", "-e", "gtcrn", "--device", "cuda"], 2, b"runs on the CPU"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_bad_use_is_refused_in_one_sentence(noisy: Path, arguments: list[str], code: int, words: bytes) -> None:
    done = enhance(*arguments, cwd=noisy.parent)
    assert done.returncode == code, done.stderr
    assert words in done.stderr
    assert b"Traceback" not in done.stderr
    assert not (noisy.parent / "out2").exists()
