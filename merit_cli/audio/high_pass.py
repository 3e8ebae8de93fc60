"""What lies under the breath, taken away: rumble of heart and hand, most of a chest recording's energy."""

from functools import lru_cache

import numpy as np
import numpy.typing as npt

CUTOFF_HZ = 50.0
"""Tzeng et al. 2025 leave out what lies below, too."""
_ORDER = 2


def high_pass(samples_N: npt.NDArray[np.floating], sample_rate: int) -> npt.NDArray[np.float64]:
    """The signal (N,) without what lies under 50 Hz, in phase: a Butterworth of order 2, run forwards and backwards.

    >>> time = np.arange(8000) / 4000
    >>> rumble, breath = (high_pass(np.sin(2 * np.pi * hertz * time), 4000) for hertz in (10, 300))
    >>> round(float(np.ptp(rumble[2000:6000])), 2), round(float(np.ptp(breath[2000:6000])), 2)
    (0.0, 2.0)
    """
    from scipy.signal import sosfiltfilt

    if len(samples_N) < 2:
        return np.zeros(len(samples_N))
    filtered: npt.NDArray[np.float64] = sosfiltfilt(
        _sections(sample_rate), samples_N.astype(np.float64), padlen=min(len(samples_N) - 1, 9)
    )
    return filtered


@lru_cache(maxsize=16)
def _sections(sample_rate: int) -> npt.NDArray[np.float64]:
    from scipy.signal import butter

    sections: npt.NDArray[np.float64] = butter(_ORDER, CUTOFF_HZ, btype="highpass", fs=sample_rate, output="sos")
    return sections
