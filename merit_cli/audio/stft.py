"""Short-time Fourier transform with exact reconstruction at any length, whole or in blocks.

The square root of the periodic Hann window is used for analysis and synthesis. The signal is
padded with zeros so that every sample lies under frame / hop windows, also in a signal shorter
than one frame. The result of `process_frames` does not depend on the block size, because the
processor carries its state from block to block.

Shape suffixes: N samples, T frames, F bins.

Source: Griffin and Lim (1984), eq. 6, for the least-squares synthesis window.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]
ComplexArray = npt.NDArray[np.complex64]
FrameProcessor = Callable[[ComplexArray], ComplexArray]
"""Spectra (T, F) of the next frames in, as many processed spectra out but for those ahead; may keep state."""


@dataclass(frozen=True)
class Framing:
    """Frame and hop length in samples; the hop divides the frame at least twice.

    Args:
        frame_length: Even.
        hop_length: At most half of it.
    """

    frame_length: int
    hop_length: int

    def __post_init__(self) -> None:
        assert self.frame_length % self.hop_length == 0, f"{self} does not reconstruct: the hop must divide the frame"
        assert self.frame_length >= 2 * self.hop_length, f"{self} does not reconstruct: the frames must overlap"
        assert self.frame_length % 2 == 0, f"{self}: the frame must be even"

    @property
    def num_bins(self) -> int:
        """F, from 0 Hz to the Nyquist frequency."""
        return self.frame_length // 2 + 1

    @property
    def padding(self) -> int:
        """Zeros put before the first sample."""
        return self.frame_length - self.hop_length

    def num_frames(self, num_samples: int) -> int:
        """T that cover ``num_samples``, every sample by frame / hop frames.

        >>> Framing(512, 256).num_frames(1)
        2
        """
        return (num_samples - 1 + self.padding) // self.hop_length + 1 if num_samples > 0 else 0


def framing_for(sample_rate: int, *, hop: float = 0.008, overlap: int = 4) -> Framing:
    """A framing of about ``hop`` seconds at any rate, with lengths that transform fast.

    Args:
        sample_rate: In Hz.
        hop: Wanted hop in seconds.
        overlap: Frame length over hop length.

    >>> framing_for(16000), framing_for(44100)
    (Framing(frame_length=512, hop_length=128), Framing(frame_length=1440, hop_length=360))
    """
    hop_length = _next_smooth(max(1, round(hop * sample_rate)))
    return Framing(overlap * hop_length, hop_length)


def _next_smooth(number: int) -> int:
    """The least number from ``number`` on without prime factors above 5."""
    while True:
        rest = number
        for prime in (2, 3, 5):
            while rest % prime == 0:
                rest //= prime
        if rest == 1:
            return number
        number += 1


@lru_cache(maxsize=16)
def analysis_window(frame_length: int) -> FloatArray:
    """Square root of the periodic Hann window.

    >>> analysis_window(4).round(3).tolist()
    [0.0, 0.7070000171661377, 1.0, 0.7070000171661377]
    """
    window = np.sqrt(0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(frame_length) / frame_length)).astype(np.float32)
    window.setflags(write=False)
    return window


@lru_cache(maxsize=16)
def synthesis_window(framing: Framing) -> FloatArray:
    """The window that, after `analysis_window`, adds up to 1 over the overlapping frames."""
    window = analysis_window(framing.frame_length).astype(np.float64)
    total = (window**2).reshape(-1, framing.hop_length).sum(axis=0)
    made: FloatArray = (window.reshape(-1, framing.hop_length) / total).reshape(-1).astype(np.float32)
    made.setflags(write=False)
    return made


def stft(samples_N: npt.NDArray[np.floating], framing: Framing) -> ComplexArray:
    """Spectra (T, F) of a signal (N,).

    >>> stft(np.ones(1000), Framing(512, 128)).shape
    (11, 257)
    """
    return _analyse(_padded(samples_N, framing, 0, framing.num_frames(len(samples_N))), framing)


def istft(spectrum_TF: ComplexArray, framing: Framing, num_samples: int) -> FloatArray:
    """The signal (N,) whose `stft` is nearest to ``spectrum_TF`` in the least-squares sense."""
    tail = np.zeros(framing.padding, dtype=np.float32)
    samples, _ = _synthesise(spectrum_TF, framing, tail)
    trimmed: FloatArray = samples[framing.padding :][:num_samples].copy()
    return trimmed


def process_frames(
    samples_N: npt.NDArray[np.floating],
    framing: Framing,
    processor: FrameProcessor,
    *,
    block_frames: int = 1024,
    ahead_frames: int = 0,
) -> FloatArray:
    """The signal with ``processor`` run over its spectra, in memory bounded by the block.

    Args:
        samples_N: The signal; left as it is.
        framing: Frame and hop length.
        processor: Called once a block, in order.
        block_frames: Frames handed over at once.
        ahead_frames: So many of the frames that follow are handed over too, for looking ahead; the processor
            gives none back for them. After the end of the signal they are zeros.

    Returns:
        As many samples as went in, not delayed, float32.
    """
    num_frames = framing.num_frames(len(samples_N))
    enhanced_N = np.zeros(len(samples_N), dtype=np.float32)
    tail = np.zeros(framing.padding, dtype=np.float32)
    for first in range(0, num_frames, block_frames):
        last = min(first + block_frames, num_frames)
        spectrum_TF = _analyse(_padded(samples_N, framing, first, last + ahead_frames), framing)
        ready, tail = _synthesise(processor(spectrum_TF), framing, tail)
        start = first * framing.hop_length - framing.padding
        skip = min(max(0, -start), len(ready))
        room = enhanced_N[start + skip :][: len(ready) - skip]
        room[:] = ready[skip : skip + len(room)]
    return enhanced_N


def _padded(samples_N: npt.NDArray[np.floating], framing: Framing, first: int, last: int) -> FloatArray:
    """The samples under the frames ``first`` to ``last`` (exclusive), zeros outside the signal."""
    start = first * framing.hop_length - framing.padding
    stop = start + (last - first - 1) * framing.hop_length + framing.frame_length
    if last <= first:
        return np.zeros(0, dtype=np.float32)
    inside = samples_N[max(0, start) : max(0, stop)]
    padded = np.zeros(stop - start, dtype=np.float32)
    offset = max(0, -start)
    padded[offset : offset + len(inside)] = inside
    return padded


def _analyse(padded: FloatArray, framing: Framing) -> ComplexArray:
    if len(padded) == 0:
        return np.zeros((0, framing.num_bins), dtype=np.complex64)
    frames = np.lib.stride_tricks.sliding_window_view(padded, framing.frame_length)[:: framing.hop_length]
    return np.fft.rfft(frames * analysis_window(framing.frame_length), axis=-1).astype(np.complex64, copy=False)


def _synthesise(spectrum_TF: ComplexArray, framing: Framing, tail: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Finished samples of T hops, and the unfinished rest that the next block adds to.

    Args:
        spectrum_TF: Of T frames.
        framing: Frame and hop length.
        tail: The rest of the block before.
    """
    num_frames, hop = len(spectrum_TF), framing.hop_length
    frames = np.fft.irfft(spectrum_TF, n=framing.frame_length, axis=-1) * synthesis_window(framing)
    summed = np.zeros(num_frames * hop + framing.padding, dtype=np.float32)
    summed[: len(tail)] += tail
    for part in range(framing.frame_length // hop):
        piece = np.ascontiguousarray(frames[:, part * hop : (part + 1) * hop]).reshape(-1)
        summed[part * hop : part * hop + len(piece)] += piece
    return summed[: num_frames * hop], summed[num_frames * hop :]
