"""Mixing at an exact signal-to-noise ratio, and measuring the ratio of what was mixed.

With speech power P_s and noise power P_n (`audio.levels`), the noise is scaled by
g = sqrt(P_s / (P_n 10^(SNR/10))), so that 10 log10(P_s / (g^2 P_n)) is the SNR.
"""

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from merit_cli.audio.levels import SILENCE_POWER, LevelName, mean_power, noise_power, speech_power
from merit_cli.units import power_to_db

FloatArray = npt.NDArray[np.float32]
PEAK_LIMIT = 0.999
"""Highest sample value a mixture may reach before all its parts are turned down together."""


class Mix(NamedTuple):
    """Noisy, clean and noise (N,), float64, already turned down together, and by which gains."""

    noisy: npt.NDArray[np.float64]
    clean: npt.NDArray[np.float64]
    noise: npt.NDArray[np.float64]
    gain: float
    shared_gain: float


def mix_at_snr(clean: FloatArray, noise: FloatArray, snr_db: float, *, sample_rate: int, level: LevelName) -> Mix:
    """``clean`` plus ``noise`` scaled to the asked SNR; one shared gain on all parts where the peak would clip.

    Args:
        clean: (N,).
        noise: (N,), not silent.
        snr_db: Wanted ratio in dB.
        sample_rate: In Hz.
        level: Definition of level for the ratio.

    >>> tone = np.sin(np.arange(16000) * 0.3).astype(np.float32) * 0.1
    >>> mix = mix_at_snr(tone, tone[::-1], 6.0, sample_rate=16000, level="rms")
    >>> round(mix.gain, 4), mix.shared_gain
    (0.5012, 1.0)
    """
    assert clean.shape == noise.shape, f"shapes differ: {clean.shape} and {noise.shape}"
    signal, disturbance = speech_power(clean, sample_rate, level), noise_power(noise, sample_rate, level)
    assert signal > 0.0, "speech must not be silent"
    assert disturbance > 0.0, "noise must not be silent"
    gain = float(np.float32(math.sqrt(signal / (disturbance * 10.0 ** (snr_db / 10.0)))))
    clean_wide = clean.astype(np.float64)
    noise_wide = noise.astype(np.float64) * gain
    noisy = clean_wide + noise_wide
    peak = max(float(np.max(np.abs(part))) for part in (noisy, clean_wide, noise_wide))
    shared = float(np.float32(min(1.0, PEAK_LIMIT / peak))) if peak > 0.0 else 1.0
    return Mix(noisy * shared, clean_wide * shared, noise_wide * shared, gain, shared)


def measure_snr_db(
    noisy: npt.NDArray[np.floating], clean: npt.NDArray[np.floating], *, sample_rate: int, level: LevelName
) -> float:
    """SNR of a mixture whose noise is ``noisy - clean``; both (N,). Infinite where nothing was added."""
    noise = np.asarray(noisy, dtype=np.float64) - np.asarray(clean, dtype=np.float64)
    disturbance = noise_power(noise, sample_rate, level)
    if disturbance <= 0.0:
        return math.inf
    return power_to_db(speech_power(clean, sample_rate, level) / disturbance)


def is_silent(samples: npt.NDArray[np.floating]) -> bool:
    """Whether the mean power lies under -100 dBFS."""
    return mean_power(samples) <= SILENCE_POWER
