"""Speech by energy over a tracked noise floor and by spectral flatness; no network, no state, no randomness.

A decision falls every 10 ms, from the spectrum of the 20 ms around (Hann window), between 100 and 4000 Hz:

1. The band's power stands `OVER_FLOOR_DB` above the floor, which is the least average of three frames within
   1.5 s to either side (minimum statistics, after Martin 2001), and
2. it is within `RANGE_DB` of the loud frames (95th percentile), and
3. the spectrum is not flat (geometric over arithmetic mean of the bins' powers, `MAX_FLATNESS`; white noise
   has about 0.56), unless the band is `CLEAR_DB` above the floor, where fricatives are let through.

Stretches under 30 ms are clicks and are dropped; 100 ms after each stretch still count (hangover). Rules 1 to
3 compare ratios only, so a gain changes no decision.

Limits. What is not speech but comes and goes, such as music, barks or hammering, counts as speech: it finds when
something sounds, and of the bundled noise clips a median 85 % (`mixing.speech_detector` has Silero VAD: 0 %). What
never pauses, such as a held vowel or an engine, is its own floor and does not count. Under about 10 dB SNR soft
syllables are lost. The rules' numbers are ours, set on the bundled sample.

Shape suffixes: N samples, T frames, F bins.

Source: Martin (2001), "Noise power spectral density estimation based on optimal smoothing and minimum
statistics", for the floor.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from merit_cli.audio.powers import ActiveLevel, Samples, mean_power

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

HOP_SECONDS = 0.01
BAND_HZ = (100.0, 4000.0)
FLOOR_REACH_SECONDS = 1.5
OVER_FLOOR_DB = 6.0
CLEAR_DB = 12.0
RANGE_DB = 40.0
MAX_FLATNESS = 0.4
SHORTEST_HOPS = 3
HANGOVER_HOPS = 10
_SMOOTH_HOPS = 3
_BLOCK_HOPS = 256
_SMALLEST_SHARE = 1e-10
"""Of a bin in the mean, so that an empty bin has a logarithm."""


class _Cues(NamedTuple):
    """Power in the band and flatness of its spectrum, each (T,)."""

    power: FloatArray
    flatness: FloatArray


def speech_mask(samples: Samples, sample_rate: int) -> BoolArray:
    """Which stretches of 10 ms hold speech.

    Args:
        samples: (N,), full scale 1.0.
        sample_rate: In Hz, 1000 or more.

    Returns:
        (T,): T hops of `hop_length` samples cover the signal, the last perhaps with fewer.

    >>> time = np.arange(32000) / 16000
    >>> tone = np.sin(2 * np.pi * 300 * time) * (np.abs(time - 1.0) < 0.25)
    >>> mask = speech_mask(tone, 16000)
    >>> len(mask), int(mask.argmax()), int(mask.sum())
    (200, 74, 62)
    """
    if not np.any(samples):
        return np.zeros(-(-samples.size // hop_length(sample_rate)), dtype=np.bool_)
    power, flatness = _cues(samples, sample_rate)
    floor = _floor(power)
    loud = float(np.quantile(power, 0.95))
    coloured = flatness <= MAX_FLATNESS
    speech = power > floor * np.where(coloured, _power_ratio(OVER_FLOOR_DB), _power_ratio(CLEAR_DB))
    speech &= power > loud * _power_ratio(-RANGE_DB)
    return _with_hangover(_without_clicks(speech))


def vad_level(samples: Samples, sample_rate: int) -> ActiveLevel:
    """Mean power where `speech_mask` holds, and the share of samples where it does.

    A signal in which nothing stands out, such as steady noise, has its mean power and an activity of 0:
    no speech was found.
    """
    mask = speech_mask(samples, sample_rate)
    hop = hop_length(sample_rate)
    lengths = np.full(mask.size, hop)
    lengths[-1:] = samples.size - (mask.size - 1) * hop
    num_active = int(lengths[mask].sum())
    if num_active == 0:
        return ActiveLevel(mean_power(samples), 0.0)
    padded = np.pad(samples.astype(np.float64), (0, mask.size * hop - samples.size))
    energies = np.square(padded).reshape(mask.size, hop).sum(axis=1)
    return ActiveLevel(float(energies[mask].sum()) / num_active, num_active / samples.size)


def hop_length(sample_rate: int) -> int:
    """Samples in one decision."""
    return max(1, round(HOP_SECONDS * sample_rate))


def _cues(samples: Samples, sample_rate: int) -> _Cues:
    """Power and flatness of the band in each frame, in blocks that stay in the processor's cache."""
    hop = hop_length(sample_rate)
    num_hops = -(-samples.size // hop)
    window, bins = _window(hop), _band_bins(sample_rate)
    power, flatness = np.zeros(num_hops), np.ones(num_hops)
    around = (hop // 2, (num_hops + 1) * hop - hop // 2 - samples.size)  # a frame reaches half a hop to either side
    padded = np.pad(samples.astype(np.float64), around, mode="symmetric")
    frames_TN = np.lib.stride_tricks.sliding_window_view(padded, 2 * hop)[::hop]
    for first in range(0, num_hops, _BLOCK_HOPS):
        block = slice(first, first + _BLOCK_HOPS)
        spectra_TF = np.fft.rfft(frames_TN[block] * window, axis=-1)[:, bins]
        powers_TF = np.square(spectra_TF.real) + np.square(spectra_TF.imag)
        power[block] = powers_TF.mean(axis=1)
        flatness[block] = _flatness(powers_TF, power[block])
    return _Cues(power, flatness)


def _flatness(powers_TF: FloatArray, mean_T: FloatArray) -> FloatArray:
    """Geometric over arithmetic mean of the bins (T,); 1 where there is no power."""
    shares_TF = powers_TF / np.where(mean_T > 0.0, mean_T, 1.0)[:, None]
    return np.where(mean_T > 0.0, np.exp(np.log(shares_TF + _SMALLEST_SHARE).mean(axis=1)), 1.0)


def _floor(power: FloatArray) -> FloatArray:
    """Least average of three frames within `FLOOR_REACH_SECONDS` (T,)."""
    from scipy.ndimage import minimum_filter1d

    around = np.pad(power, 1, mode="edge")
    averages = (around[:-2] + around[1:-1] + around[2:]) / _SMOOTH_HOPS
    reach = 2 * round(FLOOR_REACH_SECONDS / HOP_SECONDS) + 1
    return np.asarray(minimum_filter1d(averages, reach, mode="nearest"), dtype=np.float64)


def _without_clicks(speech: BoolArray) -> BoolArray:
    """``speech`` without stretches of fewer than `SHORTEST_HOPS`."""
    rises, falls = _stretches(speech)
    kept = falls - rises >= SHORTEST_HOPS
    return _filled(rises[kept], falls[kept], speech.size)


def _with_hangover(speech: BoolArray) -> BoolArray:
    """``speech`` with each stretch `HANGOVER_HOPS` longer."""
    rises, falls = _stretches(speech)
    return _filled(rises, np.minimum(falls + HANGOVER_HOPS, speech.size), speech.size)


def _stretches(mask: BoolArray) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """First hops of the stretches, and the first hops after them."""
    edges = np.flatnonzero(np.diff(mask, prepend=False, append=False))
    return edges[0::2], edges[1::2]


def _filled(rises: npt.NDArray[np.intp], falls: npt.NDArray[np.intp], num_hops: int) -> BoolArray:
    """The mask (T,) of stretches, which may overlap."""
    depth = np.zeros(num_hops + 1, dtype=np.int64)
    np.add.at(depth, rises, 1)
    np.add.at(depth, falls, -1)
    return np.cumsum(depth[:-1]) > 0


@lru_cache(maxsize=64)
def _window(hop: int) -> FloatArray:
    """Periodic Hann window over two hops."""
    window = 0.5 - 0.5 * np.cos(np.pi * np.arange(2 * hop) / hop)
    window.setflags(write=False)
    return window


def _band_bins(sample_rate: int) -> slice:
    """Bins of the transform that lie in `BAND_HZ`."""
    spacing_hz = sample_rate / (2 * hop_length(sample_rate))
    low, high = BAND_HZ
    return slice(max(1, round(low / spacing_hz)), round(min(high, sample_rate / 2) / spacing_hz) + 1)


def _power_ratio(level_db: float) -> float:
    return float(10.0 ** (level_db / 10.0))
