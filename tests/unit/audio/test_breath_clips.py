"""Repetition to a fixed length, and the quality feature."""

import numpy as np
import pytest

from merit_cli.audio.breath_quality import band_swing_db
from merit_cli.audio.breath_sounds import CycleRule, breath_cycle, hiss, rumble
from merit_cli.audio.repetition import repeat_to_length

RATE = 4000


def test_a_long_clip_keeps_its_beginning() -> None:
    clip = np.arange(10, dtype=np.float32)
    assert repeat_to_length(clip, 4, fade=2).tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("length", [1, 2, 37, 500])
def test_a_short_clip_fills_the_length_without_a_hole(length: int) -> None:
    ones = repeat_to_length(np.ones(length, dtype=np.float32), 1200, fade=20)
    assert ones.shape == (1200,)
    steady = ones[: -2 * length] if length < 500 else ones[:1000]
    np.testing.assert_allclose(steady, 1.0, atol=1e-6)


def test_no_join_is_steeper_than_the_clip_itself() -> None:
    ramp = np.sin(np.linspace(0.0, 7.0, 700)).astype(np.float32)  # ends far from where it began
    joined = repeat_to_length(ramp, 3000, fade=100)
    hard = repeat_to_length(ramp, 3000, fade=0)
    assert np.max(np.abs(np.diff(joined))) < 0.03 < 0.3 < np.max(np.abs(np.diff(hard)))


def test_the_input_is_left_alone() -> None:
    clip = np.ones(50, dtype=np.float32)
    repeat_to_length(clip, 120, fade=10)
    assert (clip == 1.0).all()


def test_breathing_swings_and_background_does_not() -> None:
    rng = np.random.default_rng(0)
    num_samples = 3 * RATE
    background = 2.0 * rumble(num_samples, RATE, rng) + 0.05 * hiss(num_samples, rng)
    breath = background + breath_cycle(CycleRule(3.0, None, False, 0.0), RATE, rng)
    assert band_swing_db(background, RATE) < 6.0 < 10.0 < band_swing_db(breath, RATE)


def test_swing_does_not_depend_on_gain_and_is_zero_for_silence() -> None:
    breath = breath_cycle(CycleRule(2.0, None, False, 0.0), RATE, np.random.default_rng(1))
    assert band_swing_db(breath, RATE) == pytest.approx(band_swing_db(1e-4 * breath, RATE), abs=1e-6)
    assert band_swing_db(np.zeros(RATE), RATE) == 0.0
    assert band_swing_db(np.ones(10), RATE) == 0.0
