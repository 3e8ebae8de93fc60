"""Synthetic breath sounds by rule: breath noise, wheezes, crackles and the background behind them.

These are signals with the durations and bands that lung-sound guidelines state, not recordings:
they show that code runs, never that a classifier works on patients.

Sources: Pasterkamp, Kraman and Wodicka 1997 (bands of normal breath sounds and wheezes);
Sovijarvi, Vanderschoot and Earis 2000, CORSA terms (fine and coarse crackles by duration).
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy.signal import butter, sosfilt

FloatArray = npt.NDArray[np.float64]
CrackleKind = Literal["fine", "coarse"]

BREATH_BAND_HZ = (70.0, 900.0)
WHEEZE_BAND_HZ = (150.0, 800.0)
WHEEZE_DURATION_S = (0.25, 1.0)
CRACKLE_BAND_HZ: dict[CrackleKind, tuple[float, float]] = {"fine": (550.0, 800.0), "coarse": (250.0, 420.0)}
CRACKLE_DURATION_S: dict[CrackleKind, tuple[float, float]] = {"fine": (0.004, 0.007), "coarse": (0.010, 0.016)}
RUMBLE_BELOW_HZ = 60.0
INSPIRATION_SHARE, EXPIRATION_SHARE = 0.42, 0.43
EXPIRATION_GAIN = 0.5
"""Expiration is 6 dB below inspiration over the lung (Pasterkamp 1997 gives 4-10 dB)."""


@dataclass(frozen=True)
class CycleRule:
    """What one breath cycle holds.

    Args:
        duration: Of the cycle, in seconds.
        crackle: Kind of crackle, or None.
        wheeze: Whether there is a wheeze.
        event_db: Level of the added sounds over the breath noise, in dB: peak for crackles, RMS for
            a wheeze.
    """

    duration: float
    crackle: CrackleKind | None
    wheeze: bool
    event_db: float


def breath_cycle(rule: CycleRule, sample_rate: int, rng: np.random.Generator) -> FloatArray:
    """One cycle (N,): inspiration, quieter expiration, pause, and the added sounds of ``rule``.

    The breath noise has an RMS of 1 at the top of inspiration.

    >>> rule = CycleRule(2.0, None, False, 12.0)
    >>> cycle = breath_cycle(rule, 4000, np.random.default_rng(0))
    >>> inspiration, expiration = cycle[: int(0.42 * 8000)], cycle[int(0.42 * 8000) : int(0.85 * 8000)]
    >>> round(float(10 * np.log10(np.mean(inspiration**2) / np.mean(expiration**2))))
    6
    """
    num_samples = round(rule.duration * sample_rate)
    cycle = breath_noise(num_samples, sample_rate, rng) * breath_envelope(num_samples)
    gain = 10.0 ** (rule.event_db / 20.0)
    if rule.wheeze:
        _add_wheeze(cycle, sample_rate, gain, rng)
    if rule.crackle is not None:
        _add_crackles(cycle, rule.crackle, sample_rate, gain, rng)
    return cycle


def breath_envelope(num_samples: int) -> FloatArray:
    """Amplitude (N,) over a cycle: two sine arches, the second `EXPIRATION_GAIN` as high, then rest."""
    num_in, num_out = round(INSPIRATION_SHARE * num_samples), round(EXPIRATION_SHARE * num_samples)
    envelope = np.zeros(num_samples)
    envelope[:num_in] = np.sin(np.pi * (np.arange(num_in) + 0.5) / num_in)
    envelope[num_in : num_in + num_out] = EXPIRATION_GAIN * np.sin(np.pi * (np.arange(num_out) + 0.5) / num_out)
    return envelope


def breath_noise(num_samples: int, sample_rate: int, rng: np.random.Generator) -> FloatArray:
    """Noise (N,) of unit RMS in `BREATH_BAND_HZ`, falling 6 dB an octave above 250 Hz."""
    band = butter(3, BREATH_BAND_HZ, btype="bandpass", fs=sample_rate, output="sos")
    tilt = butter(1, 250.0, btype="lowpass", fs=sample_rate, output="sos")
    return _unit_rms(sosfilt(tilt, sosfilt(band, _white(num_samples, sample_rate, rng)))[-num_samples:])


def wheeze(duration: float, pitch_hz: float, sample_rate: int, rng: np.random.Generator) -> FloatArray:
    """A wheeze (N,) of unit RMS: a tone with falling harmonics whose pitch glides by up to 4 %."""
    num_samples = round(duration * sample_rate)
    glide = 1.0 + rng.uniform(-0.04, 0.04) * np.linspace(-0.5, 0.5, num_samples)
    phase = 2.0 * np.pi * np.cumsum(pitch_hz * glide) / sample_rate
    tone = np.zeros(num_samples)
    for harmonic in range(1, 4):
        if harmonic * pitch_hz * 1.05 < min(1600.0, sample_rate / 2):
            tone += np.sin(harmonic * phase + rng.uniform(0.0, 2.0 * np.pi)) / harmonic**2
    return _unit_rms(tone * np.hanning(num_samples + 2)[1:-1] ** 0.5)


def crackle(kind: CrackleKind, sample_rate: int, rng: np.random.Generator) -> FloatArray:
    """A crackle (N,) of unit peak: a tone that starts at once and dies away within its duration."""
    num_samples = max(4, round(rng.uniform(*CRACKLE_DURATION_S[kind]) * sample_rate))
    pitch_hz = rng.uniform(*CRACKLE_BAND_HZ[kind])
    times = np.arange(num_samples) / num_samples
    tone = np.sin(2.0 * np.pi * pitch_hz * np.arange(num_samples) / sample_rate) * np.exp(-3.0 * times) * (1.0 - times)
    return np.asarray(tone / np.max(np.abs(tone)))


def rumble(num_samples: int, sample_rate: int, rng: np.random.Generator) -> FloatArray:
    """Background (N,) of unit RMS under `RUMBLE_BELOW_HZ`: heart, hand and room, by far the loudest in recordings."""
    low = butter(4, RUMBLE_BELOW_HZ, btype="lowpass", fs=sample_rate, output="sos")
    return _unit_rms(sosfilt(low, _white(num_samples, sample_rate, rng))[-num_samples:])


def hiss(num_samples: int, rng: np.random.Generator) -> FloatArray:
    """Background (N,) of unit RMS: white noise of the preamplifier."""
    return _unit_rms(rng.standard_normal(num_samples))


def _add_wheeze(cycle: FloatArray, sample_rate: int, gain: float, rng: np.random.Generator) -> None:
    num_in, num_out = round(INSPIRATION_SHARE * len(cycle)), round(EXPIRATION_SHARE * len(cycle))
    longest = min(WHEEZE_DURATION_S[1], num_out / sample_rate)
    tone = wheeze(rng.uniform(WHEEZE_DURATION_S[0], longest), rng.uniform(*WHEEZE_BAND_HZ), sample_rate, rng)
    start = num_in + int(rng.integers(0, num_out - len(tone) + 1))
    cycle[start : start + len(tone)] += EXPIRATION_GAIN * gain * tone


def _add_crackles(
    cycle: FloatArray, kind: CrackleKind, sample_rate: int, gain: float, rng: np.random.Generator
) -> None:
    """Fine crackles late in inspiration, many; coarse ones early, fewer (CORSA)."""
    num_in = round(INSPIRATION_SHARE * len(cycle))
    first, last = (0.45, 0.95) if kind == "fine" else (0.05, 0.60)
    for _ in range(int(rng.integers(6, 13) if kind == "fine" else rng.integers(3, 8))):
        click = crackle(kind, sample_rate, rng)
        start = int(rng.uniform(first, last) * num_in)
        cycle[start : start + len(click)] += gain * rng.uniform(0.6, 1.0) * click


def _white(num_samples: int, sample_rate: int, rng: np.random.Generator) -> FloatArray:
    """White noise with a quarter second in front, where filters settle."""
    return rng.standard_normal(num_samples + sample_rate // 4)


def _unit_rms(samples: npt.NDArray[np.floating]) -> FloatArray:
    return np.asarray(samples / np.sqrt(np.mean(np.square(samples))), dtype=np.float64)
