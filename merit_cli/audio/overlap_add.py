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
    stream = ChunkStream(function, chunk_length=chunk_length, context_length=context_length, fade_length=fade_length)
    joined_N = np.empty(len(samples_N), dtype=np.float32)
    filled = 0
    for start in range(0, len(samples_N), chunk_length):
        ready = stream.push(samples_N[start : start + chunk_length])
        joined_N[filled : filled + len(ready)] = ready
        filled += len(ready)
    joined_N[filled:] = stream.flush()
    return joined_N


class ChunkStream:
    """`process_in_chunks` of a signal that comes in pieces, in bounded memory.

    What comes out, joined, does not depend on the pieces. Arguments as there.
    """

    def __init__(self, function: WaveFunction, *, chunk_length: int, context_length: int, fade_length: int) -> None:
        self._function, self._chunk_length, self._context_length = function, chunk_length, context_length
        self._step = chunk_length - 2 * context_length - fade_length
        assert self._step > 0, (
            f"chunks of {chunk_length} leave nothing beside context {context_length} and fade {fade_length}"
        )
        self._rising = (np.arange(fade_length, dtype=np.float32) + 1.0) / (fade_length + 1.0)
        self._waiting: list[FloatArray] = []
        self._num_waiting = 0
        self._before = 0
        self._tail: FloatArray | None = None

    def push(self, samples_N: FloatArray) -> FloatArray:
        """The samples that are ready after these."""
        self._waiting.append(np.array(samples_N, dtype=np.float32))
        self._num_waiting += len(samples_N)
        ready = [np.zeros(0, dtype=np.float32)]
        while self._num_waiting > self._chunk_length:
            ready.append(self._next(is_last=False))
        return np.concatenate(ready)

    def flush(self) -> FloatArray:
        """The rest, so that as many samples came out as went in."""
        if self._tail is None:
            return _checked(self._function, self._joined())
        ready = []
        while self._num_waiting > self._before + self._step + len(self._rising):
            ready.append(self._next(is_last=False))
        return np.concatenate([*ready, self._next(is_last=True)])

    def _joined(self) -> FloatArray:
        """What waits, in one piece: the context before the next chunk, and all that has come of it."""
        self._waiting = [np.concatenate([np.zeros(0, dtype=np.float32), *self._waiting])]
        return self._waiting[0]

    def _next(self, *, is_last: bool) -> FloatArray:
        """The next chunk but for its faded end, which waits for the one after it."""
        held_N, fade = self._joined(), len(self._rising)
        stop = min(len(held_N), self._before + self._step + fade)
        piece = _checked(self._function, held_N[: stop + self._context_length])[self._before : stop].copy()
        if self._tail is not None:
            piece[:fade] *= self._rising
        if not is_last:
            piece[-fade:] *= 1.0 - self._rising
        if self._tail is not None:
            piece[:fade] += self._tail
        if is_last:
            return piece
        following = self._before + self._step
        self._before = min(self._context_length, following)
        self._waiting = [held_N[following - self._before :].copy()]
        self._num_waiting = len(self._waiting[0])
        self._tail = piece[-fade:]
        return piece[:-fade]


def _checked(function: WaveFunction, piece: FloatArray) -> FloatArray:
    made = np.asarray(function(piece), dtype=np.float32)
    assert made.shape == piece.shape, f"the function turned {piece.shape} into {made.shape}"
    return made
