"""IMCRA: noise power by minima-controlled recursive averaging, in two iterations.

The minimum of the smoothed power over about a second tells the noise in spite of speech. The first
iteration finds the bins that clearly hold speech; the second takes the minimum of what is left, so that a
short window and strong smoothing do. From the power over that minimum follows the probability that speech
is absent, and with it how much of the frame goes into the noise.

Where it leaves the paper:
    The minimum is that of the past or of the time ahead, whichever is higher: a file is known to its end. A noise
    that rises is followed at once and not after the whole window.
    The minima start from a first estimate and not from the first frame: a file may open with speech.
    Frames of digital silence are left out: the minimum of nothing would freeze the tracker.
    The window slides by the frame; the paper's sub-windows come near that.

Everything takes power spectra with time first, (T, ..., F).

Source: Cohen (2003), "Noise spectrum estimation in adverse environments: improved minima controlled
recursive averaging", sections III to V; its constants are stated for a hop of 8 ms.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from merit_cli.audio.noise_tracking import MIN_POWER, live_frames
from merit_cli.audio.smoothing import FloatArray, hann_sum, smooth_over_time, smoothing_for_hop
from merit_cli.audio.spectral_gains import gain_factor
from merit_cli.units import Seconds

STATED_HOP = 0.008
SMOOTHING, NOISE_SMOOTHING, SNR_SMOOTHING = 0.9, 0.85, 0.92  # alpha_s, alpha_d, alpha
MINIMUM_BIAS, NOISE_BIAS = np.float32(1.66), np.float32(1.47)  # B_min, beta
PRESENT_POWER, ABSENT_POWER = np.float32(4.6), np.float32(3.0)  # gamma_0, gamma_1
PRESENT_SMOOTHED = np.float32(1.67)  # zeta_0
WINDOW, AHEAD = Seconds(0.96), Seconds(0.6)
"""Seconds of the past, and of the time ahead, that a minimum is taken over; the paper has 0.96 of the past alone."""
MIN_PRIOR_SNR = np.float32(10.0**-2.5)
_MOST_ODDS = np.float32(1e9)
_ONE, _ZERO = np.float32(1.0), np.float32(0.0)


class ImcraState(NamedTuple):
    """Where every recursion stands: two histories of smoothed power (D, ..., F), averaged noise, speech power."""

    smoothed: FloatArray
    noise_like: FloatArray
    average: FloatArray
    speech: FloatArray


def imcra_start(noise_power: FloatArray, *, hop: float) -> ImcraState:
    """The state before the first frame, from a first estimate (..., F) of the noise power."""
    history = np.repeat(noise_power[None], _num_frames(WINDOW, hop), axis=0)
    # As if the minimum had been seen just before, and the smoothed power stood at its mean.
    history[:-1] /= MINIMUM_BIAS
    return ImcraState(history, history, noise_power / NOISE_BIAS, np.zeros_like(noise_power))


def frames_ahead(hop: float) -> int:
    """Frames after a frame that its noise depends on: both iterations look ahead."""
    return 2 * (_num_frames(AHEAD, hop) - 1)


def imcra_noise(power: FloatArray, state: ImcraState, *, hop: float) -> tuple[FloatArray, ImcraState]:
    """Noise power of each frame but the last `frames_ahead`, and the state after the last one of them.

    Args:
        power: (T + ahead, ..., F); zeros stand for frames after the end.
        state: From `imcra_start` or from the block before.
        hop: Seconds between frames.

    Returns:
        Noise power (T, ..., F) and the state.
    """
    num_frames = len(power) - frames_ahead(hop)
    is_live = live_frames(power)
    num_live = int(is_live[:num_frames].sum())
    odds, state = _absence_odds(power, is_live, state, num_live=num_live, hop=hop)
    before = np.maximum(NOISE_BIAS * state.average, MIN_POWER)
    live = power[:num_frames] if num_live == num_frames else power[:num_frames][is_live[:num_frames]]
    noise_power, state = _averaged_noise(live, odds, state, hop=hop)
    if num_live < num_frames:
        noise_power = np.concatenate([before[None], noise_power])[np.cumsum(is_live[:num_frames])]
    return noise_power, state


def windowed_minimum(values: FloatArray, length: int) -> FloatArray:
    """Minimum of every ``length`` frames that follow each other, (T - length + 1, ..., F).

    >>> windowed_minimum(np.array([3.0, 1.0, 2.0, 5.0, 4.0]), 3).tolist()
    [1.0, 1.0, 2.0]
    """
    width = 1
    while 2 * width <= length:  # minima of twice the width, from two of the width
        values = np.minimum(values[:-width], values[width:])
        width *= 2
    rest = length - width
    return np.minimum(values[:-rest], values[rest:]) if rest else values


def _num_frames(duration: Seconds, hop: float) -> int:
    return max(2, round(duration / hop))


def _floor(values: FloatArray, history: FloatArray, is_live: npt.NDArray[np.bool_], *, hop: float) -> FloatArray:
    """Noise by the higher of the minima of the past and of the time ahead, for each live frame (T, ..., F).

    Args:
        values: Smoothed power of the live frames.
        history: Of the live frames before.
        is_live: Which frames are; the time ahead counts only where none of it is silent or past the end.
        hop: Seconds between frames.
    """
    past = windowed_minimum(np.concatenate([history[1:], values]), len(history))
    length = _num_frames(AHEAD, hop)
    known = np.zeros((len(is_live) + length - 1, *values.shape[1:]), dtype=values.dtype)
    known[: len(is_live)][is_live] = values
    ahead = windowed_minimum(known, length)[is_live]
    return np.maximum(MINIMUM_BIAS * np.maximum(past, ahead), MIN_POWER)


def _absence_odds(
    power: FloatArray, is_live: npt.NDArray[np.bool_], state: ImcraState, *, num_live: int, hop: float
) -> tuple[FloatArray, ImcraState]:
    """Odds ``q / (1 - q)`` that speech is absent, from the minima alone, in the first ``num_live`` live frames."""
    keep = smoothing_for_hop(SMOOTHING, stated_hop=STATED_HOP, hop=hop)
    live = power if is_live.all() else power[is_live]
    edges = hann_sum(np.ones(power.shape[-1], dtype=np.float32))
    smoothed = smooth_over_time(hann_sum(live) / edges, state.smoothed[-1], keep=keep)
    noise = _floor(smoothed, state.smoothed, is_live, hop=hop)
    is_noise = ((live < PRESENT_POWER * noise) & (smoothed < PRESENT_SMOOTHED * noise)).astype(np.float32)
    noise_like = _smoothed_where_noise(live, is_noise, state.noise_like[-1], keep=keep)
    noise = _floor(noise_like, state.noise_like, is_live, hop=hop)[:num_live]
    absence = np.clip((ABSENT_POWER - live[:num_live] / noise) / (ABSENT_POWER - _ONE), _ZERO, _ONE)
    absence *= smoothed[:num_live] < PRESENT_SMOOTHED * noise
    with np.errstate(divide="ignore"):
        odds = np.minimum(absence / (_ONE - absence), _MOST_ODDS)
    return odds, state._replace(
        smoothed=_newest(state.smoothed, smoothed[:num_live]),
        noise_like=_newest(state.noise_like, noise_like[:num_live]),
    )


def _newest(history: FloatArray, values: FloatArray) -> FloatArray:
    return np.concatenate([history, values])[-len(history) :]


def _smoothed_where_noise(power: FloatArray, is_noise: FloatArray, previous: FloatArray, *, keep: float) -> FloatArray:
    """Power smoothed over the bins and frames that hold no speech; it stands still where all three bins do."""
    weight = hann_sum(is_noise)
    mean = hann_sum(is_noise * power) / np.maximum(weight, np.float32(0.25))
    renew = np.float32(1.0 - keep) * (weight > 0)
    smoothed = np.empty_like(power)
    for t in range(len(power)):
        change = np.subtract(mean[t], previous, out=mean[t])
        change *= renew[t]
        previous = np.add(previous, change, out=smoothed[t])
    return smoothed


def _averaged_noise(
    power: FloatArray, odds: FloatArray, state: ImcraState, *, hop: float
) -> tuple[FloatArray, ImcraState]:
    """Recursive average that takes in each frame as far as speech is absent."""
    renew_noise = np.float32(1.0 - smoothing_for_hop(NOISE_SMOOTHING, stated_hop=STATED_HOP, hop=hop))
    keep = np.float32(smoothing_for_hop(SNR_SMOOTHING, stated_hop=STATED_HOP, hop=hop))
    noise_power = np.empty_like(power)
    average, speech = state.average.copy(), state.speech.copy()
    noise = np.maximum(NOISE_BIAS * average, MIN_POWER)
    posterior, prior, scratch = np.empty_like(average), np.empty_like(average), np.empty_like(average)
    for t, frame in enumerate(power):
        np.divide(frame, noise, out=posterior)
        np.subtract(posterior, _ONE, out=prior)
        np.maximum(prior, _ZERO, out=prior)
        prior *= _ONE - keep
        speech /= noise
        speech *= keep
        prior += speech
        np.maximum(prior, MIN_PRIOR_SNR, out=prior)
        np.add(prior, _ONE, out=scratch)
        wiener = np.divide(prior, scratch, out=prior)
        v = np.multiply(wiener, posterior, out=posterior)
        wiener *= gain_factor(v, "log-amplitude")
        np.minimum(wiener, _ONE, out=wiener)
        np.multiply(wiener, wiener, out=speech)
        speech *= frame
        np.negative(v, out=v)
        np.exp(v, out=v)
        v *= scratch
        v *= odds[t]  # odds that speech is absent, now that the frame is known
        np.add(v, _ONE, out=scratch)
        v /= scratch
        v *= renew_noise
        np.subtract(frame, average, out=scratch)
        scratch *= v
        average += scratch
        np.multiply(average, NOISE_BIAS, out=noise_power[t])
        noise = np.maximum(noise_power[t], MIN_POWER, out=noise_power[t])
    return noise_power, state._replace(average=average, speech=speech)
