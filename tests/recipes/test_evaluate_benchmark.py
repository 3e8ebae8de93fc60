"""The scoring benchmark: its pairs are as long as it says, and it compares what it says."""

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
def pair_maker(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    monkeypatch.syspath_prepend(str(FOLDER))
    from scoring import pairs

    yield pairs
    for name in [name for name in sys.modules if name.split(".")[0] == "scoring"]:
        del sys.modules[name]


def test_durations_are_those_of_the_voicebank_demand_test_set(pair_maker: ModuleType) -> None:
    seconds = pair_maker.durations(824)
    assert (seconds.min(), seconds.max()) == (1.2, 9.8)
    assert seconds.mean() == pytest.approx(2.52, abs=0.03)


def test_pairs_are_the_same_bytes_every_time(pair_maker: ModuleType, tmp_path: Path) -> None:
    first, second = (pair_maker.build_pairs(tmp_path / name, 5) for name in ("first", "second"))
    for name in first.ids:
        assert (first.noisy / f"{name}.wav").read_bytes() == (second.noisy / f"{name}.wav").read_bytes()
        assert soundfile.info(first.clean / f"{name}.wav").samplerate == 16000
    assert first.seconds == pytest.approx(sum(soundfile.info(path).duration for path in first.clean.iterdir()))


@pytest.mark.slow
def test_the_benchmark_runs_and_all_agree(tmp_path: Path) -> None:
    script = [sys.executable, str(FOLDER / "evaluate.py"), "--pairs", "6", "--repeats", "1", "--rows", "3000", "--json"]
    done = subprocess.run([*script, "--folder", str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    assert len(figures["rows"]) >= 6
    for name, row in figures["rows"].items():
        assert row["processor_seconds"] > 0.0, name
        assert row.get("worst_difference", 0.0) < 1e-3, name  # float32 resampling in torchmetrics
    assert len(figures["statistics"]) == 4
