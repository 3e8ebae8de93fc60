"""The class rules, measured on the signals that they make."""

import numpy as np
import pytest
from scipy.signal import welch

from merit_cli.audio.breath_sounds import (
    CRACKLE_BAND_HZ,
    CRACKLE_DURATION_S,
    CycleRule,
    breath_cycle,
    breath_noise,
    crackle,
    rumble,
    wheeze,
)

RATE = 4000


def _share_in_band(samples: np.ndarray, low: float, high: float) -> float:
    freqs, power = welch(samples, RATE, nperseg=1024)
    return float(power[(freqs >= low) & (freqs <= high)].sum() / power.sum())


def test_breath_noise_keeps_to_its_band() -> None:
    assert _share_in_band(breath_noise(40_000, RATE, np.random.default_rng(0)), 60, 950) > 0.97


def test_rumble_lies_under_the_breath_band() -> None:
    assert _share_in_band(rumble(40_000, RATE, np.random.default_rng(0)), 0, 70) > 0.9


@pytest.mark.parametrize("pitch", [160.0, 400.0, 780.0])
def test_wheeze_is_a_spectral_line_at_its_pitch(pitch: float) -> None:
    tone = wheeze(0.8, pitch, RATE, np.random.default_rng(1))
    freqs, power = welch(tone, RATE, nperseg=1024)
    assert abs(freqs[np.argmax(power)] - pitch) < 0.05 * pitch
    assert _share_in_band(tone, 0.94 * pitch, 1.06 * pitch) > 0.8


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("kind", ["fine", "coarse"])
def test_crackle_lasts_as_long_as_its_kind_says_and_ends_at_rest(kind: str, seed: int) -> None:
    click = crackle(kind, RATE, np.random.default_rng(seed))  # type: ignore[arg-type]
    shortest, longest = CRACKLE_DURATION_S[kind]  # type: ignore[index]
    assert shortest - 1 / RATE <= len(click) / RATE <= longest + 1 / RATE
    assert np.argmax(np.abs(click)) < len(click) / 2
    assert abs(click[-1]) < 0.05


def test_coarse_crackles_are_lower_than_fine_ones() -> None:
    def centroid(kind: str) -> float:
        rng = np.random.default_rng(3)
        spectra = [np.abs(np.fft.rfft(crackle(kind, RATE, rng), 512)) ** 2 for _ in range(40)]  # type: ignore[arg-type]
        mean = np.mean(spectra, axis=0)
        return float((np.fft.rfftfreq(512, 1 / RATE) * mean).sum() / mean.sum())

    assert centroid("coarse") < CRACKLE_BAND_HZ["fine"][0] < centroid("fine") + 100


def _kurtosis(samples: np.ndarray) -> float:
    return float(np.mean(samples**4) / np.mean(samples**2) ** 2)


def test_crackles_make_a_cycle_peaky_and_a_wheeze_makes_it_tonal() -> None:
    cycles = {
        name: breath_cycle(CycleRule(3.0, kind, has_wheeze, 20.0), RATE, np.random.default_rng(5))  # type: ignore[arg-type]
        for name, kind, has_wheeze in [("normal", None, False), ("crackle", "fine", False), ("wheeze", None, True)]
    }

    def line_over_neighbours(samples: np.ndarray) -> float:
        _, power = welch(samples, RATE, nperseg=1024)
        return float(power[30:250].max() / np.median(power[30:250]))

    assert _kurtosis(cycles["crackle"]) > 2 * _kurtosis(cycles["normal"])
    assert line_over_neighbours(cycles["wheeze"]) > 5 * line_over_neighbours(cycles["normal"])


def test_the_same_generator_state_gives_the_same_cycle() -> None:
    rule = CycleRule(2.5, "coarse", True, 10.0)
    first, second = (breath_cycle(rule, RATE, np.random.default_rng(7)) for _ in range(2))
    assert np.array_equal(first, second)
