"""A run whose network hears several files at once is the run that hears them one by one."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import soundfile

from merit_cli.enhancers.contract import Engine, Engineering, EnhancerConfig
from merit_cli.io.ledger import read_ledger
from merit_cli.workers import Machine
from merit_cli.workflows.enhance import EnhanceRecipe, find_inputs, run_enhance

FloatArray = npt.NDArray[np.float32]
HEARD: list[list[int]] = []
"""Lengths that the stand-in was given, call by call."""


class HalvingEngine:
    """A stand-in for a network that takes several signals at once."""

    sample_rate: int | None = 16000
    delay = 0
    streams = False

    def process(self, noisy_N: FloatArray, sample_rate: int) -> FloatArray:
        return noisy_N / 2

    def process_together(self, noisy: Sequence[FloatArray], sample_rate: int) -> list[FloatArray]:
        HEARD.append([len(one) for one in noisy])
        return [self.process(one, sample_rate) for one in noisy]


class HalvingConfig(EnhancerConfig):
    name: Literal["halving"] = "halving"

    def engine_on(self, engineering: Engineering) -> Engine:
        return HalvingEngine()


def folder_of_noise(folder: Path, lengths: Sequence[int]) -> Path:
    folder.mkdir()
    generator = np.random.default_rng(0)
    for number, length in enumerate(lengths):
        channels = (length, 2) if number == 1 else (length,)
        soundfile.write(folder / f"n{number}.wav", 0.1 * generator.standard_normal(channels), 16000)
    return folder


def run(noisy: Path, output: Path, batch_size: int) -> list[tuple[str, bytes]]:
    recipe = EnhanceRecipe(enhancer=HalvingConfig())
    _, summary = run_enhance(recipe, find_inputs([noisy]), output=output, machine=Machine(), batch_size=batch_size)
    assert summary.enhanced == 5
    return [(path.name, path.read_bytes()) for path in sorted((output / "enhanced").iterdir())]


def test_batches_of_like_length_give_the_files_of_a_run_one_by_one(tmp_path: Path) -> None:
    noisy = folder_of_noise(tmp_path / "noisy", [3000, 500, 2000, 700, 2900])
    HEARD.clear()
    assert run(noisy, tmp_path / "two", 2) == run(noisy, tmp_path / "one", 1)
    assert HEARD == [[3000, 2900], [2000, 700], [500], [500]]  # two channels of one file, in batches of one file
    lines = [(tmp_path / name / "manifest.jsonl").read_text() for name in ("one", "two")]
    assert lines[0] == lines[1]


def test_a_bad_file_in_a_batch_costs_itself_only(tmp_path: Path) -> None:
    noisy = folder_of_noise(tmp_path / "noisy", [3000, 500, 2000, 700, 2900])
    broken = np.zeros(2950)
    broken[7] = np.nan
    soundfile.write(noisy / "n9.wav", broken, 16000, subtype="FLOAT")
    run(noisy, tmp_path / "out", 3)
    entries = read_ledger(tmp_path / "out" / "ledger.jsonl")
    failed = {entry.id: entry.reason for entry in entries.values() if entry.status == "failed"}
    assert list(failed) == ["n9"]
    assert "NaN" in failed["n9"]
