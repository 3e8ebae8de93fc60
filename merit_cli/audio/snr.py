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
WideArray = npt.NDArray[np.float64]
PEAK_LIMIT = 0.999
"""Highest sample value a mixture may reach before all its parts are turned down together."""


class Mix(NamedTuple):
    """Noisy, clean and noise (N,), float64, already turned down together, and by which gains."""

    noisy: WideArray
    clean: WideArray
    noise: WideArray
    gain: float
    shared_gain: float


def noise_gain(speech: float, noise: float, snr_db: float) -> float:
    """What brings noise of a mean power to ``snr_db`` under speech of a mean power; rounded to float32.

    >>> noise_gain(0.01, 0.04, 0.0)
    0.5
    """
    return float(np.float32(math.sqrt(speech / (noise * 10.0 ** (snr_db / 10.0)))))


def turn_down(*parts: WideArray) -> float:
    """The one gain, rounded to float32, that keeps the peak of every part within `PEAK_LIMIT`; at most 1."""
    peak = max(max(float(part.max()), -float(part.min())) for part in parts)
    return float(np.float32(PEAK_LIMIT / peak)) if peak > PEAK_LIMIT else 1.0


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
    gain = noise_gain(signal, disturbance, snr_db)
    clean_wide, noise_wide = clean.astype(np.float64), noise.astype(np.float64) * gain
    noisy = clean_wide + noise_wide
    shared = turn_down(noisy, clean_wide, noise_wide)
    if shared == 1.0:
        return Mix(noisy, clean_wide, noise_wide, gain, shared)
    return Mix(noisy * shared, clean_wide * shared, noise_wide * shared, gain, shared)


def measure_snr_db(
    noisy: npt.NDArray[np.floating], clean: npt.NDArray[np.floating], *, sample_rate: int, level: LevelName
) -> float:
    """SNR of a mixture whose noise is ``noisy - clean``; both (N,). Infinite where nothing was added."""
    noise = np.subtract(noisy, clean, dtype=np.float64)
    return power_ratio_db(speech_power(clean, sample_rate, level), noise_power(noise, sample_rate, level))


def power_ratio_db(speech: float, noise: float) -> float:
    """Ratio of two mean powers in dB; infinite over no noise."""
    return power_to_db(speech / noise) if noise > 0.0 else math.inf


def is_silent(samples: npt.NDArray[np.floating]) -> bool:
    """Whether the mean power lies under -100 dBFS."""
    return mean_power(samples) <= SILENCE_POWER
