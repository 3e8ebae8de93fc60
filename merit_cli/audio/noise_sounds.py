"""Everyday noise by rule: random colour, resonances, the hum of something that turns, slow and fast swell.

Stationary noises differ mostly in the shape of their spectrum, so a few hundred such signals teach an
enhancer more of what noise can be than ten recordings do. They do not stand for any real place.
"""

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter1d

FloatArray = npt.NDArray[np.float64]

SLOPE_DB_PER_OCTAVE = (-9.0, 6.0)
MAX_RESONANCES = 6
RESONANCE_DB = (-12.0, 22.0)
HUM_SHARE, SWELL_SHARE = 0.45, 0.6
HUM_HZ = (30.0, 500.0)
HUM_OVER_NOISE_DB = (-6.0, 12.0)
SWELL_HZ = (0.5, 25.0)
SWELL_DB = (1.0, 5.0)
_NUM_HARMONICS = 80


def everyday_noise(num_samples: int, sample_rate: int, rng: np.random.Generator) -> FloatArray:
    """A noise (N,) of unit RMS.

    Args:
        num_samples: At least one.
        sample_rate: In Hz.
        rng: Draws everything.
    """
    noise = coloured_noise(num_samples, sample_rate, rng)
    if rng.random() < HUM_SHARE:
        gain_db = rng.uniform(*HUM_OVER_NOISE_DB)
        noise += 10.0 ** (gain_db / 20.0) * hum(num_samples, sample_rate, rng)
    if rng.random() < SWELL_SHARE:
        noise *= swell(num_samples, sample_rate, rng)
    return _unit_rms(noise)


def coloured_noise(num_samples: int, sample_rate: int, rng: np.random.Generator) -> FloatArray:
    """Gaussian noise (N,) of unit RMS with a random slope, up to six resonances or notches, and a random upper edge."""
    frequency = np.fft.rfftfreq(num_samples, 1.0 / sample_rate)
    octave = np.log2(np.maximum(frequency, 40.0) / 1000.0)
    level_db = rng.uniform(*SLOPE_DB_PER_OCTAVE) * octave
    for _ in range(rng.integers(0, MAX_RESONANCES + 1)):
        centre, width = rng.uniform(np.log2(0.08), np.log2(7.0)), rng.uniform(0.05, 0.6)
        level_db += rng.uniform(*RESONANCE_DB) * np.exp(-0.5 * ((octave - centre) / width) ** 2)
    edge_hz = rng.uniform(3500.0, 8000.0)
    level_db -= 60.0 * np.maximum(frequency / edge_hz - 1.0, 0.0)
    spectrum = np.fft.rfft(rng.standard_normal(num_samples)) * 10.0 ** (level_db / 20.0)
    return _unit_rms(np.fft.irfft(spectrum, num_samples))


def hum(num_samples: int, sample_rate: int, rng: np.random.Generator) -> FloatArray:
    """Harmonics (N,) of unit RMS over a fundamental that drifts by a few parts in a thousand."""
    lowest_hz = float(np.exp(rng.uniform(*np.log(HUM_HZ))))
    steps = np.cumsum(rng.standard_normal(10 * num_samples // sample_rate + 2))
    drift = np.interp(np.arange(num_samples) * 10.0 / sample_rate, np.arange(len(steps)), steps)
    phase = 2.0 * np.pi * np.cumsum(lowest_hz * (1.0 + 0.004 * drift)) / sample_rate
    slope_db = rng.uniform(-12.0, -2.0)
    total = np.zeros(num_samples)
    for harmonic in range(1, min(_NUM_HARMONICS, int(0.46 * sample_rate / lowest_hz)) + 1):
        level_db = slope_db * np.log2(harmonic) - rng.uniform(0.0, 12.0)
        total += 10.0 ** (level_db / 20.0) * np.sin(harmonic * phase + rng.uniform(0.0, 2.0 * np.pi))
    return _unit_rms(total)


def swell(num_samples: int, sample_rate: int, rng: np.random.Generator) -> FloatArray:
    """Gain (N,) that wanders by some dB, at a rate drawn between slow gusts and flutter."""
    rate_hz = float(np.exp(rng.uniform(*np.log(SWELL_HZ))))
    smooth = gaussian_filter1d(rng.standard_normal(num_samples), sample_rate / (2.0 * np.pi * rate_hz))
    gain: FloatArray = 10.0 ** (np.clip(_unit_rms(smooth), -2.5, 2.5) * rng.uniform(*SWELL_DB) / 20.0)
    return gain


def _unit_rms(samples: FloatArray) -> FloatArray:
    unit: FloatArray = samples / np.sqrt(np.mean(np.square(samples)))
    return unit
