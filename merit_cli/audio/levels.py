"""Levels of a signal under five definitions, and which of them speech and noise are compared by.

``rms``     mean power of the whole;
``active``  mean power of the 20 ms frames within 25 dB of the loud ones;
``vad``     mean power where `audio.vad` hears speech;
``p56``     active speech level of ITU-T P.56, method B (`audio.p56`);
``band``    power of the whole in 100-1000 Hz (`audio.band_level`), for breath.

A ratio under ``rms`` compares the whole powers and under ``band`` the band powers. The other three say how loud
speech is while there is speech, so noise is taken over its own active frames for them (``active``). All take
mono waveforms (N,), full scale 1.0, and return mean powers; `measure_levels` returns dBFS.
"""

from typing import Literal

import numpy as np

from merit_cli.audio.band_level import band_power
from merit_cli.audio.p56 import P56_MARGIN_DB, p56_level
from merit_cli.audio.powers import ActiveLevel, Samples, inner_product, mean_power, sum_of_squares
from merit_cli.audio.vad import vad_level
from merit_cli.units import power_to_db

__all__ = [
    "LEVEL_NAMES",
    "P56_MARGIN_DB",
    "SILENCE_POWER",
    "ActiveLevel",
    "LevelName",
    "Samples",
    "SignalKind",
    "active_level",
    "inner_product",
    "mean_power",
    "measure_levels",
    "noise_power",
    "p56_level",
    "speech_power",
    "sum_of_squares",
    "vad_level",
]

LevelName = Literal["rms", "active", "vad", "p56", "band"]
SignalKind = Literal["speech", "noise"]
LEVEL_NAMES: tuple[LevelName, ...] = ("rms", "active", "vad", "p56", "band")

ACTIVE_FRAME_SECONDS = 0.02
ACTIVE_RANGE_DB = 25.0
"""A frame is active within this range of the 95th percentile of frame powers (ours)."""
SILENCE_POWER = 1e-10
"""Mean power under which a signal counts as silent: -100 dBFS."""


def active_level(samples: Samples, sample_rate: int) -> ActiveLevel:
    """Mean power of the frames within 25 dB of the loud ones (95th percentile of 20 ms frames).

    Under two frames there is nothing to choose from: the whole is active, unless it is all zeros.
    """
    frame_length = max(1, round(ACTIVE_FRAME_SECONDS * sample_rate))
    num_frames = samples.size // frame_length
    if num_frames < 2:
        power = mean_power(samples)
        return ActiveLevel(power, 1.0 if power > 0.0 else 0.0)
    frames = samples[: num_frames * frame_length].astype(np.float64).reshape(num_frames, frame_length)
    powers = np.square(frames, out=frames).mean(axis=1)
    loud = float(np.quantile(powers, 0.95))
    if loud <= 0.0:
        return ActiveLevel(mean_power(samples), 0.0)
    active = powers >= loud * 10.0 ** (-ACTIVE_RANGE_DB / 10.0)
    return ActiveLevel(float(powers[active].mean()), float(active.mean()))


def speech_power(samples: Samples, sample_rate: int, level: LevelName) -> float:
    """Power of speech under a level definition."""
    match level:
        case "rms":
            return mean_power(samples)
        case "active":
            return active_level(samples, sample_rate).power
        case "vad":
            return vad_level(samples, sample_rate).power
        case "p56":
            return p56_level(samples, sample_rate).power
        case "band":
            return band_power(samples, sample_rate)


def noise_power(samples: Samples, sample_rate: int, level: LevelName) -> float:
    """Power of noise: of the whole for ``rms``, of the whole band for ``band``, else of its active frames."""
    match level:
        case "rms":
            return mean_power(samples)
        case "band":
            return band_power(samples, sample_rate)
        case "active" | "vad" | "p56":
            return active_level(samples, sample_rate).power


def measure_levels(samples: Samples, sample_rate: int, *, kind: SignalKind) -> dict[str, float]:
    """Every level in dBFS, as `speech_power` or `noise_power` defines it, and ``p56_activity`` in [0, 1].

    A full-scale sine has an ``rms`` of -3.01; silence has minus infinity. For noise, ``p56_activity`` is
    still that of P.56, as a measure of how steady it is.

    >>> tone = np.sin(2 * np.pi * 400 * np.arange(16000) / 16000)
    >>> levels = measure_levels(tone, 16000, kind="noise")
    >>> {name: round(value, 1) for name, value in levels.items()}
    {'rms': -3.0, 'active': -3.0, 'vad': -3.0, 'p56': -3.0, 'band': -3.0, 'p56_activity': 1.0}
    """
    measure = speech_power if kind == "speech" else noise_power
    decibels: dict[str, float] = {name: power_to_db(measure(samples, sample_rate, name)) for name in LEVEL_NAMES}
    return {**decibels, "p56_activity": p56_level(samples, sample_rate).activity}
