"""Long signals through a function that needs its whole input at once, in bounded memory.

The signal is cut into chunks that overlap; each chunk is processed by itself with some context
around it, and neighbours are joined by a linear cross-fade, whose two weights add up to 1, inside
the overlap. What two neighbours agree on comes out unchanged.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]
WaveFunction = Callable[[FloatArray], FloatArray]
"""A signal (N,) in, a signal of the same length out."""


def process_in_chunks(
    samples_N: FloatArray, function: WaveFunction, *, chunk_length: int, context_length: int, fade_length: int
) -> FloatArray:
    """The signal after ``function``, computed chunk by chunk.

    A signal of at most ``chunk_length`` goes through in one piece. The result is exact where
    ``function`` looks at no more than ``context_length`` samples on either side.

    Args:
        samples_N: The signal; left as it is.
        function: Keeps the length of what it is given and no state.
        chunk_length: Samples that a call sees at most.
        context_length: Samples on either side of a chunk that are computed and thrown away.
        fade_length: Samples of the cross-fade between neighbours.

    Returns:
        As many samples as went in, float32.

    >>> process_in_chunks(np.arange(9, dtype=np.float32), lambda x: 2 * x,
    ...     chunk_length=6, context_length=1, fade_length=2).tolist()
    [0.0, 2.0, 4.0, 6.0, 8.0, 10.0, 12.0, 14.0, 16.0]
    """
    step = chunk_length - 2 * context_length - fade_length
    assert step > 0, f"chunks of {chunk_length} leave nothing beside context {context_length} and fade {fade_length}"
    total = len(samples_N)
    if total <= chunk_length:
        return _checked(function, samples_N)
    joined_N = np.zeros(total, dtype=np.float32)
    rising = (np.arange(fade_length, dtype=np.float32) + 1.0) / (fade_length + 1.0)
    for start in range(0, total - fade_length, step):
        stop = min(total, start + step + fade_length)
        left, right = max(0, start - context_length), min(total, stop + context_length)
        piece = _checked(function, samples_N[left:right])[start - left : stop - left].copy()
        if start > 0:
            piece[:fade_length] *= rising
        if stop < total:
            piece[-fade_length:] *= 1.0 - rising
        joined_N[start:stop] += piece
        if stop == total:
            break
    return joined_N


def _checked(function: WaveFunction, piece: FloatArray) -> FloatArray:
    made = np.asarray(function(piece), dtype=np.float32)
    assert made.shape == piece.shape, f"the function turned {piece.shape} into {made.shape}"
    return made
