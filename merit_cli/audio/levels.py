"""Levels of a signal: whole RMS, energy-gated active level, ITU-T P.56 active speech level.

All take a mono waveform (..., N with one axis), full scale 1.0, and return mean powers, because a
signal-to-noise ratio is a ratio of powers. `units.power_to_db` turns them into dBFS.
"""

from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

LevelName = Literal["rms", "active", "p56"]
Samples = npt.NDArray[np.floating]

ACTIVE_FRAME_SECONDS = 0.02
ACTIVE_RANGE_DB = 25.0
"""A frame is active within this range of the 95th percentile of frame powers (ours)."""

P56_TIME_CONSTANT = 0.03
P56_HANGOVER_SECONDS = 0.2
P56_MARGIN_DB = 15.9
_P56_NUM_THRESHOLDS = 15
SILENCE_POWER = 1e-10
"""Mean power under which a signal counts as silent: -100 dBFS."""


class ActiveLevel(NamedTuple):
    """Mean power of the active part, and the share of time that is active."""

    power: float
    activity: float


def mean_power(samples: Samples) -> float:
    """Mean of the squared samples, summed in float64; 0 for no samples.

    >>> mean_power(np.array([0.5, -0.5]))
    0.25
    """
    return sum_of_squares(samples) / samples.size if samples.size else 0.0


def sum_of_squares(samples: Samples) -> float:
    """Energy of (N,), summed in float64."""
    return inner_product(samples, samples)


def inner_product(first: Samples, second: Samples) -> float:
    """Sum of products of two signals (N,) in float64.

    By einsum and not by dot, because BLAS sums in an order that depends on its number of threads.
    """
    return float(np.einsum("i,i->", np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)))


def active_level(samples: Samples, sample_rate: int) -> ActiveLevel:
    """Mean power of the frames within 25 dB of the loud ones (95th percentile of 20 ms frames)."""
    frame_length = max(1, round(ACTIVE_FRAME_SECONDS * sample_rate))
    num_frames = samples.size // frame_length
    if num_frames < 2:
        return ActiveLevel(mean_power(samples), 1.0 if mean_power(samples) > 0.0 else 0.0)
    frames = np.asarray(samples[: num_frames * frame_length], dtype=np.float64).reshape(num_frames, frame_length)
    powers = np.mean(frames**2, axis=1)
    loud = float(np.quantile(powers, 0.95))
    if loud <= 0.0:
        return ActiveLevel(mean_power(samples), 0.0)
    active = powers >= loud * 10.0 ** (-ACTIVE_RANGE_DB / 10.0)
    return ActiveLevel(float(powers[active].mean()), float(active.mean()))


def p56_level(samples: Samples, sample_rate: int) -> ActiveLevel:
    """Active speech level by ITU-T Recommendation P.56 (2011), method B.

    The envelope is the rectified signal through two exponential averages of 30 ms; a sample is
    active for a threshold if the envelope reached it within the last 200 ms. The level is the one
    that lies 15.9 dB above its own threshold, interpolated between thresholds a factor 2 apart.
    """
    from scipy.signal import lfilter

    wide = np.asarray(samples, dtype=np.float64)
    energy = sum_of_squares(wide)
    if energy <= 0.0:
        return ActiveLevel(0.0, 0.0)
    decay = np.exp(-1.0 / (P56_TIME_CONSTANT * sample_rate))
    smooth = ([1.0 - decay], [1.0, -decay])
    envelope = lfilter(*smooth, lfilter(*smooth, np.abs(wide)))
    thresholds = 2.0 ** np.arange(-_P56_NUM_THRESHOLDS, 0.0) * float(np.max(np.abs(wide)))
    hangover = round(P56_HANGOVER_SECONDS * sample_rate)
    counts = np.array([_active_count(envelope >= threshold, hangover) for threshold in thresholds])
    reached = counts > 0
    levels_db = 10.0 * np.log10(energy / counts[reached])
    thresholds_db = 20.0 * np.log10(thresholds[reached])
    level_db = _level_at_margin(levels_db, thresholds_db)
    power = min(10.0 ** (level_db / 10.0), energy)  # at most all energy in one sample
    return ActiveLevel(power, min(1.0, energy / power / wide.size))


def _active_count(above: npt.NDArray[np.bool_], hangover: int) -> int:
    """Samples that are above, or follow one that was within ``hangover`` samples."""
    where = np.flatnonzero(above)
    if where.size == 0:
        return 0
    gaps = np.diff(np.append(where, above.size))
    return int(np.minimum(gaps, hangover + 1).sum())


def _level_at_margin(levels_db: npt.NDArray[np.float64], thresholds_db: npt.NDArray[np.float64]) -> float:
    """Active level where level minus threshold falls to the margin, thresholds rising."""
    over = levels_db - thresholds_db
    if over[0] <= P56_MARGIN_DB:
        return float(levels_db[0])
    below = np.flatnonzero(over <= P56_MARGIN_DB)
    if below.size == 0:
        return float(levels_db[-1])
    after = int(below[0])
    share = (over[after - 1] - P56_MARGIN_DB) / (over[after - 1] - over[after])
    return float(levels_db[after - 1] + share * (levels_db[after] - levels_db[after - 1]))


def speech_power(samples: Samples, sample_rate: int, level: LevelName) -> float:
    """Power of speech under a level definition."""
    if level == "p56":
        return p56_level(samples, sample_rate).power
    return mean_power(samples) if level == "rms" else active_level(samples, sample_rate).power


def noise_power(samples: Samples, sample_rate: int, level: LevelName) -> float:
    """Power of noise: whole RMS for ``rms``, RMS over its active frames otherwise."""
    return mean_power(samples) if level == "rms" else active_level(samples, sample_rate).power
