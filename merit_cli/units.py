"""Units as types, and the two conversions between them that everything uses."""

import math
from typing import NewType

Seconds = NewType("Seconds", float)
Decibels = NewType("Decibels", float)
Hertz = NewType("Hertz", int)


def db_to_amplitude(level_db: float) -> float:
    """Amplitude ratio of a level in dB.

    >>> round(db_to_amplitude(20.0), 6)
    10.0
    """
    return float(10.0 ** (level_db / 20.0))


def db_to_power(level_db: float) -> float:
    """Power ratio of a level in dB.

    >>> round(db_to_power(20.0), 6)
    100.0
    """
    return float(10.0 ** (level_db / 10.0))


def power_to_db(power: float) -> float:
    """Level in dB of a power ratio; minus infinity for zero.

    >>> power_to_db(100.0)
    20.0
    """
    return 10.0 * math.log10(power) if power > 0.0 else -math.inf


def seconds_to_samples(duration: float, sample_rate: int) -> int:
    """Nearest whole number of samples in ``duration`` seconds.

    >>> seconds_to_samples(0.5, 16000)
    8000
    """
    return round(duration * sample_rate)
