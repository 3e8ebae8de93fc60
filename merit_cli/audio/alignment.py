"""Is a clean reference in its noisy recording, at the right place and at the right gain?

Both answers tell a fault from chance by the signals themselves: noise correlates a little with speech at
every shift, so what it does at other shifts says how much of what is seen at one may be chance.
"""

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.floating]
_WHITENING = 0.6
"""Power of the cross spectrum's magnitude that is divided out. 0 is the plain correlation, whose peak in voiced
speech is as wide as a pitch period; 1 (PHAT) weighs bins without speech like those with it. Of .6, .8 and 1, over
sounds in white and pink noise at -20 to 40 dB, .6 stood out the most from chance at -20 dB (ours)."""
_CLEAR_PEAK = 10.0
"""Standard deviations of chance that a shift must stand out by; over a second of shifts chance reaches 4 to 5."""
_NEAR = 16
_OVER_NO_SHIFT_NEAR, _OVER_NO_SHIFT_FAR = 1.5, 3.0
"""By this much a shift must fit better than none, up to 16 samples away and beyond. Over 18 recordings a shift of 16
samples or more fitted better by 9 and more; an echo twice as loud as the speech, which is noise and no shift, by 2.7.
Many shifts of one sample or two are not told from none; the ratio is off then (ours)."""
_CLEAR_GAIN = 6.0
_SMALL_GAIN_ERROR = 0.01


class GainEstimate(NamedTuple):
    """How much of the clean is in the noisy signal, and how far chance would move that."""

    gain: float
    deviation: float

    @property
    def is_off(self) -> bool:
        """Whether the gain is not 1, by more than 1 % and by six times what chance does."""
        error = abs(self.gain - 1.0)
        return error > _SMALL_GAIN_ERROR and error > _CLEAR_GAIN * self.deviation


def find_shift(noisy: Samples, clean: Samples, *, max_shift: int) -> int:
    """Samples by which ``noisy`` comes after ``clean``; 0 where no other shift clearly fits better.

    The peak of the cross-correlation, whitened by the power .6 of its spectrum (Knapp and Carter 1976 give the
    family), if it stands out by 10 deviations and is clearly higher than at no shift.

    Args:
        noisy: (N,).
        clean: (N,).
        max_shift: Largest shift looked for, in samples, either way.

    >>> speech = np.random.default_rng(0).standard_normal(4000)
    >>> find_shift(np.roll(speech, 80), speech, max_shift=500)
    80
    """
    size = _fft_size(noisy.size + max_shift)
    cross = _cross_spectrum(noisy, clean, size)
    magnitude = np.abs(cross)
    loudest = float(magnitude.max(initial=0.0))
    if loudest <= 0.0:
        return 0
    cross /= np.maximum(magnitude, 1e-9 * loudest) ** _WHITENING
    heights = np.abs(_around_zero(cross, size, max_shift))
    best = int(np.argmax(heights))
    chance = 1.4826 * float(np.median(heights))
    over = _OVER_NO_SHIFT_NEAR if abs(best - max_shift) <= _NEAR else _OVER_NO_SHIFT_FAR
    is_clear = heights[best] > _CLEAR_PEAK * chance and heights[best] > over * heights[max_shift]
    return best - max_shift if is_clear else 0


def estimate_gain(noisy: Samples, clean: Samples, *, max_shift: int) -> GainEstimate:
    """The factor of ``clean`` in ``noisy`` by projection, <noisy, clean> / <clean, clean>.

    Chance is the RMS, over all other shifts, of the same ratio between what is left of ``noisy`` and ``clean``.

    Args:
        noisy: (N,).
        clean: (N,), not silent.
        max_shift: Shifts looked at, in samples, either way.

    >>> generator = np.random.default_rng(0)
    >>> speech, noise = generator.standard_normal((2, 16000))
    >>> estimate = estimate_gain(2.0 * speech + noise, speech, max_shift=500)
    >>> round(estimate.gain, 1), estimate.is_off
    (2.0, True)
    >>> estimate_gain(speech + noise, speech, max_shift=500).is_off
    False
    """
    wide = np.asarray(clean, dtype=np.float64)
    energy = float(np.einsum("i,i->", wide, wide))
    assert energy > 0.0, "the clean signal is silent"
    gain = float(np.einsum("i,i->", np.asarray(noisy, dtype=np.float64), wide)) / energy
    size = _fft_size(wide.size + max_shift)
    chance = _around_zero(_cross_spectrum(noisy - gain * wide, wide, size), size, max_shift) / energy
    return GainEstimate(gain, math.sqrt(float(np.mean(np.square(chance)))))


def _fft_size(num_samples: int) -> int:
    return 1 << max(1, num_samples - 1).bit_length()


def _cross_spectrum(noisy: Samples, clean: Samples, size: int) -> npt.NDArray[np.complex128]:
    return np.fft.rfft(noisy, size) * np.conj(np.fft.rfft(clean, size))


def _around_zero(cross: npt.NDArray[np.complex128], size: int, max_shift: int) -> npt.NDArray[np.float64]:
    """The correlation at shifts from -max_shift to max_shift."""
    whole = np.fft.irfft(cross, size)
    return np.concatenate([whole[size - max_shift :], whole[: max_shift + 1]])
