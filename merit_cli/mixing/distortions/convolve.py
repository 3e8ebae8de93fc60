"""Speech through an impulse response without a delay and without a change of level.

With h the response and d the index of its direct sound, y[n] = sum_k h[k] x[n + d - k]: what comes
before the direct sound (the ringing of a band limit) is kept, and the direct sound stays where it was.
"""

import math
from typing import NamedTuple

import numpy as np

from merit_cli.audio.levels import mean_power
from merit_cli.mixing.distortions.contract import Response, WideArray

EARLY_MS = 50.0
"""What arrives this long after the direct sound still helps speech (C50 of ISO 3382-1: 2009, A.4)."""


class Reverberated(NamedTuple):
    """Speech in a room (N,), and the part of the target (N,) that is left of it."""

    heard_N: WideArray
    target_N: WideArray


def reverberate(heard_N: WideArray, target_N: WideArray, response: Response) -> Reverberated:
    """What is heard in a room, and the target with the early reflections only.

    Both get the one gain, rounded to float32, that leaves what is heard as loud (RMS) as it was.

    >>> echo = Response(np.array([0.0, 0.5, 0.0]), direct=1, early_end=2)
    >>> reverberate(np.array([1.0, -1.0]), np.array([1.0, -1.0]), echo).heard_N.tolist()
    [1.0, -1.0]
    """
    wet_N = _convolve(heard_N, response.taps_M, response.direct)
    early_N = _convolve(target_N, response.taps_M[: response.early_end], response.direct)
    before, after = mean_power(heard_N), mean_power(wet_N)
    gain = float(np.float32(math.sqrt(before / after))) if after > 0.0 else 1.0
    return Reverberated(wet_N * gain, early_N * gain)


def _convolve(samples_N: WideArray, taps_M: WideArray, direct: int) -> WideArray:
    from scipy.signal import fftconvolve

    whole = np.asarray(fftconvolve(samples_N, taps_M), dtype=np.float64)
    return whole[direct : direct + samples_N.size]
