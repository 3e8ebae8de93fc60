import math
from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from merit_cli.audio.levels import (
    LEVEL_NAMES,
    LevelName,
    active_level,
    mean_power,
    measure_levels,
    noise_power,
    p56_level,
    speech_power,
)
from merit_cli.units import power_to_db

RATE = 16000


def bursts(duty: float, seed: int = 0, duration: float = 4.0) -> np.ndarray:
    time = np.arange(round(duration * RATE)) / RATE
    return 0.2 * np.random.default_rng(seed).standard_normal(time.size) * ((time % 1.0) < duty)


def test_every_level_name_is_measured() -> None:
    assert get_args(LevelName) == LEVEL_NAMES
    assert list(measure_levels(bursts(0.5), RATE, kind="speech")) == [*LEVEL_NAMES, "p56_activity"]


def test_rms_of_a_sine_is_three_db_under_its_peak() -> None:
    assert power_to_db(mean_power(np.sin(np.arange(16000) * 2 * np.pi / 16))) == pytest.approx(-3.0103, abs=1e-3)


def test_active_level_does_not_see_the_pauses() -> None:
    half, whole = bursts(0.5), bursts(1.0)
    assert power_to_db(active_level(half, RATE).power) == pytest.approx(power_to_db(mean_power(whole)), abs=0.2)
    assert active_level(half, RATE).activity == pytest.approx(0.5, abs=0.02)


@settings(max_examples=60, deadline=None)
@given(
    level=st.sampled_from(LEVEL_NAMES),
    gain_db=st.floats(-70.0, 20.0),
    duty=st.floats(0.05, 1.0),
    duration=st.floats(0.02, 1.5),
    seed=st.integers(0, 10_000),
)
def test_every_level_follows_a_gain(level: LevelName, gain_db: float, duty: float, duration: float, seed: int) -> None:
    samples = bursts(duty, seed, duration)
    scaled = samples * 10.0 ** (gain_db / 20.0)
    for power in (speech_power, noise_power):
        moved_db = power_to_db(power(scaled, RATE, level)) - power_to_db(power(samples, RATE, level))
        assert moved_db == pytest.approx(gain_db, abs=0.001)


@pytest.mark.parametrize("level", LEVEL_NAMES)
@pytest.mark.parametrize("samples", [np.zeros(1000), np.zeros(0), np.zeros(1), np.zeros(RATE)])
def test_silence_has_no_level(samples: np.ndarray, level: LevelName) -> None:
    assert speech_power(samples, RATE, level) == 0.0
    assert noise_power(samples, RATE, level) == 0.0


@pytest.mark.parametrize("samples", [np.zeros(1000), np.zeros(0)])
def test_silence_has_no_activity(samples: np.ndarray) -> None:
    assert p56_level(samples, RATE) == (0.0, 0.0)
    assert active_level(samples, RATE).activity == 0.0
    assert measure_levels(samples, RATE, kind="speech")["p56"] == -math.inf


@pytest.mark.parametrize("level", ["active", "vad", "p56"])
def test_noise_is_taken_over_its_active_frames_where_speech_is(level: LevelName) -> None:
    noise = bursts(0.3)
    assert noise_power(noise, RATE, level) == active_level(noise, RATE).power


def test_noise_is_taken_whole_for_rms() -> None:
    noise = bursts(0.3)
    assert noise_power(noise, RATE, "rms") == mean_power(noise)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_measuring_leaves_the_signal_as_it_is(dtype: type) -> None:
    samples = bursts(0.5).astype(dtype)
    before = samples.copy()
    measure_levels(samples, RATE, kind="speech")
    assert np.array_equal(samples, before)


def test_speech_levels_exceed_the_rms_by_what_the_pauses_take() -> None:
    levels = measure_levels(bursts(0.25), RATE, kind="speech")
    assert levels["active"] - levels["rms"] == pytest.approx(6.0, abs=0.3)
    # both count pauses that a listener would not notice: 100 ms each here, 200 ms and a decay in P.56
    assert 3.5 < levels["vad"] - levels["rms"] < 6.0
    assert 1.5 < levels["p56"] - levels["rms"] < 6.0
