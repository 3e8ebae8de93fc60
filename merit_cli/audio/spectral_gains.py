"""Spectral gains: Wiener, MMSE-STSA and log-MMSE on the decision-directed SNR, subtraction, gate.

Everything works on power spectra with time first, (T, ..., F), vectorised over all other axes.
Recursions take and return their state, so that a long signal can be handed over in blocks with
the same result. Constants that papers state for one hop are converted to the hop in use.

Sources:
    Berouti, Schwartz and Makhoul (1979), "Enhancement of speech corrupted by acoustic noise".
    Ephraim and Malah (1984), "Speech enhancement using a minimum mean-square error short-time
    spectral amplitude estimator", eq. 7 (MMSE-STSA gain), eq. 51 (decision-directed a-priori SNR).
    Ephraim and Malah (1985), "... log-spectral amplitude estimator", eq. 20 (log-MMSE gain).
    Scalart and Filho (1996), "Speech enhancement based on a priori signal to noise estimation".
"""

from collections.abc import Callable
from functools import lru_cache
from math import gamma
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from merit_cli.audio.smoothing import FloatArray, smoothing_for_hop

GainRule = Literal["wiener", "amplitude", "log-amplitude"]
"""What is estimated: the coefficient (Wiener), its amplitude (MMSE-STSA), or the amplitude's logarithm (MMSE-LSA)."""

_TABLE_OCTAVES = (-20, 12)
_TABLE_SHIFT = 11  # of the 23 bits of a float32's mantissa, these are dropped
_TABLE_FIRST = int(np.array(2.0 ** _TABLE_OCTAVES[0], dtype=np.float32).view(np.int32)) >> _TABLE_SHIFT
_ONE, _ZERO = np.float32(1.0), np.float32(0.0)


class SpeechState(NamedTuple):
    """Estimated speech power of the last frame, (..., F)."""

    power: FloatArray


class DecisionDirected(NamedTuple):
    """Gains and a-priori SNR, (T, ..., F) each, and the state after the last frame."""

    gains: FloatArray
    prior_snr: FloatArray
    state: SpeechState


def gain_factor(v: FloatArray, rule: GainRule) -> FloatArray:
    """What a rule multiplies the Wiener gain with, a function of ``v = xi / (1 + xi) * gamma`` alone.

    It comes from a table over the leading bits of ``v``, which are a logarithm cut into steps: the relative
    error is below 7e-5 (-83 dB) for v from 1e-6 on, below which the factor of 1e-6 holds.

    Args:
        v: Not negative, contiguous.
        rule: Wiener's factor is 1.

    >>> gain_factor(np.array([1e-3, 1.0, 100.0], dtype=np.float32), "amplitude").round(2).tolist()
    [28.040000915527344, 1.2799999713897705, 1.0]
    """
    if rule == "wiener":
        return np.ones_like(v)
    place = np.right_shift(v.view(np.int32), _TABLE_SHIFT, dtype=np.intp)
    place -= _TABLE_FIRST
    made: FloatArray = _factor_table(rule).take(place, mode="clip")
    return made


@lru_cache(maxsize=2)
def _factor_table(rule: GainRule) -> FloatArray:
    """The factor in the middle of every cell of v."""
    last = int(np.array(2.0 ** _TABLE_OCTAVES[1], dtype=np.float32).view(np.int32)) >> _TABLE_SHIFT
    cells = np.arange(_TABLE_FIRST, last, dtype=np.int32)
    middles = ((cells << _TABLE_SHIFT) + (1 << (_TABLE_SHIFT - 1))).view(np.float32)
    table: FloatArray = _FACTORS[rule](middles.astype(np.float64)).astype(np.float32)
    table.setflags(write=False)
    return table


