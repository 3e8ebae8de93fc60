import numpy as np
import pytest

from merit_cli.audio.levels import P56_MARGIN_DB, active_level, mean_power, p56_level
from merit_cli.units import power_to_db

RATE = 16000


def naive_p56(samples: np.ndarray, rate: int) -> tuple[float, float]:
    """The recommendation's own loop, sample by sample, thresholds as ours."""
    decay = np.exp(-1.0 / (0.03 * rate))
    thresholds = 2.0 ** np.arange(-15, 0.0) * np.abs(samples).max()
    counts, hang = np.zeros(15), np.full(15, round(0.2 * rate))
    p = q = energy = 0.0
    for x in samples:
        energy += x * x
        p = decay * p + (1 - decay) * abs(x)
        q = decay * q + (1 - decay) * p
        for j, threshold in enumerate(thresholds):
            if q >= threshold:
                counts[j] += 1
                hang[j] = 0
            elif hang[j] < round(0.2 * rate):
                counts[j] += 1
                hang[j] += 1
    reached = counts > 0
    levels, heights = 10 * np.log10(energy / counts[reached]), 20 * np.log10(thresholds[reached])
    over = levels - heights
    after = int(np.flatnonzero(over <= P56_MARGIN_DB)[0])
    share = (over[after - 1] - P56_MARGIN_DB) / (over[after - 1] - over[after])
    level = levels[after - 1] + share * (levels[after] - levels[after - 1])
    return float(level), float(energy / 10 ** (level / 10) / samples.size)


def bursts(duty: float, seed: int = 0) -> np.ndarray:
    time = np.arange(4 * RATE) / RATE
    gate = (time % 1.0) < duty
    return 0.2 * np.random.default_rng(seed).standard_normal(time.size) * gate


def test_rms_of_a_sine_is_three_db_under_its_peak() -> None:
    assert power_to_db(mean_power(np.sin(np.arange(16000) * 2 * np.pi / 16))) == pytest.approx(-3.0103, abs=1e-3)


@pytest.mark.parametrize("duty", [0.3, 0.6, 1.0])
def test_p56_equals_the_loop_of_the_recommendation(duty: float) -> None:
    samples = bursts(duty)[: 2 * RATE]
    ours, (level_db, activity) = p56_level(samples, RATE), naive_p56(samples, RATE)
    assert power_to_db(ours.power) == pytest.approx(level_db, abs=1e-6)
    assert ours.activity == pytest.approx(activity, abs=1e-6)


def test_p56_of_steady_noise_is_its_rms() -> None:
    noise = bursts(1.0)
    assert power_to_db(p56_level(noise, RATE).power) == pytest.approx(power_to_db(mean_power(noise)), abs=0.3)


def test_active_level_does_not_see_the_pauses() -> None:
    half, whole = bursts(0.5), bursts(1.0)
    assert power_to_db(active_level(half, RATE).power) == pytest.approx(power_to_db(mean_power(whole)), abs=0.2)
    assert active_level(half, RATE).activity == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize("gain", [0.01, 3.0])
def test_levels_follow_a_gain(gain: float) -> None:
    samples = bursts(0.4)
    for level in (p56_level, active_level):
        assert level(gain * samples, RATE).power == pytest.approx(gain**2 * level(samples, RATE).power, rel=1e-6)


@pytest.mark.parametrize("samples", [np.zeros(1000), np.zeros(0)])
def test_silence_has_no_level_and_no_activity(samples: np.ndarray) -> None:
    assert p56_level(samples, RATE) == (0.0, 0.0)
    assert active_level(samples, RATE).activity == 0.0
