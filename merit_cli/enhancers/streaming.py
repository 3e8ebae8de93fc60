"""Enhancers that take a signal as it comes: what they promise, and how a network called hop by hop keeps it.

What a stream gives back, joined, is what `Engine.process` makes of the whole signal, to the bit, however the signal
was cut: as many samples as went in, in their places, none later than ``latency_samples``.

Shape suffixes: N samples, T frames, H samples of a hop, K samples of a frame.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from merit_cli.enhancers.contract import Stream

FloatArray = npt.NDArray[np.float32]
HopFunction = Callable[[FloatArray], FloatArray]
"""The next hops (T, H) in, as many hops out, late by a fixed number of samples; keeps its state."""
BLOCK_FRAMES = 256


class HopStream:
    """A stream over a function that is called with whole hops.

    Args:
        function: Its output is late by ``late`` samples.
        hop_length: H.
        late: Samples thrown away at the start, and asked for with zeros at the end.
    """

    def __init__(self, function: HopFunction, *, hop_length: int, late: int) -> None:
        self._function, self._hop_length, self._to_drop = function, hop_length, late
        self._pending = np.zeros(0, dtype=np.float32)
        self._owed = 0
        self._open = True

    def push(self, samples_N: FloatArray) -> FloatArray:
        """The samples that are ready after these."""
        assert self._open, "the stream has been flushed"
        self._owed += len(samples_N)
        return self._feed(samples_N)

    def flush(self) -> FloatArray:
        """The rest."""
        assert self._open, "the stream has been flushed"
        self._open = False
        num_hops = -(-(self._owed + self._to_drop) // self._hop_length) if self._owed else 0
        return self._feed(np.zeros(max(0, num_hops * self._hop_length - len(self._pending)), dtype=np.float32))

    def _feed(self, samples_N: FloatArray) -> FloatArray:
        waiting = np.concatenate([self._pending, samples_N], dtype=np.float32)
        whole = len(waiting) // self._hop_length * self._hop_length
        self._pending = waiting[whole:].copy()
        if not whole:
            return np.zeros(0, dtype=np.float32)
        made = self._function(waiting[:whole].reshape(-1, self._hop_length)).reshape(-1)
        dropped = min(self._to_drop, len(made))
        self._to_drop -= dropped
        ready = made[dropped:][: self._owed]
        self._owed -= len(ready)
        return ready


class HopEngine:
    """Base of the engines that work hop by hop: they say how, and the rest follows.

    Attributes:
        sample_rate: The only rate in Hz it takes.
        hop_length: Samples it works on at once.
        late: Samples by which the output of its hop function is late; compensated here.
    """

    sample_rate: int | None = None
    hop_length: int
    late: int
    delay = 0
    streams = True

    @property
    def latency_samples(self) -> int:
        """A sample comes out before this many more have been pushed."""
        return self.late + self.hop_length

    def hop_function(self) -> HopFunction:
        """A function of its own state, which starts at rest."""
        raise NotImplementedError(f"{type(self).__name__} has no hop function")

    def open(self) -> Stream:
        """A stream of its own state."""
        return HopStream(self.hop_function(), hop_length=self.hop_length, late=self.late)

    def process(self, noisy_N: FloatArray, sample_rate: int) -> FloatArray:
        """The enhanced signal (N,), pushed through a stream in blocks, so that the memory stays bounded."""
        name = type(self).__name__
        assert sample_rate == self.sample_rate, f"{name} takes {self.sample_rate} Hz, got {sample_rate}"
        stream, step = self.open(), BLOCK_FRAMES * self.hop_length
        made_N = np.empty(len(noisy_N), dtype=np.float32)
        filled = 0
        for start in range(0, len(noisy_N), step):
            ready = stream.push(noisy_N[start : start + step])
            made_N[filled : filled + len(ready)] = ready
            filled += len(ready)
        made_N[filled:] = stream.flush()
        return made_N


class Frames:
    """Frames of K samples from hops: the newest hop last, zeros before the first."""

    def __init__(self, frame_length: int, hop_length: int) -> None:
        self._frame_length, self._hop_length = frame_length, hop_length
        self._before = np.zeros(frame_length - hop_length, dtype=np.float32)

    def __call__(self, hops_TH: FloatArray) -> FloatArray:
        """A frame (T, K) for each hop; a read-only view.

        >>> Frames(3, 2)(np.arange(4, dtype=np.float32).reshape(2, 2)).tolist()
        [[0.0, 0.0, 1.0], [1.0, 2.0, 3.0]]
        """
        line = np.concatenate([self._before, hops_TH.reshape(-1)])
        self._before = line[len(line) - len(self._before) :]
        return np.lib.stride_tricks.sliding_window_view(line, self._frame_length)[:: self._hop_length]


class OverlapAdd:
    """Hops from frames of K samples laid over each other, late by ``frame_length - hop_length`` samples.

    A sample is summed from the oldest frame to the newest, so that no cut into blocks shows in its bits.
    """

    def __init__(self, frame_length: int, hop_length: int) -> None:
        assert frame_length % hop_length == 0, f"a hop of {hop_length} does not divide a frame of {frame_length}"
        self._hop_length, self._num_parts = hop_length, frame_length // hop_length
        self._tail = np.zeros(frame_length - hop_length, dtype=np.float32)

    def __call__(self, frames_TK: FloatArray) -> FloatArray:
        """The hops (T, H) that no later frame adds to.

        >>> OverlapAdd(2, 1)(np.ones((3, 2), np.float32)).ravel().tolist()
        [1.0, 2.0, 2.0]
        """
        hop, length = self._hop_length, len(frames_TK) * self._hop_length
        summed = np.zeros(length + len(self._tail), dtype=np.float32)
        summed[: len(self._tail)] = self._tail
        for part in reversed(range(self._num_parts)):
            summed[part * hop :][:length] += frames_TK[:, part * hop : (part + 1) * hop].reshape(-1)
        self._tail = summed[length:].copy()
        return summed[:length].reshape(-1, hop)
