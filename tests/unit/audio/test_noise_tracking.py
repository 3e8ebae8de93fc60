import numpy as np
import pytest

from merit_cli.audio.noise_tracking import MIN_POWER, initial_noise, track_noise

HOP = 0.008


def _exponential(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    """Power of complex Gaussian noise with mean 1."""
    return np.random.default_rng(seed).exponential(size=shape).astype(np.float32)


def test_first_noise_estimate_is_unbiased_on_noise() -> None:
    estimate = initial_noise(_exponential((2000, 50))).power
    assert 10 * np.log10(estimate.mean()) == pytest.approx(0.0, abs=0.2)


def test_first_noise_estimate_survives_speech_in_half_of_the_frames() -> None:
    power = _exponential((200, 50))
    power[100:] += 1000.0
    estimate = initial_noise(power).power
    # The 20 % quantile of all frames is the 40 % one of the noise: ln(0.6) / ln(0.8) = 3.6 dB too much.
    assert 10 * np.log10(estimate.mean()) == pytest.approx(3.6, abs=0.4)


def test_tracked_noise_is_within_2_db_of_white_noise() -> None:
    power = _exponential((1000, 129))
    tracked, _ = track_noise(power, initial_noise(power[:100]), hop=HOP)
    assert 10 * np.log10(tracked[200:].mean()) == pytest.approx(0.0, abs=2.0)


def test_tracker_follows_a_step_of_10_db_within_2_seconds() -> None:
    power = _exponential((750, 129))
    power[250:] *= 10.0
    tracked, _ = track_noise(power, initial_noise(power[:100]), hop=HOP)
    assert 10 * np.log10(tracked[500:].mean()) == pytest.approx(10.0, abs=2.0)


def test_tracker_holds_still_through_digital_silence() -> None:
    power = _exponential((400, 20))
    power[100:300] = 0.0
    tracked, _ = track_noise(power, initial_noise(power[:100]), hop=HOP)
    assert np.array_equal(tracked[100], tracked[299])


def test_tracker_never_falls_below_the_least_power() -> None:
    tracked, _ = track_noise(np.zeros((5, 4), np.float32), initial_noise(np.zeros((5, 4), np.float32)), hop=HOP)
    assert tracked.min() >= MIN_POWER


def test_batched_recursions_equal_single_ones() -> None:
    power = _exponential((100, 2, 33))
    state = initial_noise(power)
    batched, _ = track_noise(power, state, hop=HOP)
    for index in range(2):
        single, _ = track_noise(power[:, index], initial_noise(power[:, index]), hop=HOP)
        assert np.array_equal(batched[:, index], single)


def test_tracking_in_blocks_equals_the_whole() -> None:
    power = _exponential((300, 33))
    whole, _ = track_noise(power, initial_noise(power[:100]), hop=HOP)
    state, pieces = initial_noise(power[:100]), []
    for first in range(0, 300, 70):
        noise, state = track_noise(power[first : first + 70], state, hop=HOP)
        pieces.append(noise)
    assert np.array_equal(np.concatenate(pieces), whole)
