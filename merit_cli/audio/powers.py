"""Mean power, and the sums behind it: float64 in one fixed order, whatever the processor.

All take mono waveforms (N,), full scale 1.0. Powers and not decibels, because a signal-to-noise ratio is a
ratio of powers; `units.power_to_db` turns them into dBFS.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

NEVER_SUBNORMAL = 1e-100
"""Added to what goes through a recursive filter: in digital silence its state would become subnormal, and slow."""
Samples = npt.NDArray[np.floating]


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
    wide = np.asarray(samples, dtype=np.float64)
    return inner_product(wide, wide)


def inner_product(first: Samples, second: Samples) -> float:
    """Sum of products of two signals (N,) in float64.

    By einsum and not by dot, because BLAS sums in an order that depends on its number of threads and on
    the processor; einsum does not (tests/unit/audio/test_levels_portable.py).
    """
    return float(np.einsum("i,i->", np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)))
