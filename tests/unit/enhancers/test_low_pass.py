"""The low-pass against scipy in one piece, and at its ends."""

import numpy as np
import numpy.typing as npt
import pytest
from scipy.signal import butter, sosfiltfilt

from merit_cli.enhancers import low_pass
from merit_cli.enhancers.low_pass import LowPassConfig, LowPassEngine

FloatArray = npt.NDArray[np.float32]


def _white(num_samples: int) -> FloatArray:
    return np.random.default_rng(0).standard_normal(num_samples).astype(np.float32)


def _level_db(samples: FloatArray) -> float:
    return 10 * np.log10(np.mean(samples.astype(np.float64) ** 2))


@pytest.mark.parametrize("cutoff_hz", [70.0, 100.0, 600.0, 7000.0])
@pytest.mark.parametrize("num_samples", [2, 300, 30000])
def test_blocks_equal_scipy_in_one_piece(cutoff_hz: float, num_samples: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(low_pass, "_BLOCK", 4000)
    noisy = _white(num_samples) + 0.5
    padding = min(num_samples - 1, round(12 * 16000 / cutoff_hz))
    whole = sosfiltfilt(butter(4, cutoff_hz, fs=16000, output="sos"), noisy.astype(np.float64), padlen=padding)
    assert LowPassEngine(cutoff_hz, 4).process(noisy, 16000) == pytest.approx(whole, abs=1e-6)


@pytest.mark.parametrize(("frequency", "gain_db"), [(100.0, 0.0), (300.0, -0.03), (600.0, -6.02), (1200.0, -48.2)])
def test_gain_is_the_squared_butterworth_magnitude(frequency: float, gain_db: float) -> None:
    """1 / (1 + (f / 600) ** 8), as an amplitude, far below half the rate."""
    tone = np.sin(2 * np.pi * frequency * np.arange(96000) / 48000).astype(np.float32)
    made = LowPassConfig().build()(tone, 48000)
    middle = slice(24000, 72000)
    assert _level_db(made[middle]) - _level_db(tone[middle]) == pytest.approx(
        gain_db, abs=0.2
    )  # the bilinear transform bends it a little


def test_a_constant_signal_stays_as_it_is_to_its_ends() -> None:
    constant = np.full(5000, 0.25, np.float32)
    assert LowPassConfig(cutoff_hz=70).build()(constant, 16000) == pytest.approx(0.25, abs=1e-5)


def test_one_sample_stays_as_it_is() -> None:
    assert LowPassConfig().build()(np.full(1, 0.25, np.float32), 16000) == pytest.approx(0.25, rel=1e-5)


@pytest.mark.parametrize("sample_rate", [8000, 4000, 1000])
def test_a_cut_over_half_the_rate_takes_nothing(sample_rate: int) -> None:
    noisy = _white(1000)
    assert LowPassConfig(cutoff_hz=4000).build()(noisy, sample_rate) == pytest.approx(noisy, rel=1e-6)


def test_a_later_copy_is_filtered_alike() -> None:
    """Time reversed, the result is the result time reversed: nothing is delayed."""
    noisy = _white(20000)
    made = LowPassConfig(cutoff_hz=100).build()(noisy, 16000)
    turned = LowPassConfig(cutoff_hz=100).build()(noisy[::-1].copy(), 16000)[::-1]
    inside = slice(4000, 16000)
    assert _level_db(made[inside] - turned[inside]) < _level_db(made[inside]) - 80


def test_long_digital_silence_is_not_slow_to_filter() -> None:
    """Without care the state becomes subnormal; what is left is far below any sample."""
    noisy = np.concatenate([_white(1000), np.zeros(200000, np.float32)])
    made = LowPassEngine(600.0, 4).process(noisy, 16000)
    assert np.abs(made[50000:]).max() < 1e-30
