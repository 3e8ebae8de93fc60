"""The wrapper's own work, seen through engines that would break the contract by themselves."""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pytest

from merit_cli.enhancers.contract import WORKING_RMS, Contracted
from merit_cli.errors import BadData
from merit_cli.units import Seconds

FloatArray = npt.NDArray[np.float32]


@dataclass
class Probe:
    """An engine that delays, and notes what it is given."""

    sample_rate: int | None = None
    delay: int = 0
    streams: bool = True
    fill: float | None = None
    seen: list[tuple[FloatArray, int]] = field(default_factory=list)

    def process(self, noisy_N: FloatArray, sample_rate: int) -> FloatArray:
        self.seen.append((noisy_N, sample_rate))
        if self.fill is not None:
            return np.full(len(noisy_N), self.fill, np.float32)
        return np.concatenate([np.zeros(self.delay, np.float32), noisy_N])[: len(noisy_N)]


def _noise(num_samples: int, level: float = 0.1) -> FloatArray:
    return (level * np.random.default_rng(0).standard_normal(num_samples)).astype(np.float32)


def test_a_late_engine_is_brought_back_into_line() -> None:
    noisy = _noise(5000)
    assert Contracted(Probe(delay=300))(noisy, 16000) == pytest.approx(noisy, abs=1e-6)


def test_the_tail_of_a_late_engine_is_not_lost() -> None:
    noisy = np.zeros(1000, np.float32)
    noisy[-1] = 0.5
    assert Contracted(Probe(delay=300))(noisy, 16000)[-1] == pytest.approx(0.5)


@pytest.mark.parametrize("level", [1e-9, 0.01, 0.9])
def test_the_engine_works_at_one_level(level: float) -> None:
    probe = Probe()
    Contracted(probe)(_noise(20_000, level), 16000)
    assert np.sqrt(np.mean(probe.seen[0][0] ** 2)) == pytest.approx(WORKING_RMS, rel=1e-4)


def test_the_engine_never_sees_more_than_full_scale() -> None:
    click = np.zeros(48_000, np.float32)
    click[1000] = 0.3
    probe = Probe()
    Contracted(probe)(click, 16000)
    assert np.abs(probe.seen[0][0]).max() == pytest.approx(1.0)


@pytest.mark.parametrize("sample_rate", [8000, 44100, 48000])
def test_the_engine_gets_its_own_rate(sample_rate: int) -> None:
    probe = Probe(sample_rate=16000)
    enhanced = Contracted(probe)(_noise(sample_rate), sample_rate)
    assert probe.seen[0][1] == 16000
    assert len(probe.seen[0][0]) == pytest.approx(16000, abs=1)
    assert len(enhanced) == sample_rate


def test_a_tone_survives_resampling_in_its_place() -> None:
    tone = (0.1 * np.sin(2 * np.pi * 440 * np.arange(48000) / 48000)).astype(np.float32)
    enhanced = Contracted(Probe(sample_rate=16000))(tone, 48000)
    middle = slice(2000, -2000)  # the resampler rings at the abrupt ends
    assert np.abs(enhanced - tone)[middle].max() < 1e-4


def test_an_engine_that_does_not_stream_gets_chunks_that_join_up() -> None:
    probe = Probe(streams=False)
    noisy = _noise(100_000)
    enhanced = Contracted(probe, chunk=Seconds(1.0))(noisy, 16000)
    assert len(probe.seen) > 6
    assert max(len(piece) for piece, _ in probe.seen) <= 16000
    assert enhanced == pytest.approx(noisy, abs=1e-6)


@pytest.mark.parametrize("fill", [np.nan, np.inf])
def test_an_engine_that_gives_nan_is_an_error_not_a_file(fill: float) -> None:
    with pytest.raises(BadData, match="what the enhancer made holds NaN"):
        Contracted(Probe(fill=fill))(_noise(1000), 16000)


def test_the_engine_is_not_asked_about_silence() -> None:
    probe = Probe(fill=1.0)
    assert not Contracted(probe)(np.zeros(1000, np.float32), 16000).any()
    assert probe.seen == []
