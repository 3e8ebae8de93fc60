"""An enhancer over a signal of any length, in memory that does not grow with it.

The signal is read twice: for its level, since an enhancer works at a level set by the whole signal, and to
be enhanced. What a whole call gives comes out again, to rounding, of an engine that is fed hop by hop or is given
chunks anyway. An engine that streams but wants the file as one array, as the classical ones do, gets stretches of
ten minutes and 30 s on either side to settle in, cross-faded over 0.1 s: the difference lies at the joins alone.
"""

from collections.abc import Callable, Iterator

import numpy as np

from merit_cli.audio.levels import sum_of_squares
from merit_cli.audio.overlap_add import ChunkStream, WaveFunction
from merit_cli.audio.repetition import cut_or_pad
from merit_cli.audio.stft import framing_for
from merit_cli.enhancers.contract import (
    FADE,
    SILENCE_PEAK,
    Contracted,
    Enhancer,
    FloatArray,
    Stream,
    StreamingEngine,
    finite_peak,
    mixed_back,
    working_scale,
)
from merit_cli.io.audio_file import Resampler
from merit_cli.units import Seconds

STRETCH = Seconds(600.0)
"""Seconds of a signal that are looked at in one piece; a signal this long needs no join."""
SETTLE = Seconds(30.0)
"""Seconds before and after a stretch: a tracker of noise forgets within a few."""
Reader = Callable[[], Iterator[FloatArray]]
"""Starts anew at each call: the signal in blocks (N,)."""
_NOTHING = np.zeros(0, dtype=np.float32)


def enhanced_blocks(enhancer: Enhancer, read: Reader, sample_rate: int) -> Iterator[FloatArray]:
    """What ``enhancer`` makes of a signal, in blocks (N,) that join to as many samples.

    Args:
        enhancer: Any.
        read: The signal; called twice.
        sample_rate: Of the signal, in Hz.

    Raises:
        BadData: The input, or what the engine made of it, is not finite.
    """
    if not isinstance(enhancer, Contracted):
        stretches = _stretches(lambda piece_N: enhancer(piece_N, sample_rate), sample_rate)
        yield from (stretches.push(block_N) for block_N in read())
        yield stretches.flush()
        return
    peak, rms = _level(read())
    if peak < SILENCE_PEAK:
        yield from (np.zeros(len(block_N), dtype=np.float32) for block_N in read())
        return
    scale = working_scale(peak, rms)
    rate = enhancer.sample_rate or sample_rate
    there, back, stream = Resampler(sample_rate, rate), Resampler(rate, sample_rate), _opened(enhancer, rate)
    waiting = _Waiting(enhancer.noisy_share, 1.0 / scale)
    for block_N in read():
        waiting.push(block_N)
        scaled_N: FloatArray = np.multiply(block_N, scale, dtype=np.float32)
        yield waiting.finished(back(stream.push(there(scaled_N))))
    made_N = np.concatenate([stream.push(there(_NOTHING, last=True)), stream.flush()])
    yield waiting.finished(cut_or_pad(back(made_N, last=True), waiting.num_samples))


class _Waiting:
    """The noisy samples whose enhanced ones are still to come; kept only where a share of them goes back."""

    def __init__(self, share: float, gain: float) -> None:
        self._share, self._gain = share, np.float32(gain)
        self._noisy_N = _NOTHING
        self.num_samples = 0

    def push(self, noisy_N: FloatArray) -> None:
        """Wait for these."""
        self.num_samples += len(noisy_N)
        if self._share:
            self._noisy_N = np.concatenate([self._noisy_N, noisy_N])

    def finished(self, made_N: FloatArray) -> FloatArray:
        """The next samples at the signal's own level, with their share of the noisy ones."""
        made_N = made_N[: self.num_samples] * self._gain
        finite_peak(made_N, whose="what the enhancer made")
        self.num_samples -= len(made_N)
        if not self._share:
            return made_N
        noisy_N, self._noisy_N = self._noisy_N[: len(made_N)], self._noisy_N[len(made_N) :]
        return mixed_back(made_N, noisy_N, self._share)


def _level(blocks: Iterator[FloatArray]) -> tuple[float, float]:
    """Peak and RMS of a signal."""
    peak, power, num_samples = 0.0, 0.0, 0
    for block_N in blocks:
        peak = max(peak, finite_peak(block_N))
        power += sum_of_squares(block_N.astype(np.float64))
        num_samples += len(block_N)
    return peak, float(np.sqrt(power / max(num_samples, 1)))


def _opened(enhancer: Contracted, rate: int) -> Stream:
    engine = enhancer.engine
    if isinstance(engine, StreamingEngine):
        return engine.open()

    def process(piece_N: FloatArray) -> FloatArray:
        return engine.process(piece_N, rate)

    whole = _stretches(process, rate) if engine.streams else ChunkStream(process, **enhancer.chunking(rate))
    return _Undelayed(whole, engine.delay) if engine.delay else whole


def _stretches(function: WaveFunction, rate: int) -> ChunkStream:
    """Stretches that begin where a frame of the classical engines does, or their frames would lie elsewhere."""
    hop = framing_for(rate).hop_length
    length, settle, fade = (hop * round(seconds * rate / hop) for seconds in (STRETCH, SETTLE, FADE))
    return ChunkStream(function, chunk_length=length, context_length=settle, fade_length=fade)


class _Undelayed:
    """A stream whose output is late, and is brought back to its place."""

    def __init__(self, stream: Stream, delay: int) -> None:
        self._stream, self._delay, self._to_drop = stream, delay, delay

    def push(self, samples_N: FloatArray) -> FloatArray:
        """The samples that are ready after these."""
        return self._dropped(self._stream.push(samples_N))

    def flush(self) -> FloatArray:
        """The rest."""
        late_N = self._stream.push(np.zeros(self._delay, dtype=np.float32))
        return self._dropped(np.concatenate([late_N, self._stream.flush()]))

    def _dropped(self, made_N: FloatArray) -> FloatArray:
        count = min(self._to_drop, len(made_N))
        self._to_drop -= count
        return made_N[count:]
