"""``--shard`` of enhance and evaluate: jobs that fill one folder, and the same command without it that finishes."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import soundfile

from merit_cli.cli.app import main

COUNT = 3


@pytest.fixture
def noisy(tmp_path: Path) -> Path:
    """Seven files of a second, one of which is empty, and their clean partners."""
    generator = np.random.default_rng(5)
    for number in range(7):
        clean = np.sin(np.arange(16000) / (5.0 + number)) * 0.1
        for part, samples in (("clean", clean), ("noisy", clean + 0.05 * generator.standard_normal(16000))):
            path = tmp_path / part / f"speaker{number % 3}" / f"one {number}.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(path, samples, 16000)
    (tmp_path / "noisy" / "speaker0" / "empty.wav").write_bytes(b"")
    return tmp_path / "noisy"


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as left:
        main([str(argument) for argument in arguments])
    return int(left.value.code or 0)


def tree(folder: Path, *, but: Sequence[str] = ()) -> dict[str, bytes]:
    """Content of every file but a run's own records."""
    records = {"DONE", "provenance.json", "log.txt", *but}
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in records and "shards" not in path.relative_to(folder).parts
    }


def test_shards_of_enhance_make_the_files_and_the_manifest_of_one_job(noisy: Path, tmp_path: Path) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    command = ["enhance", noisy, "--enhancer", "spectral-gate", "-o"]
    assert run(*command, whole) == 3
    codes = [run(*command, parts, "--shard", f"{number}/{COUNT}") for number in range(1, COUNT + 1)]
    assert codes == [3, 0, 0]
    assert not (parts / "DONE").exists()
    assert run(*command, parts) == 3
    assert tree(parts, but=["ledger.jsonl"]) == tree(whole, but=["ledger.jsonl"])
    ledgers = [sorted((folder / "ledger.jsonl").read_text().splitlines()) for folder in (parts, whole)]
    assert ledgers[0] == ledgers[1]
    done = json.loads((parts / "DONE").read_text())
    assert (done["enhanced"], done["already_done"], done["failed"]) == (0, 7, 1)


def test_a_job_without_a_shard_does_what_shards_left(noisy: Path, tmp_path: Path) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    command = ["enhance", noisy, "--enhancer", "spectral-gate", "-o"]
    run(*command, whole)
    run(*command, parts, "--shard", "2/3")
    assert run(*command, parts) == 3
    assert tree(parts, but=["ledger.jsonl"]) == tree(whole, but=["ledger.jsonl"])
    done = json.loads((parts / "DONE").read_text())
    assert done["enhanced"] + done["already_done"] == 7
    assert 0 < done["already_done"] < 7


def test_a_shard_done_is_not_done_again_and_another_cut_is_refused(
    noisy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["enhance", noisy, "--enhancer", "spectral-gate", "-o", tmp_path / "parts", "--shard"]
    assert run(*command, "2/3") == 0
    assert run(*command, "2/3") == 0
    assert "nothing to do" in capsys.readouterr().out
    assert run(*command, "2/4") == 2
    assert "the folder holds shards of 3, not of 4" in capsys.readouterr().err
    assert run(*command[:-2], "other.wav", "--shard", "1/2") == 2
    assert "a shard is a part of many files" in capsys.readouterr().err


def test_shards_of_evaluate_give_the_report_of_one_job(noisy: Path, tmp_path: Path) -> None:
    enhanced = tmp_path / "enhanced"
    run("enhance", noisy, "--enhancer", "spectral-gate", "-o", enhanced)
    command = ["evaluate", enhanced, "--reference", tmp_path / "clean", "--metrics", "si-sdr,ssnr,stoi", "-o"]
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    first = run(*command, whole)
    codes = [run(*command, parts, "--shard", f"{number}/{COUNT}") for number in range(1, COUNT + 1)]
    assert codes == [0, 0, 0]
    books = [parts / "shards" / f"{number}of{COUNT}" / "scores.jsonl" for number in range(1, COUNT + 1)]
    scored = [len(book.read_text().splitlines()) for book in books]
    assert all(scored)
    assert run(*command, parts) == first
    lines = [sorted((folder / "scores.jsonl").read_text().splitlines()) for folder in (parts, whole)]
    assert lines[0] == lines[1]
    assert len(lines[0]) == sum(scored)
    pages = [(folder / "report.md").read_text().replace(str(folder), "") for folder in (parts, whole)]
    assert pages[0] == pages[1]


def test_a_shard_is_scored_and_not_judged(noisy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["evaluate", noisy, "--reference", tmp_path / "clean", "-o", tmp_path / "out", "--shard", "1/2"]
    assert run(*command, "--fail-if", "stoi < 0.5") == 2
    assert "a shard is scored, and not judged" in capsys.readouterr().err
    assert run("evaluate", "--compare", noisy, noisy, "--shard", "1/2") == 2
    assert run(*command, "--metrics", "f1") == 2
    assert not (tmp_path / "out").exists()
