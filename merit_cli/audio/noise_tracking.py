"""Noise power of each bin, followed through speech: a first estimate, and the MMSE tracker.

Everything works on power spectra with time first, (T, ..., F), vectorised over all other axes. The
estimates scale with the signal, and hold still through digital silence.

Sources:
    Gerkmann and Hendriks (2012), "Unbiased MMSE-based noise power estimation with low complexity
    and low tracking delay", eqs. 18, 22-24 and table I (noise power by speech presence).
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from merit_cli.audio.smoothing import FloatArray, smoothing_for_hop

MIN_POWER = np.float32(1e-12)
"""Below this a bin counts as digital silence: no noise is learnt from it."""

PRESENCE_PRIOR_SNR = 10.0**1.5  # 15 dB: Gerkmann and Hendriks (2012), table I
STUCK_PRESENCE = 0.99  # table I: a mean presence above it is a tracker that lost the noise


class NoiseState(NamedTuple):
    """Noise power and smoothed speech presence of the last frame, each (..., F)."""

    power: FloatArray
    presence: FloatArray


def live_frames(power: FloatArray) -> npt.NDArray[np.bool_]:
    """Which of the frames (T, ..., F) are not digital silence, (T,)."""
    is_live: npt.NDArray[np.bool_] = power.reshape(len(power), -1).max(axis=1, initial=0.0) > MIN_POWER
    return is_live


def initial_noise(power: FloatArray, *, quantile: float = 0.2) -> NoiseState:
    """A first noise estimate from the opening frames, speech among them or not.

    The power of noise in one bin is exponentially distributed, so its quantile q is
    ``-ln(1 - q)`` times its mean.

    Args:
        power: (T, ..., F), T >= 1; silent frames are left out.
        quantile: Low, so that speech in some frames does not count.
    """
    live = power[live_frames(power)]
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
    renew = np.float32(1.0 - smoothing_for_hop(0.8, stated_hop=0.016, hop=hop))
    renew_presence = np.float32(1.0 - smoothing_for_hop(0.9, stated_hop=0.016, hop=hop))
    odds = np.float32(1.0 + PRESENCE_PRIOR_SNR)
    slope = np.float32(-PRESENCE_PRIOR_SNR / (1.0 + PRESENCE_PRIOR_SNR))
    stuck, one = np.float32(STUCK_PRESENCE), np.float32(1.0)
    noise_power = np.empty_like(power)
    noise, mean_presence = state.power, state.presence.copy()
    presence, change = np.empty_like(noise), np.empty_like(noise)
    for t, is_live in enumerate(live_frames(power).tolist()):
        if is_live:
            np.divide(power[t], noise, out=presence)
            presence *= slope
            np.exp(presence, out=presence)
            presence *= odds
            presence += one
            np.divide(one, presence, out=presence)
            np.subtract(presence, mean_presence, out=change)
            change *= renew_presence
            mean_presence += change
            np.minimum(presence, stuck, out=presence, where=mean_presence > stuck)
            np.subtract(one, presence, out=presence)
            presence *= renew
            np.subtract(power[t], noise, out=change)
            change *= presence
            change += noise
            noise = np.maximum(change, MIN_POWER, out=noise_power[t])
        else:
            noise_power[t] = noise
    return noise_power, NoiseState(noise.copy(), mean_presence)
