import numpy as np
import pytest
from scipy.signal import butter, sosfiltfilt

from merit_cli.audio.band_level import band_power
from merit_cli.audio.powers import mean_power
from merit_cli.units import power_to_db


def tone(frequency_hz: float, rate: int) -> np.ndarray:
    return np.sin(2 * np.pi * frequency_hz * np.arange(4 * rate) / rate)


@pytest.mark.parametrize("rate", [4000, 8000, 16000, 44100, 48000])
def test_band_level_is_that_of_scipys_zero_phase_butterworth(rate: int) -> None:
    samples = np.random.default_rng(0).standard_normal(2 * rate)
    sections = butter(4, (100.0, 1000.0), btype="bandpass", fs=rate, output="sos")
    assert band_power(samples, rate) == pytest.approx(mean_power(sosfiltfilt(sections, samples)), rel=1e-6)


@pytest.mark.parametrize("rate", [4000, 16000, 48000])
def test_a_tone_counts_inside_the_band_and_hardly_outside(rate: int) -> None:
    assert power_to_db(band_power(tone(300.0, rate), rate)) == pytest.approx(-3.01, abs=0.05)
    assert power_to_db(band_power(tone(100.0, rate), rate)) == pytest.approx(-9.03, abs=0.3)  # -3 dB, twice
    assert power_to_db(band_power(tone(50.0, rate), rate)) < -45.0


def test_at_two_kilohertz_and_below_only_the_low_edge_is_cut() -> None:
    assert power_to_db(band_power(tone(900.0, 2000), 2000)) == pytest.approx(-3.01, abs=0.1)
    assert power_to_db(band_power(tone(40.0, 2000), 2000)) < -45.0


@pytest.mark.parametrize("num_samples", [1, 2, 5, 27, 28])
def test_a_few_samples_have_a_finite_level(num_samples: int) -> None:
    assert 0.0 <= band_power(np.ones(num_samples), 16000) < 1.0
