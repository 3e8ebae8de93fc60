from math import exp, inf

import numpy as np
import numpy.typing as npt
import pytest
from scipy.special import exp1

from merit_cli.audio.imcra import AHEAD, WINDOW, frames_ahead, imcra_noise, imcra_start, windowed_minimum
from merit_cli.audio.noise_tracking import initial_noise

FloatArray = npt.NDArray[np.float32]
HOP = 0.008
AFTER = frames_ahead(HOP)


def _exponential(shape: tuple[int, ...], seed: int = 0) -> FloatArray:
    return np.random.default_rng(seed).exponential(size=shape).astype(np.float32)


def _tracked(power: FloatArray, start: FloatArray | None = None) -> FloatArray:
    start = initial_noise(power[:100]).power if start is None else start
    ended = np.concatenate([power, np.zeros((AFTER, *power.shape[1:]), np.float32)])
    return imcra_noise(ended, imcra_start(start, hop=HOP), hop=HOP)[0]


def _reference(power: npt.NDArray[np.float64], start: float) -> npt.NDArray[np.float64]:
    """Cohen (2003) frame by frame and bin by bin, with minima of the past and of the time ahead."""
    num_frames, num_bins = power.shape
    past, ahead = round(WINDOW / HOP), round(AHEAD / HOP)
    hann = {-1: 0.25, 0: 0.5, 1: 0.25}

    def near(k: int) -> list[int]:
        return [i for i in hann if 0 <= k + i < num_bins]

    def floor(smoothed: npt.NDArray[np.float64], t: int, k: int) -> float:
        behind = [smoothed[i, k] for i in range(max(0, t - past + 1), t + 1)]
        before = past - len(behind)
        if before > 0:
            behind.append(start if before == 1 else start / 1.66)
        before_all = min(behind)
        after = min(smoothed[t : t + ahead, k]) if t + ahead <= num_frames else -inf
        return 1.66 * max(before_all, after)

    smoothed = np.zeros_like(power)
    for t in range(num_frames):
        for k in range(num_bins):
            mean = sum(hann[i] * power[t, k + i] for i in near(k)) / sum(hann[i] for i in near(k))
            smoothed[t, k] = 0.9 * (smoothed[t - 1, k] if t else start) + 0.1 * mean
    is_noise = np.zeros(power.shape, bool)
    for t in range(num_frames):
        for k in range(num_bins):
            least = floor(smoothed, t, k)
            is_noise[t, k] = power[t, k] < 4.6 * least and smoothed[t, k] < 1.67 * least
    noise_like = np.zeros_like(power)
    for t in range(num_frames):
        for k in range(num_bins):
            last = noise_like[t - 1, k] if t else start
            used = [i for i in near(k) if is_noise[t, k + i]]
            mean = sum(hann[i] * power[t, k + i] for i in used) / sum(hann[i] for i in used) if used else last
            noise_like[t, k] = 0.9 * last + 0.1 * mean
    noise = np.zeros_like(power)
    for k in range(num_bins):
        average, speech = start / 1.47, 0.0
        for t in range(num_frames):
            least = floor(noise_like, t, k)
            absence = min(max((3 - power[t, k] / least) / 2, 0), 1) if smoothed[t, k] < 1.67 * least else 0.0
            posterior = power[t, k] / (1.47 * average)
            prior = max(0.92 * speech / (1.47 * average) + 0.08 * max(posterior - 1, 0), 10**-2.5)
            v = prior / (1 + prior) * posterior
            speech = min(prior / (1 + prior) * exp(0.5 * exp1(v)), 1.0) ** 2 * power[t, k]
            presence = 0.0 if absence == 1 else 1 / (1 + absence / (1 - absence) * (1 + prior) * exp(-v))
            average = average + 0.15 * (1 - presence) * (power[t, k] - average)
            noise[t, k] = 1.47 * average
    return noise


def test_noise_equals_a_calculation_frame_by_frame_and_bin_by_bin() -> None:
    power = _exponential((260, 5)) * np.float32([1, 3, 10, 3, 1])
    power[60:90, 1:4] *= 50  # speech
    power[180:] *= 4  # a step of the noise
    made = _tracked(power, np.ones(5, np.float32))
    wanted = _reference(power.astype(np.float64), 1.0)
    assert made == pytest.approx(wanted, rel=2e-3)  # the gain comes from a table


@pytest.mark.parametrize("length", [1, 2, 3, 7, 8, 13])
def test_windowed_minimum_equals_a_naive_one(length: int) -> None:
    values = _exponential((20, 2))
    naive = [values[t : t + length].min(axis=0) for t in range(20 - length + 1)]
    assert np.array_equal(windowed_minimum(values, length), naive)


def test_white_noise_is_tracked_without_bias() -> None:
    tracked = _tracked(_exponential((2000, 129)))
    assert 10 * np.log10(tracked[200:].mean()) == pytest.approx(0.0, abs=0.7)


@pytest.mark.parametrize("step_db", [10, 20])
def test_a_step_up_is_followed_within_a_third_of_a_second(step_db: int) -> None:
    """The paper's tracker needs its whole window, 1 to 2 seconds."""
    power = _exponential((900, 129))
    power[400:] *= 10 ** (step_db / 10)
    assert 10 * np.log10(_tracked(power)[440].mean()) == pytest.approx(step_db, abs=2.0)


def test_a_step_down_is_followed_within_a_third_of_a_second() -> None:
    power = _exponential((900, 129))
    power[400:] *= 0.1
    assert 10 * np.log10(_tracked(power)[440].mean()) == pytest.approx(-10, abs=2.0)


def test_bursts_of_speech_do_not_raise_the_noise() -> None:
    power = _exponential((1000, 129))
    is_speech = (np.arange(1000) // 40) % 2 == 1  # 0.32 s of speech, 0.32 s of pause
    power[is_speech] *= 100.0
    assert 10 * np.log10(_tracked(power)[200:].mean()) < 3.0


def test_a_file_that_opens_with_speech_starts_from_the_first_estimate() -> None:
    power = _exponential((400, 129))
    power[:60] *= 1000.0
    tracked = _tracked(power, np.ones(129, np.float32))
    assert 10 * np.log10(np.median(tracked[:60], axis=1).max()) < 1.0  # a few bins may fall for it


def test_noise_holds_still_through_digital_silence() -> None:
    power = _exponential((600, 20))
    power[200:400] = 0.0
    tracked = _tracked(power)
    assert (tracked[200:400] == tracked[199]).all()
    assert 10 * np.log10(tracked[420:].mean()) == pytest.approx(0.0, abs=1.0)


def test_a_gain_on_the_power_is_a_gain_on_the_noise() -> None:
    power = _exponential((300, 20))
    gain = np.float32(2.0**20)
    assert np.array_equal(_tracked(gain * power), gain * _tracked(power))


def test_blocks_give_the_whole_also_with_gaps() -> None:
    power = _exponential((700, 17))
    power[100:140] *= 30
    power[300:330] = 0.0
    ended = np.concatenate([power, np.zeros((AFTER, 17), np.float32)])
    start = initial_noise(power[:100]).power
    state, pieces = imcra_start(start, hop=HOP), []
    for first in range(0, 700, 130):
        noise, state = imcra_noise(ended[first : min(first + 130, 700) + AFTER], state, hop=HOP)
        pieces.append(noise)
    assert np.array_equal(np.concatenate(pieces), _tracked(power, start))


def test_nothing_but_silence_keeps_the_first_estimate() -> None:
    assert _tracked(np.zeros((50, 4), np.float32), np.ones(4, np.float32)) == pytest.approx(1.0)
