"""Pairs of signals in windowed frames, as the measures of Loizou's book take them.

Frames of L = round(.03 rate) samples every h = floor(L / 4), floor((N - L) / h) of them, window
w[n] = .5 (1 - cos(2 pi n / (L + 1))), n = 1..L.

Source: Loizou, Speech Enhancement, 2013, ch. 11 and the programs on its disc.
"""

from collections.abc import Callable

import numpy as np

from merit_cli.errors import BadData
from merit_cli.metrics.signal import SSNR_FRAME_SECONDS, check_pair, check_rate
from merit_cli.metrics.spec import FloatArray, Samples

FRAME_RATES = (8000, 16000)
"""The measures' orders and bands are fixed for these rates."""
BLOCK_FRAMES = 256
"""Frames worked on at once: 1 MB of 16 kHz audio, which stays in the processor's cache and bounds the memory."""
TRIMMED_SHARE = 0.95
"""Share of the frames, the best ones, over which LLR and WSS are averaged (Hu and Loizou 2008, sec. II)."""

FrameDistance = Callable[[FloatArray, FloatArray], FloatArray]
"""From windowed frames (T, L) of the reference and of the processed signal to a value each (T,)."""


def frame_distances(
    name: str, clean: Samples, processed: Samples, sample_rate: int, distance: FrameDistance
) -> FloatArray:
    """A distance for each frame (T,).

    Raises:
        BadData: See `signal.check_pair`; the rate is neither 8000 nor 16000 Hz; the processed signal is all zeros;
            or one frame and one hop do not fit.
    """
    check_rate(name, sample_rate, FRAME_RATES)
    reference, estimate = check_pair(clean, processed)
    if not np.any(estimate):
        raise BadData("the processed signal is all zeros: its spectrum has no shape")
    frame_length = round(SSNR_FRAME_SECONDS * sample_rate)
    hop_length = frame_length // 4
    num_frames = (reference.size - frame_length) // hop_length
    if num_frames < 1:
        raise BadData(
            f"the signal of {reference.size} samples is too short for frames of {frame_length}",
            hint=f"{frame_length + hop_length} samples at least",
        )
    window = loizou_window(frame_length)
    views = [
        np.lib.stride_tricks.sliding_window_view(one, frame_length)[::hop_length][:num_frames]
        for one in (reference, estimate)
    ]
    starts = range(0, num_frames, BLOCK_FRAMES)
    blocks = ([view[start : start + BLOCK_FRAMES] * window for view in views] for start in starts)
    return np.concatenate([distance(first, second) for first, second in blocks])


def loizou_window(frame_length: int) -> FloatArray:
    """The raised cosine without its zeros (L,).

    >>> loizou_window(3).round(3).tolist()
    [0.5, 1.0, 0.5]
    """
    window: FloatArray = 0.5 * (1.0 - np.cos(2.0 * np.pi * np.arange(1, frame_length + 1) / (frame_length + 1)))
    return window


def trimmed_mean(distances: FloatArray) -> float:
    """Mean of the lowest 95 % of the distances; their number is rounded to the nearest whole, halves up.

    >>> trimmed_mean(np.array([1.0] * 19 + [100.0]))
    1.0
    """
    num_kept = max(1, int(TRIMMED_SHARE * distances.size + 0.5))
    return float(np.sort(distances)[:num_kept].mean())


def defined_frames(distances: FloatArray, name: str) -> FloatArray:
    """The distances that are not NaN.

    Raises:
        BadData: There is none.
    """
    found = distances[~np.isnan(distances)]
    if not found.size:
        raise BadData(f"{name} is defined in no frame", hint="in each one of the two signals is digital silence")
    return found
