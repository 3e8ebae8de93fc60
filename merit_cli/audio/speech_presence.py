"""OM-LSA: the log-amplitude gain weighted by the probability that speech is present.

Whether a bin may hold speech is read off the a-priori SNR, smoothed over frames, and averaged over few
bins, over many bins, and over the whole frame: speech is present only where all three say so.

Everything takes time first, (T, ..., F).

Source: Cohen and Berdugo (2001), "Speech enhancement for non-stationary noise environments"; its constants
are stated for a hop of 8 ms.
"""

from typing import NamedTuple

import numpy as np

from merit_cli.audio.smoothing import FloatArray, hann_over_frequency, smooth_over_time, smoothing_for_hop

STATED_HOP = 0.008
SMOOTHING = 0.7  # beta
LOCAL_BINS, GLOBAL_BINS = 1, 15  # w_local, w_global: half widths
LEAST_SNR, MOST_SNR = np.float32(10.0**-1.0), np.float32(10.0**-0.5)  # zeta_min, zeta_max: -10 and -5 dB
LEAST_PEAK, MOST_PEAK = np.float32(1.0), np.float32(10.0)  # zeta_p: 0 and 10 dB
_ONE, _ZERO = np.float32(1.0), np.float32(0.0)


class PresenceState(NamedTuple):
    """Smoothed a-priori SNR (..., F) of the last frame, its mean (...,), and the mean at the last rise."""

    smoothed: FloatArray
    mean: FloatArray
    peak: FloatArray


def speech_absence(
    prior_snr: FloatArray, state: PresenceState | None, *, hop: float, most: float = 0.95
) -> tuple[FloatArray, PresenceState]:
    """A-priori probability that speech is absent (T, ..., F), at most ``most``, and the state after the last frame.

    Args:
        prior_snr: xi, a power ratio, (T, ..., F), T >= 1.
        state: From the block before; None at the start.
        hop: Seconds between frames.
        most: q_max.
    """
    keep = smoothing_for_hop(SMOOTHING, stated_hop=STATED_HOP, hop=hop)
    smoothed = smooth_over_time(prior_snr, state.smoothed if state else None, keep=keep)
    mean = smoothed.mean(axis=-1)
    in_frame, peak = _presence_in_frame(mean, state)
    presence = _ramp(hann_over_frequency(smoothed, half_width=LOCAL_BINS))
    presence *= _ramp(hann_over_frequency(smoothed, half_width=GLOBAL_BINS))
    presence *= in_frame[..., None]
    absence = np.minimum(_ONE - presence, np.float32(most))
    return absence, PresenceState(smoothed[-1], mean[-1], peak)


def _ramp(snr: FloatArray, base: FloatArray | np.float32 = _ONE) -> FloatArray:
    """0 up to -10 dB over ``base``, 1 from -5 dB on, straight in dB between."""
    span = np.float32(np.log(MOST_SNR / LEAST_SNR))
    ratio = np.log(np.maximum(snr, LEAST_SNR * base) / (LEAST_SNR * base))
    ramp: FloatArray = np.minimum(ratio / span, _ONE)
    return ramp


def _presence_in_frame(mean: FloatArray, state: PresenceState | None) -> tuple[FloatArray, FloatArray]:
    """Presence (T, ...) in the whole frame: 1 while the mean rises, then by how far it fell from its peak."""
    before = state.mean if state else np.zeros_like(mean[0])
    first_peak = state.peak if state else np.full_like(mean[0], LEAST_PEAK)
    is_loud = mean > LEAST_SNR
    is_rising = is_loud & (mean > np.concatenate([before[None], mean[:-1]]))
    # The mean at the newest rise, carried on to the frames after it.
    number = np.arange(1, len(mean) + 1).reshape(-1, *[1] * (mean.ndim - 1))
    newest = np.maximum.accumulate(np.where(is_rising, number, 0), axis=0)
    peaks = np.concatenate([first_peak[None], np.clip(mean, LEAST_PEAK, MOST_PEAK)])
    peak = np.take_along_axis(peaks, newest, axis=0)
    presence = np.where(is_rising, _ONE, _ramp(mean, peak)) * is_loud
    return presence.astype(np.float32), peak[-1]


def presence_gains(
    gains: FloatArray, prior_snr: FloatArray, posterior_snr: FloatArray, absence: FloatArray, *, min_gain: float
) -> FloatArray:
    """Geometric mean of a gain and ``min_gain``, weighted by the probability that speech is present.

    Args:
        gains: Of the log-amplitude estimator where speech is present, G_H1, (T, ..., F).
        prior_snr: xi.
        posterior_snr: gamma.
        absence: q, a-priori, below 1.
        min_gain: Amplitude ratio left where speech is absent, above 0.

    Source: Cohen and Berdugo (2001).

    >>> half, one = np.full(1, 0.5), np.ones(1)
    >>> presence_gains(half, one, 0 * one, half, min_gain=0.1).round(3).tolist()  # presence 1 / (1 + 2)
    [0.171]
    """
    odds = absence / (_ONE - absence) * (_ONE + prior_snr)
    odds *= np.exp(-prior_snr / (_ONE + prior_snr) * posterior_snr)
    presence = _ONE / (_ONE + odds)
    floor = gains.dtype.type(min_gain)
    weighted: FloatArray = floor * (np.maximum(gains, np.finfo(np.float32).tiny) / floor) ** presence
    return weighted
