import numpy as np
import pytest
from scipy.special import exp1

from merit_cli.audio.spectral_gains import (
    MIN_POWER,
    initial_noise,
    log_mmse_gain,
    log_mmse_gains,
    smooth_over_frequency,
    smoothing_for_hop,
    track_noise,
)

HOP = 0.008


def _exponential(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    """Power of complex Gaussian noise with mean 1."""
    return np.random.default_rng(seed).exponential(size=shape).astype(np.float32)


def test_log_mmse_gain_equals_the_formula_with_the_exponential_integral() -> None:
    generator = np.random.default_rng(0)
    prior = 10 ** generator.uniform(-3, 3, 5000)
    posterior = 10 ** generator.uniform(-2.5, 1.6, 5000)
    v = prior / (1 + prior) * posterior
    formula = prior / (1 + prior) * np.exp(0.5 * exp1(v))
    made = log_mmse_gain(prior.astype(np.float32), posterior.astype(np.float32))
    assert (v > 1e-6).all()
    assert made == pytest.approx(formula, rel=1e-4)  # the table's step is 2.4e-4 in log v


def test_log_mmse_gain_tends_to_the_wiener_gain_at_high_snr() -> None:
    prior = np.float32([10.0, 100.0, 1000.0])
    assert log_mmse_gain(prior, prior + 1) == pytest.approx(prior / (1 + prior), rel=1e-4)


def test_log_mmse_gain_is_finite_for_a_silent_bin() -> None:
    assert np.isfinite(log_mmse_gain(np.float32([0.003]), np.float32([0.0]))).all()


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


def test_recursions_in_blocks_equal_the_whole() -> None:
    power = _exponential((300, 33))
    start = initial_noise(power[:100])
    whole_noise, _ = track_noise(power, start, hop=HOP)
    whole_gains, _ = log_mmse_gains(power, whole_noise, None, hop=HOP)
    noise_state, speech_state, pieces = start, None, []
    for first in range(0, 300, 70):
        block = power[first : first + 70]
        noise, noise_state = track_noise(block, noise_state, hop=HOP)
        gains, speech_state = log_mmse_gains(block, noise, speech_state, hop=HOP)
        pieces.append(gains)
    assert np.array_equal(np.concatenate(pieces), whole_gains)


def test_batched_recursions_equal_single_ones() -> None:
    power = _exponential((100, 2, 33))
    state = initial_noise(power)
    batched, _ = track_noise(power, state, hop=HOP)
    for index in range(2):
        single, _ = track_noise(power[:, index], initial_noise(power[:, index]), hop=HOP)
        assert np.array_equal(batched[:, index], single)


def test_gains_equal_a_frame_by_frame_calculation() -> None:
    power, noise = _exponential((6, 3)) * 4, np.full((6, 3), 1.0, np.float32)
    gains, _ = log_mmse_gains(power, noise, None, hop=HOP, smoothing=0.98, min_prior_snr=0.01)
    speech = np.maximum(power[0] - 1, 0)
    for t in range(6):
        prior = np.maximum(0.98 * speech + 0.02 * np.maximum(power[t] - 1, 0), 0.01)
        gain = np.minimum(prior / (1 + prior) * np.exp(0.5 * exp1(prior / (1 + prior) * power[t])), 1.0)
        speech = gain**2 * power[t]
        assert gains[t] == pytest.approx(gain, rel=3e-4)


def test_smoothing_keeps_its_time_constant() -> None:
    assert smoothing_for_hop(0.9, stated_hop=0.016, hop=0.008) ** 2 == pytest.approx(0.9)


def test_smoothing_over_frequency_equals_a_naive_mean() -> None:
    power = _exponential((4, 9))
    naive = [[power[t, max(0, k - 2) : k + 3].mean() for k in range(9)] for t in range(4)]
    assert smooth_over_frequency(power, num_bins=5) == pytest.approx(np.array(naive), rel=1e-5)
