"""The audit of ratios that were stated by a speech detector of choice."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from merit_cli.errors import BadData
from merit_cli.manifests.read_write import read_manifest, write_manifest
from merit_cli.mixing import speech_detector
from merit_cli.mixing.recipe import MixRecipe
from merit_cli.mixing.speech_detector import silero_probabilities
from merit_cli.workers import Machine
from merit_cli.workflows.mix import plan_mix, run_mix
from merit_cli.workflows.mix.verify import run_verify

Samples = npt.NDArray[np.float64]


def hears_the_first_half(samples: Samples, sample_rate: int) -> npt.NDArray[np.float32]:
    num_frames = -(-samples.size // 512)
    return np.asarray(np.arange(num_frames) < num_frames // 2, dtype=np.float32)


@pytest.fixture
def run_by_silero(tmp_path: Path, speech_folder: Path, noise_folder: Path) -> Iterator[Path]:
    """A run whose detector hears speech in the first half of every file."""
    plan = plan_mix(
        MixRecipe(snr="-5,5", level="vad", detector="silero"),  # type: ignore[arg-type]
        [speech_folder], [noise_folder], machine=Machine(),
    )  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(speech_detector, "silero_probabilities", hears_the_first_half)
        run_mix(plan, output=tmp_path / "o", machine=Machine())
        yield tmp_path / "o" / "manifest.jsonl"


def test_a_ratio_is_measured_by_the_detector_that_made_it(run_by_silero: Path) -> None:
    audit = run_verify(run_by_silero)
    assert (audit.findings, audit.measured) == ((), 8)
    lines = read_manifest(run_by_silero)
    assert {line.mixture.detector for line in lines if line.mixture} == {"silero"}
    forgotten = [replace(u, mixture=replace(u.mixture, detector="")) for u in lines if u.mixture]
    write_manifest(run_by_silero, forgotten)
    assert run_verify(run_by_silero).outside > 0


def test_a_ratio_by_a_detector_that_is_not_here_is_said_to_be_unchecked(
    run_by_silero: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(speech_detector, "silero_probabilities", silero_probabilities)
    monkeypatch.setenv("MERIT_CACHE_DIR", str(tmp_path / "empty"))
    speech_detector._session.cache_clear()
    audit = run_verify(run_by_silero)
    assert (audit.is_good, audit.findings, audit.measured) == (True, (), 0)
    (note,) = [note for note in audit.not_checked if "ratio" in note]
    assert note.startswith("8 pairs claim a ratio that was not checked")
    assert "merit prepare weights silero-vad" in note


def test_a_manifest_with_an_unknown_detector_is_refused(run_by_silero: Path) -> None:
    lines = [replace(u, mixture=replace(u.mixture, detector="ears")) for u in read_manifest(run_by_silero) if u.mixture]
    write_manifest(run_by_silero, lines)
    with pytest.raises(BadData, match="'ears'"):
        run_verify(run_by_silero)
