"""Noise tracking and spectral gains: MMSE noise power, decision-directed SNR, log-MMSE, gate.

Everything works on power spectra with time first, (T, ..., F), vectorised over all other axes.
Recursions take and return their state, so that a long signal can be handed over in blocks with
the same result. Constants that papers state for one hop are converted to the hop in use.

Sources:
    Ephraim and Malah (1984), "Speech enhancement using a minimum mean-square error short-time
    spectral amplitude estimator", eq. 51 (decision-directed a-priori SNR).
    Ephraim and Malah (1985), "... log-spectral amplitude estimator", eq. 20 (log-MMSE gain).
    Gerkmann and Hendriks (2012), "Unbiased MMSE-based noise power estimation with low complexity
    and low tracking delay", eqs. 18, 22-24 and table I (noise power by speech presence).
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]

MIN_POWER = np.float32(1e-12)
"""Below this a bin counts as digital silence: no noise is learnt from it."""

PRESENCE_PRIOR_SNR = 10.0**1.5  # 15 dB: Gerkmann and Hendriks (2012), table I
STUCK_PRESENCE = 0.99  # table I: a mean presence above it is a tracker that lost the noise
_TABLE_STEP, _TABLE_START, _TABLE_STOP = 1.0 / 4096.0, float(np.log(1e-6)), float(np.log(50.0))  # of log v
_TABLE_LEAST = np.float32(1e-6)
_TABLE_SCALE = np.float32(1.0 / _TABLE_STEP)
_TABLE_OFFSET = np.float32(0.5 - _TABLE_START / _TABLE_STEP)


class NoiseState(NamedTuple):
    """Noise power and smoothed speech presence of the last frame, each (..., F)."""

    power: FloatArray
    presence: FloatArray


class SpeechState(NamedTuple):
    """Estimated speech power of the last frame, (..., F)."""

    power: FloatArray


def smoothing_for_hop(smoothing: float, *, stated_hop: float, hop: float) -> float:
    """The recursive-average weight with the same time constant at another hop, in seconds.

    >>> round(smoothing_for_hop(0.8, stated_hop=0.016, hop=0.008), 4)
    0.8944
    """
    return float(smoothing ** (hop / stated_hop))


def initial_noise(power: FloatArray, *, quantile: float = 0.2) -> NoiseState:
    """A first noise estimate from the opening frames, speech among them or not.

    The power of noise in one bin is exponentially distributed, so its quantile q is
    ``-ln(1 - q)`` times its mean.

    Args:
        power: (T, ..., F), T >= 1; silent frames are left out.
        quantile: Low, so that speech in some frames does not count.
    """
    live = power[power.reshape(len(power), -1).max(axis=1) > MIN_POWER]
    if len(live) == 0:
        live = power[:1]
    enough = len(live) >= 5  # for a low quantile
    mean = np.quantile(live, quantile, axis=0) / -np.log1p(-quantile) if enough else live.mean(axis=0)
    return NoiseState(np.maximum(mean, MIN_POWER).astype(np.float32), np.full(power.shape[1:], 0.5, dtype=np.float32))


def track_noise(power: FloatArray, state: NoiseState, *, hop: float) -> tuple[FloatArray, NoiseState]:
    """Noise power of each frame by the unbiased MMSE estimator with fixed priors.

    The estimate is smoothed over frames, weighted by the posterior probability that speech is
    absent. It holds still through digital silence.

    Args:
        power: (T, ..., F).
        state: From `initial_noise` or from the block before.
        hop: Seconds between frames.

    Returns:
        Noise power (T, ..., F) and the state after the last frame.

    Source: Gerkmann and Hendriks (2012), eqs. 18 and 22-24.
    """
    keep = np.float32(smoothing_for_hop(0.8, stated_hop=0.016, hop=hop))
    keep_presence = np.float32(smoothing_for_hop(0.9, stated_hop=0.016, hop=hop))
    odds = np.float32(1.0 + PRESENCE_PRIOR_SNR)
    slope = np.float32(-PRESENCE_PRIOR_SNR / (1.0 + PRESENCE_PRIOR_SNR))
    stuck, one = np.float32(STUCK_PRESENCE), np.float32(1.0)
    noise_power = np.empty_like(power)
    noise, mean_presence = state.power, state.presence
    is_live = power.reshape(len(power), -1).max(axis=1, initial=0.0) > MIN_POWER
    for t, frame in enumerate(power):
        if is_live[t]:
            presence = one / (one + odds * np.exp(slope * frame / noise))
            mean_presence = mean_presence + (one - keep_presence) * (presence - mean_presence)
            presence = np.where(mean_presence > stuck, np.minimum(presence, stuck), presence)
            noise = np.maximum(noise + (one - keep) * (one - presence) * (frame - noise), MIN_POWER)
        noise_power[t] = noise
    return noise_power, NoiseState(noise, mean_presence)


def log_mmse_gain(prior_snr: FloatArray, posterior_snr: FloatArray) -> FloatArray:
    """Gain of the log-spectral amplitude estimator, ``xi / (1 + xi) * exp(E1(v) / 2)``.

    ``v = xi / (1 + xi) * gamma``; the exponential integral comes from a table over log v, with a
    relative error of the gain below 1e-4 (-80 dB) for v from 1e-6 on.

    Args:
        prior_snr: xi, a power ratio.
        posterior_snr: gamma, a power ratio.

    Source: Ephraim and Malah (1985), eq. 20.
    """
    wiener = prior_snr / (np.float32(1.0) + prior_snr)
    gain: FloatArray = wiener * _half_integral(wiener * posterior_snr)
    return gain


def _half_integral(v: FloatArray) -> FloatArray:
    """``exp(E1(v) / 2)`` from the table; v is held inside it."""
    # Adding 0.5 after scaling makes the cast round to the nearest point.
    place = np.log(np.maximum(v, _TABLE_LEAST)) * _TABLE_SCALE + _TABLE_OFFSET
    made: FloatArray = _half_integral_table().take(place.astype(np.int32), mode="clip")
    return made


@lru_cache(maxsize=1)
def _half_integral_table() -> FloatArray:
    from scipy.special import exp1

    grid = np.arange(_TABLE_START, _TABLE_STOP, _TABLE_STEP)
    table: FloatArray = np.exp(0.5 * exp1(np.exp(grid))).astype(np.float32)
    return table


def log_mmse_gains(
    power: FloatArray,
    noise_power: FloatArray,
    state: SpeechState | None,
    *,
    hop: float,
    smoothing: float = 0.98,
    min_prior_snr: float = 10.0**-2.5,
    min_gain: float = 0.0,
) -> tuple[FloatArray, SpeechState]:
    """Log-MMSE gains with the decision-directed a-priori SNR, between ``min_gain`` and 1.

    Args:
        power: (T, ..., F).
        noise_power: Likewise, above 0.
        state: From the block before; None at the start.
        hop: Seconds between frames.
        smoothing: Weight of the last frame's speech estimate, stated for a hop of 8 ms.
        min_prior_snr: Power ratio; the floor of xi that keeps musical noise down.
        min_gain: Amplitude ratio.

    Returns:
        Gains (T, ..., F) and the state after the last frame.

    Source: Ephraim and Malah (1984), eq. 51; Ephraim and Malah (1985), eq. 20.
    """
    keep = np.float32(smoothing_for_hop(smoothing, stated_hop=0.008, hop=hop))
    renew, one, zero = np.float32(1.0) - keep, np.float32(1.0), np.float32(0.0)
    lowest, floor = np.float32(min_prior_snr), np.float32(min_gain)
    gains = np.empty_like(power)
    posterior = power / noise_power
    instant = renew * np.maximum(posterior - one, zero)
    speech = state.power if state is not None else None
    for t in range(len(power)):
        # Without a past the instantaneous estimate stands in for it.
        past = instant[t] / renew if speech is None else speech / noise_power[t]
        gain = log_mmse_gain(np.maximum(keep * past + instant[t], lowest), posterior[t])
        gain = np.minimum(np.maximum(gain, floor), one)
        speech = gain * gain * power[t]
        gains[t] = gain
    return gains, SpeechState(speech if speech is not None else np.zeros(power.shape[1:], dtype=np.float32))


def gate_gains(snr: FloatArray, *, threshold: float, min_gain: float, softness: float = 2.0) -> FloatArray:
    """Gains of a spectral gate with a soft knee: 1 well above the threshold, ``min_gain`` well below.

    Args:
        snr: Posterior SNR, a power ratio, smoothed by the caller over time and frequency.
        threshold: Power ratio at which the gate is half open in dB.
        min_gain: Amplitude ratio of the closed gate.
        softness: Exponent of the knee; larger is steeper.

    >>> gate_gains(np.array([0.0, 4.0, 1e9]), threshold=4.0, min_gain=0.01).round(3).tolist()
    [0.01, 0.1, 1.0]
    """
    ratio = (snr / np.float32(threshold)) ** np.float32(softness)
    openness = ratio / (np.float32(1.0) + ratio)
    gains: FloatArray = np.float32(min_gain) ** (np.float32(1.0) - openness)
    return gains


def smooth_over_time(power: FloatArray, previous: FloatArray | None, *, keep: float) -> FloatArray:
    """First-order recursive average over frames, ``keep`` the weight of the past.

    Args:
        power: (T, ..., F).
        previous: Last smoothed frame of the block before; None starts from the first frame.
        keep: In [0, 1).

    >>> smooth_over_time(np.array([[4.0], [0.0], [0.0]]), None, keep=0.5).tolist()
    [[4.0], [2.0], [1.0]]
    """
    smoothed = np.empty_like(power)
    weight = power.dtype.type(1.0 - keep)
    for t, frame in enumerate(power):
        previous = frame if previous is None else previous + weight * (frame - previous)
        smoothed[t] = previous
    return smoothed


def smooth_over_frequency(power: FloatArray, *, num_bins: int) -> FloatArray:
    """Mean over ``num_bins`` (odd) neighbouring bins, fewer at the edges.

    >>> smooth_over_frequency(np.array([[3.0, 0.0, 0.0, 3.0]]), num_bins=3).tolist()
    [[1.5, 1.0, 1.0, 1.5]]
    """
    half = num_bins // 2
    total = np.zeros(power.shape, dtype=power.dtype)
    count = np.zeros(power.shape[-1], dtype=power.dtype)
    for shift in range(-half, half + 1):
        into = slice(max(0, -shift), power.shape[-1] - max(0, shift))
        source = slice(max(0, shift), power.shape[-1] + min(0, shift))
        total[..., into] += power[..., source]
        count[into] += 1
    return total / count
