"""Bringing a clip to a fixed length: by repeating it with cross-fades, or by zeros."""

from typing import TypeVar

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]
FloatT = TypeVar("FloatT", bound=np.floating)


def repeat_to_length(samples: FloatArray, num_samples: int, *, fade: int) -> FloatArray:
    """``samples`` (N,) cut or repeated to ``num_samples``.

    A longer clip keeps its beginning. A shorter one is laid end to end; the last ``fade`` samples of
    each copy are cross-faded into the first of the next (raised cosine, weights that sum to one), so
    that no join clicks. The fade is at most half the clip.

    Args:
        samples: At least one sample.
        num_samples: Wanted length.
        fade: Samples of overlap of two copies.

    Source: Gairola et al. 2021 (RespireNet) repeat cycles instead of padding with silence.

    >>> repeat_to_length(np.array([1, 2, 3], dtype=np.float32), 7, fade=0).tolist()
    [1.0, 2.0, 3.0, 1.0, 2.0, 3.0, 1.0]
    """
    assert samples.ndim == 1, f"need a mono clip, got shape {samples.shape}"
    assert len(samples) > 0, "need at least one sample"
    if len(samples) >= num_samples:
        return samples[:num_samples].astype(np.float32, copy=True)
    overlap = min(fade, len(samples) // 2)
    step = len(samples) - overlap
    rise = 0.5 - 0.5 * np.cos(np.pi * (np.arange(overlap) + 0.5) / max(overlap, 1))
    repeated = np.zeros(num_samples + len(samples), dtype=np.float64)
    for start in range(0, num_samples, step):
        copy = samples.astype(np.float64)
        if start > 0:
            copy[:overlap] *= rise
        copy[step:] *= rise[::-1]
        repeated[start : start + len(samples)] += copy
    return repeated[:num_samples].astype(np.float32)


def cut_or_pad(samples_N: npt.NDArray[FloatT], num_samples: int) -> npt.NDArray[FloatT]:
    """A signal (N,) cut, or padded with zeros at the end: resampling may round a length either way.

    >>> cut_or_pad(np.ones(1, dtype=np.float32), 2).tolist()
    [1.0, 0.0]
    """
    if len(samples_N) >= num_samples:
        return samples_N[:num_samples]
    return np.pad(samples_N, (0, num_samples - len(samples_N)))
