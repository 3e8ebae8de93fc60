from math import exp, log

import numpy as np
import numpy.typing as npt
import pytest

from merit_cli.audio.speech_presence import presence_gains, speech_absence

FloatArray = npt.NDArray[np.float32]
HOP = 0.008


def _prior_snr(num_frames: int, num_bins: int) -> FloatArray:
    """Bursts of speech over a low SNR."""
    generator = np.random.default_rng(0)
    prior = 0.05 * generator.exponential(size=(num_frames, num_bins))
    prior[num_frames // 3 : num_frames // 2] += 5 * generator.exponential(size=num_bins)
    return prior.astype(np.float32)


def _ramp(value: float) -> float:
    """0 up to -10 dB, 1 from -5 dB on."""
    low, high = 10**-1.0, 10**-0.5
    return 0.0 if value <= low else 1.0 if value >= high else log(value / low) / log(high / low)


def _hann_mean(values: npt.NDArray[np.float64], k: int, width: int) -> float:
    near = [j for j in range(len(values)) if abs(j - k) <= width]
    weights = [0.5 + 0.5 * np.cos(np.pi * (j - k) / (width + 1)) for j in near]
    return float(np.dot(weights, values[near]) / np.sum(weights))


def test_absence_equals_a_calculation_by_bin() -> None:
    """Cohen and Berdugo (2001), with their branches for the whole frame."""
    prior = _prior_snr(60, 40)
    made, _ = speech_absence(prior, None, hop=HOP, most=0.95)
    smoothed, last_mean, peak = prior[0].astype(np.float64), 0.0, 1.0
    for t in range(60):
        smoothed = 0.7 * smoothed + 0.3 * prior[t]
        mean = smoothed.mean()
        if mean <= 0.1:
            in_frame = 0.0
        elif mean > last_mean:
            in_frame, peak = 1.0, min(max(mean, 1.0), 10.0)
        else:
            in_frame = _ramp(mean / peak)
        last_mean = mean
        for k in range(40):
            presence = _ramp(_hann_mean(smoothed, k, 1)) * _ramp(_hann_mean(smoothed, k, 15)) * in_frame
            assert made[t, k] == pytest.approx(min(1 - presence, 0.95), abs=2e-5)


def test_absence_in_blocks_equals_the_whole() -> None:
    prior = _prior_snr(90, 40)
    whole, _ = speech_absence(prior, None, hop=HOP)
    state, pieces = None, []
    for first in range(0, 90, 13):
        absence, state = speech_absence(prior[first : first + 13], state, hop=HOP)
        pieces.append(absence)
    assert np.concatenate(pieces) == pytest.approx(whole, abs=1e-6)  # sums of a product of matrices


def test_absence_stays_within_0_and_its_highest_value() -> None:
    absence, _ = speech_absence(_prior_snr(60, 40), None, hop=HOP, most=0.9)
    assert absence.min() == 0.0
    assert absence.max() == np.float32(0.9)


def test_presence_gain_equals_a_calculation_by_bin() -> None:
    generator = np.random.default_rng(1)
    gains, prior, posterior, absence = generator.uniform(0.01, 0.95, (4, 30)).astype(np.float32)
    made = presence_gains(gains, 9 * prior, 9 * posterior, absence, min_gain=0.1)
    for k in range(30):
        xi, v = 9 * prior[k], 9 * prior[k] / (1 + 9 * prior[k]) * 9 * posterior[k]
        presence = 1 / (1 + absence[k] / (1 - absence[k]) * (1 + xi) * exp(-v))
        assert made[k] == pytest.approx(gains[k] ** presence * 0.1 ** (1 - presence), rel=1e-5)


def test_certain_speech_has_the_gain_itself_and_no_signal_the_floor() -> None:
    one = np.ones(1, np.float32)
    assert presence_gains(0.5 * one, one, one, 0 * one, min_gain=0.1) == pytest.approx(0.5)
    assert presence_gains(0 * one, one, 0 * one, 0.95 * one, min_gain=0.1) < 0.1