def _amplitude_factor(v: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Ephraim and Malah (1984), eq. 7, over the Wiener gain; scaled Bessel functions hold the exponential."""
    from scipy.special import i0e, i1e

    factor: npt.NDArray[np.float64] = np.sqrt(np.pi / (4.0 * v)) * ((1.0 + v) * i0e(v / 2.0) + v * i1e(v / 2.0))
    return factor


def _log_amplitude_factor(v: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Ephraim and Malah (1985), eq. 20, over the Wiener gain."""
    from scipy.special import exp1

    factor: npt.NDArray[np.float64] = np.exp(0.5 * exp1(v))
    return factor


_FACTORS: dict[GainRule, Callable[[npt.NDArray[np.float64]], npt.NDArray[np.float64]]] = {
    "amplitude": _amplitude_factor,
    "log-amplitude": _log_amplitude_factor,
}


def snr_gain(prior_snr: FloatArray, posterior_snr: FloatArray, *, rule: GainRule) -> FloatArray:
    """Gain of a rule at an a-priori and an a-posteriori SNR, power ratios; not held below 1.

    >>> one = np.ones(1, dtype=np.float32)
    >>> [round(float(snr_gain(one, one, rule=rule)[0]), 3) for rule in ("wiener", "log-amplitude", "amplitude")]
    [0.5, 0.661, 0.774]
    """
    wiener = prior_snr / (_ONE + prior_snr)
    return wiener * gain_factor(wiener * posterior_snr, rule)


def decision_directed_gains(
    power: FloatArray,
    noise_power: FloatArray,
    state: SpeechState | None,
    *,
    rule: GainRule,
    hop: float,
    smoothing: float = 0.98,
    min_prior_snr: float = 10.0**-2.5,
    min_gain: float = 0.0,
) -> DecisionDirected:
    """Gains of a rule with the decision-directed a-priori SNR, between ``min_gain`` and 1.

    Args:
        power: (T, ..., F).
        noise_power: Likewise, above 0.
        state: From the block before; None at the start, where the instantaneous SNR stands in for the past.
        rule: Which gain.
        hop: Seconds between frames.
        smoothing: Weight of the last frame's speech estimate, stated for a hop of 8 ms.
        min_prior_snr: Power ratio; the floor of xi that keeps musical noise down.
        min_gain: Amplitude ratio.

    Source: Ephraim and Malah (1984), eq. 51.
    """
    keep = np.float32(smoothing_for_hop(smoothing, stated_hop=0.008, hop=hop))
    lowest, floor = np.float32(min_prior_snr), np.float32(min_gain)
    gains, prior_snr = np.empty_like(power), np.empty_like(power)
    posterior = power / noise_power
    instant = np.maximum(posterior - _ONE, _ZERO)
    kept = keep / noise_power
    speech = state.power if state is not None else instant[:1].sum(axis=0) * noise_power[:1].sum(axis=0)
    instant *= _ONE - keep
    for t in range(len(power)):
        prior, gain = prior_snr[t], gains[t]
        np.multiply(speech, kept[t], out=prior)
        prior += instant[t]
        np.maximum(prior, lowest, out=prior)
        np.divide(prior, prior + _ONE, out=gain)
        if rule != "wiener":
            gain *= gain_factor(gain * posterior[t], rule)
        np.maximum(gain, floor, out=gain)
        np.minimum(gain, _ONE, out=gain)
        speech = gain * gain
        speech *= power[t]
    return DecisionDirected(gains, prior_snr, SpeechState(speech))


def subtraction_gains(
    power: FloatArray, noise_power: FloatArray, *, over_subtraction: float, floor: float, exponent: float
) -> FloatArray:
    """Gains that take a multiple of the noise's mean off ``|Y| ** exponent``, and leave a floor of noise.

    The multiple falls with the SNR of the frame by 3/20 per dB, from ``over_subtraction + 0.75`` at -5 dB to
    1 at the least, and is held outside -5 to 20 dB.

    Args:
        power: (T, ..., F).
        noise_power: Likewise, above 0.
        over_subtraction: The multiple at a frame SNR of 0 dB, alpha_0.
        floor: Part of the noise, in the same power of the amplitude, that stays: beta.
        exponent: 1 subtracts magnitudes, 2 powers.

    Source: Berouti, Schwartz and Makhoul (1979).

    >>> subtraction_gains(np.array([[100.0, 2.0]]), np.ones((1, 2)),
    ...     over_subtraction=4.0, floor=0.01, exponent=2.0).round(3).tolist()
    [[0.993, 0.53]]
    """
    frame_snr = power.sum(axis=-1, keepdims=True) / noise_power.sum(axis=-1, keepdims=True)
    frame_snr_db = 10.0 * np.log10(np.clip(frame_snr, 10.0**-0.5, 100.0))
    multiple = np.maximum(over_subtraction - 0.15 * frame_snr_db, 1.0).astype(power.dtype)
    # |N| ** exponent of complex Gaussian noise has the mean below, times the power of its standard deviation.
    mean = power.dtype.type(gamma(1.0 + exponent / 2.0))
    ratio = noise_power / np.maximum(power, power.dtype.type(1e-9) * noise_power)  # below, the gain is 1 anyway
    noise_share = mean * ratio ** power.dtype.type(exponent / 2.0)
    left = np.maximum(_ONE - multiple * noise_share, power.dtype.type(floor) * noise_share)
    gains: FloatArray = np.minimum(left, _ONE) ** power.dtype.type(1.0 / exponent)
    return gains


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
    openness = ratio / (_ONE + ratio)
    gains: FloatArray = np.float32(min_gain) ** (_ONE - openness)
    return gains
