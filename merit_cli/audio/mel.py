"""Triangular mel filters on Slaney's scale, as librosa and Whisper use them.

Shape suffixes: M mels, F bins.
"""

import numpy as np
from numpy.typing import NDArray

LINEAR_HZ_PER_MEL = 200.0 / 3.0
BREAK_HZ = 1000.0
BREAK_MEL = BREAK_HZ / LINEAR_HZ_PER_MEL
LOG_STEP = np.log(6.4) / 27.0
"""The scale is linear to 1 kHz, then 27 steps to each factor of 6.4 (Slaney, 1998, Auditory Toolbox)."""


def hertz_to_mel(frequency_hz: NDArray[np.float64]) -> NDArray[np.float64]:
    """Slaney mels of a frequency.

    >>> hertz_to_mel(np.array([200.0, 1000.0, 6400.0])).round(9).tolist()
    [3.0, 15.0, 42.0]
    """
    above = BREAK_MEL + np.log(np.maximum(frequency_hz, BREAK_HZ) / BREAK_HZ) / LOG_STEP
    return np.asarray(np.where(frequency_hz < BREAK_HZ, frequency_hz / LINEAR_HZ_PER_MEL, above))


def mel_to_hertz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    """The inverse of `hertz_to_mel`."""
    above = BREAK_HZ * np.exp(LOG_STEP * (np.maximum(mel, BREAK_MEL) - BREAK_MEL))
    return np.asarray(np.where(mel < BREAK_MEL, mel * LINEAR_HZ_PER_MEL, above))


def mel_filters(
    num_mels: int, *, num_bins: int, sample_rate: int, lowest_hz: float = 0.0, highest_hz: float | None = None
) -> NDArray[np.float64]:
    """Filters (M, F) of equal area, for power or magnitude spectra.

    Args:
        num_mels: M.
        num_bins: F, from 0 Hz to half the sample rate.
        sample_rate: In Hz.
        lowest_hz: Lower edge of the first filter.
        highest_hz: Upper edge of the last; None is half the sample rate.
    """
    top_hz = sample_rate / 2 if highest_hz is None else highest_hz
    lowest_mel, highest_mel = hertz_to_mel(np.array([lowest_hz, top_hz])).tolist()
    edges_hz = mel_to_hertz(np.linspace(lowest_mel, highest_mel, num_mels + 2))
    bins_hz = np.linspace(0.0, sample_rate / 2, num_bins)
    width_hz = np.diff(edges_hz)[:, None]
    rising = (bins_hz - edges_hz[:-2, None]) / width_hz[:-1]
    falling = (edges_hz[2:, None] - bins_hz) / width_hz[1:]
    area = (edges_hz[2:] - edges_hz[:-2])[:, None] / 2.0
    return np.asarray(np.maximum(0.0, np.minimum(rising, falling)) / area)
