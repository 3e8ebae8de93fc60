"""Averages of power spectra over frames and over neighbouring bins.

Everything takes time first, (T, ..., F). Recursions take and return their state, so that a long signal
can be handed over in blocks with the same result.
"""

from functools import lru_cache

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]


def smoothing_for_hop(smoothing: float, *, stated_hop: float, hop: float) -> float:
    """The recursive-average weight with the same time constant at another hop, in seconds.

    >>> round(smoothing_for_hop(0.8, stated_hop=0.016, hop=0.008), 4)
    0.8944
    """
    return float(smoothing ** (hop / stated_hop))


def smooth_over_time(power: FloatArray, previous: FloatArray | None, *, keep: float) -> FloatArray:
    """First-order recursive average over frames, ``keep`` the weight of the past.

    Args:
        power: (T, ..., F).
        previous: Last smoothed frame of the block before; None starts from the first frame.
        keep: In [0, 1).

    >>> smooth_over_time(np.array([[4.0], [0.0], [0.0]]), None, keep=0.5).tolist()
    [[4.0], [2.0], [1.0]]
    """
    smoothed = np.empty_like(power)
    weight = power.dtype.type(1.0 - keep)
    for t, frame in enumerate(power):
        previous = frame if previous is None else previous
        change = np.subtract(frame, previous, out=smoothed[t])
        change *= weight
        change += previous
        previous = change
    return smoothed


def smooth_over_frequency(power: FloatArray, *, num_bins: int) -> FloatArray:
    """Mean over ``num_bins`` (odd) neighbouring bins, fewer at the edges.

    >>> smooth_over_frequency(np.array([[3.0, 0.0, 0.0, 3.0]]), num_bins=3).tolist()
    [[1.5, 1.0, 1.0, 1.5]]
    """
    half = num_bins // 2
    total = np.zeros(power.shape, dtype=power.dtype)
    count = np.zeros(power.shape[-1], dtype=power.dtype)
    for shift in range(-half, half + 1):
        into = slice(max(0, -shift), power.shape[-1] - max(0, shift))
        source = slice(max(0, shift), power.shape[-1] + min(0, shift))
        total[..., into] += power[..., source]
        count[into] += 1
    return total / count


def hann_sum(values: FloatArray) -> FloatArray:
    """Sum over each bin and its two neighbours with the Hann weights 1/4, 1/2, 1/4; nothing lies outside.

    >>> hann_sum(np.array([[4.0, 0.0, 0.0, 4.0]])).tolist()
    [[2.0, 1.0, 1.0, 2.0]]
    """
    quarter = values.dtype.type(0.25) * values
    total = quarter + quarter
    total[..., 1:] += quarter[..., :-1]
    total[..., :-1] += quarter[..., 1:]
    return total


def hann_over_frequency(power: FloatArray, *, half_width: int) -> FloatArray:
    """Weighted mean over ``2 * half_width + 1`` bins under a Hann window; fewer at the edges.

    >>> hann_over_frequency(np.array([[4.0, 0.0, 0.0, 3.0]], dtype=np.float32), half_width=1).round(2).tolist()
    [[2.6700000762939453, 1.0, 0.75, 2.0]]
    """
    return power @ _hann_band(power.shape[-1], half_width)


@lru_cache(maxsize=16)
def _hann_band(num_bins: int, half_width: int) -> FloatArray:
    """Matrix (F, F) whose column k holds the weights of bin k, with sum 1."""
    distance = np.abs(np.subtract.outer(np.arange(num_bins), np.arange(num_bins))) / (half_width + 1.0)
    weights = np.where(distance < 1.0, 0.5 + 0.5 * np.cos(np.pi * distance), 0.0)
    band: FloatArray = (weights / weights.sum(axis=0)).astype(np.float32)
    band.setflags(write=False)
    return band
