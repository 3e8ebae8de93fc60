"""What an enhancer does to the prosody that carries emotion: pitch, voicing and the course of energy.

Pitch is tracked in both signals by `audio.pitch` (80 to 450 Hz, every 10 ms).
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from merit_cli.audio.pitch import HOP_SECONDS, pitch_track
from merit_cli.errors import BadData
from merit_cli.metrics.signal import ACTIVE_RANGE_DB, check_pair
from merit_cli.metrics.spec import FloatArray, MetricSpec, Samples

CENTS_PER_OCTAVE = 1200.0
MIN_VOICED_FRAMES = 5
"""Below 50 ms of voice in common an error of pitch says nothing (ours)."""
GROSS_ERROR = 0.2
"""Nakatani et al. 2008: a pitch off by more than a fifth is an error of the octave, not of the tune."""
MIN_SECONDS = 0.1
TRACKED_FRAMES = 3000
ENERGY_FRAME_SECONDS, ENERGY_HOP_SECONDS = 0.03, 0.01
MAX_F0_ERROR_CENTS = CENTS_PER_OCTAVE * float(np.log2(450.0 / 80.0)) + 1.0


class _Tracks(NamedTuple):
    """Pitch in Hz (T,) of both signals; 0 where unvoiced."""

    clean: FloatArray
    processed: FloatArray


def f0_rmse_cents(clean: Samples, processed: Samples, *, sample_rate: int) -> float:
    """Root mean square error of pitch in cents, over the frames voiced in both signals.

    sqrt(mean (1200 log2(f_processed / f_clean))^2). Frames voiced in one signal only count in
    `voicing_error`. In noise, frames tracked an octave off rule the value: read it beside `f0_gross_error`.

    Args:
        clean: (N,).
        processed: (N,).
        sample_rate: In Hz.

    Returns:
        Cents, 0 or more; 100 are a semitone. Lower is better.

    Raises:
        BadData: See `signal.check_pair`; under 0.1 s; or fewer than 5 frames are voiced in both.

    Source: the definition; pitch by Boersma 1993.

    >>> time = np.arange(16000) / 16000
    >>> round(f0_rmse_cents(np.sin(1257 * time), np.sin(1257 * 2 ** (1 / 12) * time), sample_rate=16000))
    100
    """
    cents = CENTS_PER_OCTAVE * np.log2(_common_pitch_ratios(clean, processed, sample_rate))
    return float(np.sqrt((cents**2).mean()))


def f0_gross_error(clean: Samples, processed: Samples, *, sample_rate: int) -> float:
    """Share of the frames voiced in both signals whose pitch is off by more than 20 %.

    Args:
        clean: (N,).
        processed: (N,).
        sample_rate: In Hz.

    Returns:
        Share in [0, 1], lower is better.

    Raises:
        BadData: As `f0_rmse_cents`.

    Source: gross pitch error, Nakatani et al. 2008.

    >>> tone = np.sin(0.06 * np.arange(16000))
    >>> f0_gross_error(tone, np.sin(0.066 * np.arange(16000)), sample_rate=16000)
    0.0
    """
    ratios = _common_pitch_ratios(clean, processed, sample_rate)
    return float((np.abs(ratios - 1.0) > GROSS_ERROR).mean())


def voicing_error(clean: Samples, processed: Samples, *, sample_rate: int) -> float:
    """Share of frames that are voiced in one signal and unvoiced in the other.

    Args:
        clean: (N,).
        processed: (N,).
        sample_rate: In Hz.

    Returns:
        Share in [0, 1], lower is better.

    Raises:
        BadData: See `signal.check_pair`; or under 0.1 s.

    Source: voicing decision error, Nakatani et al. 2008.

    >>> tone = np.sin(0.08 * np.arange(16000))
    >>> voicing_error(tone, np.where(np.arange(16000) < 8000, tone, 0.0), sample_rate=16000) > 0.4
    True
    """
    tracks = _tracks(clean, processed, sample_rate)
    return float(((tracks.clean > 0.0) != (tracks.processed > 0.0)).mean())


def energy_correlation(clean: Samples, processed: Samples, *, sample_rate: int) -> float:
    """Pearson correlation of the courses of level in dB, floored 40 dB under each signal's loudest frame.

    Frames of 30 ms every 10 ms, mean power of each. Gains of the whole signal do not matter.

    Args:
        clean: (N,).
        processed: (N,).
        sample_rate: In Hz.

    Returns:
        Correlation in [-1, 1], higher is better.

    Raises:
        BadData: See `signal.check_pair`; under 0.1 s; or the level of one signal never changes.

    Source: definition; the floor is that of `ssnr_active_db`.

    >>> tone = np.sin(0.3 * np.arange(16000)) * np.linspace(0, 1, 16000)
    >>> round(energy_correlation(tone, 0.1 * tone, sample_rate=16000), 9)
    1.0
    """
    reference, estimate = _long_enough(clean, processed, sample_rate)
    courses = [_course_db(one, sample_rate) for one in (reference, estimate)]
    centred = [course - course.mean() for course in courses]
    spread = [float(np.sqrt((one**2).mean())) for one in centred]
    for name, one in zip(("clean reference", "processed signal"), spread, strict=True):
        if one < 1e-6:
            raise BadData(f"the level of the {name} never changes: the correlation is undefined")
    return float(np.clip((centred[0] * centred[1]).mean() / (spread[0] * spread[1]), -1.0, 1.0))


def _course_db(samples: FloatArray, sample_rate: int) -> FloatArray:
    """Level of each frame (T,) in dB over the floor."""
    hop = round(ENERGY_HOP_SECONDS * sample_rate)
    per_frame = round(ENERGY_FRAME_SECONDS / ENERGY_HOP_SECONDS)
    num_hops = samples.size // hop
    powers = (samples[: num_hops * hop].reshape(num_hops, hop) ** 2).sum(axis=1)
    energies = np.lib.stride_tricks.sliding_window_view(powers, per_frame).sum(axis=1)
    floor = energies.max() * 10.0 ** (-ACTIVE_RANGE_DB / 10.0)
    return np.asarray(10.0 * np.log10(np.maximum(energies, floor) / floor)) if floor > 0.0 else np.zeros(energies.size)


def _long_enough(clean: Samples, processed: Samples, sample_rate: int) -> tuple[FloatArray, FloatArray]:
    reference, estimate = check_pair(clean, processed)
    if reference.size < MIN_SECONDS * sample_rate:
        raise BadData(f"the signal of {reference.size} samples is too short for prosody", hint="0.1 s at least")
    return reference, estimate


def _tracks(clean: Samples, processed: Samples, sample_rate: int) -> _Tracks:
    reference, estimate = _long_enough(clean, processed, sample_rate)
    return _Tracks(
        _remembered_track(reference.tobytes(), sample_rate), _remembered_track(estimate.tobytes(), sample_rate)
    )


def _common_pitch_ratios(clean: Samples, processed: Samples, sample_rate: int) -> FloatArray:
    """Processed pitch over clean pitch, in the frames voiced in both."""
    tracks = _tracks(clean, processed, sample_rate)
    both = (tracks.clean > 0.0) & (tracks.processed > 0.0)
    if both.sum() < MIN_VOICED_FRAMES:
        raise BadData(
            f"only {both.sum()} frames are voiced in both signals: the error of pitch is undefined",
            hint=f"voiced: clean {(tracks.clean > 0).sum()}, processed {(tracks.processed > 0).sum()}, "
            f"of {both.size}; see voicing_error",
        )
    return np.asarray(tracks.processed[both] / tracks.clean[both])


@lru_cache(maxsize=4)
def _remembered_track(samples: bytes, sample_rate: int) -> FloatArray:
    """The pitch track, kept for the other metrics of the same pair; each half minute by itself, to bound the memory."""
    signal = np.frombuffer(samples)
    step = TRACKED_FRAMES * round(HOP_SECONDS * sample_rate)
    return np.concatenate([pitch_track(signal[k : k + step], sample_rate) for k in range(0, signal.size, step)])


F0_RMSE_CENTS = MetricSpec(
    "f0_rmse_cents",
    "signal",
    f0_rmse_cents,
    "cents",
    higher_is_better=False,
    range=(0.0, MAX_F0_ERROR_CENTS),
    source="RMSE over frames voiced in both; pitch by Boersma 1993, 80 to 450 Hz",
)
F0_GROSS_ERROR = MetricSpec(
    "f0_gross_error",
    "signal",
    f0_gross_error,
    "",
    higher_is_better=False,
    range=(0.0, 1.0),
    source="gross pitch error (20 %), Nakatani et al. 2008; pitch by Boersma 1993",
)
VOICING_ERROR = MetricSpec(
    "voicing_error",
    "signal",
    voicing_error,
    "",
    higher_is_better=False,
    range=(0.0, 1.0),
    source="voicing decision error, Nakatani et al. 2008; pitch by Boersma 1993",
)
ENERGY_CORRELATION = MetricSpec(
    "energy_correlation",
    "signal",
    energy_correlation,
    "",
    higher_is_better=True,
    range=(-1.0, 1.0),
    source="Pearson correlation of 30 ms levels in dB, floored 40 dB under the loudest",
)
