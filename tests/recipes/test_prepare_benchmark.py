"""The benchmark of prepare: its files are what it says, and its figures those of prepare."""

import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
import soundfile

FOLDER = Path(__file__).parents[2] / "recipes" / "benchmarks"


@pytest.fixture
def corpus(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    monkeypatch.syspath_prepend(str(FOLDER))
    from preparing import corpus

    yield corpus
    for name in [name for name in sys.modules if name.split(".")[0] == "preparing"]:
        del sys.modules[name]


def test_only_the_planted_files_are_equal_and_all_can_be_read(corpus: ModuleType, tmp_path: Path) -> None:
    paths = corpus.build(tmp_path, 400, 30)
    assert len({hashlib.sha256(soundfile.read(path, dtype="int16")[0].tobytes()).digest() for path in paths}) == 370
    assert {soundfile.info(path).samplerate for path in paths} == {16000}


def test_a_changed_file_differs_in_its_last_sample(corpus: ModuleType, tmp_path: Path) -> None:
    path = corpus.build(tmp_path, 1, 0)[0]
    before = soundfile.read(path, dtype="int16")[0]
    corpus.change(path)
    after = soundfile.read(path, dtype="int16")[0]
    assert (before != after).nonzero()[0].tolist() == [15999]


@pytest.mark.slow
def test_every_row_of_prepare_finds_the_planted_files(tmp_path: Path) -> None:
    command = [sys.executable, str(FOLDER / "prepare.py"), "--files", "300", "--duplicates", "20", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path)
    rows = json.loads(done.stdout)
    assert [row.get("duplicates") for row in rows] == [None, 0, 20, 20, 20, 19]  # the first of a pair is changed
