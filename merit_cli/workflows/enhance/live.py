"""``merit enhance - --stream``: a signal as it comes, hop by hop, out again a known latency later.

In comes a WAV of 16-bit samples, of known or endless length, as ``arecord``, ``sox`` or ``ffmpeg`` write to a pipe; out
goes one of the same rate. Nothing can be normalised that has not been heard yet: the enhancer works at the
level that comes.
"""

import struct
import time
import wave
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from merit_cli.enhancers.contract import EnhancerConfig, StreamingEngine, mixed_back
from merit_cli.errors import BadData, NoInput, UsageError
from merit_cli.io.audio_file import PCM16_FULL_SCALE, to_pcm16
from merit_cli.workflows.enhance.single import write_all

FloatArray = npt.NDArray[np.float32]
ENDLESS = 0xFFFFFFFF
"""Length in the header of a WAV whose end is not known, as sox and ffmpeg write it."""
_SAMPLE_BYTES = 2
_WARM_HOPS = 4
"""Hops given to a stream of their own first: what is loaded at a first call took DeepFilterNet3 three seconds."""


@dataclass(frozen=True)
class LiveReport:
    """How a stream went.

    Args:
        seconds: Of audio.
        latency: Seconds between a sample's coming and its going: look-ahead and the hop to fill.
        hop: Seconds worked on at once; a hop that takes longer is late.
        slowest: Seconds of the slowest hop.
        real_time_factor: Seconds of work for a second of audio.
    """

    seconds: float
    latency: float
    hop: float
    slowest: float
    real_time_factor: float


def enhance_live(config: EnhancerConfig, source: BinaryIO, sink: BinaryIO) -> LiveReport:
    """Enhance a WAV while it comes; returns when it ends.

    Args:
        config: Of an enhancer that streams.
        source: A mono WAV of 16-bit samples at the enhancer's rate; it may be endless.
        sink: Gets a WAV of the same rate; each hop is flushed.

    Raises:
        UsageError: The enhancer does not stream.
        NoInput: Nothing came.
        BadData: What came is not such a WAV.
        Unavailable: Weights or an extra are missing.
    """
    engine = config.engine()
    if not isinstance(engine, StreamingEngine):
        raise UsageError(
            f"{config.name!r} needs the whole signal",
            place="--stream",
            hint="take gtcrn, dtln or rnnoise, or no --stream",
        )
    rate = engine.sample_rate
    assert rate is not None, "a network has a rate"
    engine.open().push(np.full(_WARM_HOPS * engine.hop_length, 1e-3, np.float32))  # before there is anything to miss
    blocks = _blocks(source, rate, engine.hop_length, config.name)
    write_all(sink, wav_header(rate))
    stream, share = engine.open(), config.noisy_share
    waiting, num_samples, work, slowest = np.zeros(0, np.float32), 0, 0.0, 0.0
    for noisy_N in blocks:
        started = time.perf_counter()
        ready_N = stream.push(noisy_N)
        took = time.perf_counter() - started
        work, slowest, num_samples = work + took, max(slowest, took), num_samples + len(noisy_N)
        waiting = _send(sink, ready_N, np.concatenate([waiting, noisy_N]), share)
    _send(sink, stream.flush(), waiting, share)
    seconds = num_samples / rate
    factor = work / seconds if seconds else 0.0
    return LiveReport(seconds, engine.latency_samples / rate, engine.hop_length / rate, slowest, factor)


def _send(sink: BinaryIO, ready_N: FloatArray, noisy_N: FloatArray, share: float) -> FloatArray:
    """Write what is ready, with its share of the noisy signal; returns the noisy samples that still wait."""
    out_N = mixed_back(ready_N, noisy_N[: len(ready_N)], share)
    write_all(sink, to_pcm16(out_N).tobytes())
    return noisy_N[len(ready_N) :]


def wav_header(sample_rate: int) -> bytes:
    """Header of a mono 16-bit WAV whose end is not known.

    >>> len(wav_header(16000))
    44
    """
    byte_rate = sample_rate * _SAMPLE_BYTES
    layout = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, sample_rate, byte_rate, _SAMPLE_BYTES, 8 * _SAMPLE_BYTES)
    return b"RIFF" + struct.pack("<I", ENDLESS) + b"WAVE" + layout + b"data" + struct.pack("<I", ENDLESS)


class _Counted:
    """A source that knows whether anything has come, and cannot go back."""

    def __init__(self, source: BinaryIO) -> None:
        self._source, self.num_bytes = source, 0

    def read(self, size: int = -1) -> bytes:
        """The next bytes."""
        found = self._source.read(size)
        self.num_bytes += len(found)
        return found


def _blocks(source: BinaryIO, rate: int, hop_length: int, name: str) -> Iterator[FloatArray]:
    """The samples of a WAV, a hop at a time; the header is read at once."""
    counted = _Counted(source)
    try:
        # read to its end by the generator, and closed by its owner
        reader = wave.open(counted, "rb")  # type: ignore[call-overload]  # noqa: SIM115 - all that wave asks for
    except (EOFError, wave.Error) as error:
        if not counted.num_bytes:
            hint = "arecord -f S16_LE | merit enhance - --stream"
            raise NoInput("nothing came on stdin", place="-", hint=hint) from None
        reason = str(error) or "it ends within its header"
        hint = "send 16-bit PCM, as: sox in.flac -t wav -b 16 - | merit enhance - --stream"
        raise BadData(f"what came is not a WAV of PCM samples: {reason}", place="stdin", hint=hint) from None
    layout = reader.getnchannels(), reader.getsampwidth(), reader.getframerate()
    if layout != (1, _SAMPLE_BYTES, rate):
        raise BadData(
            f"{name} takes a stream of 1 channel, 16 bits and {rate} Hz; this one has {layout[0]}, {8 * layout[1]} "
            f"and {layout[2]}",
            place="stdin",
            hint=f"convert it on the way: sox - -t wav -b 16 -c 1 -r {rate} -",
        )
    return _read_all(reader, hop_length)


def _read_all(reader: wave.Wave_read, hop_length: int) -> Iterator[FloatArray]:
    while frames := reader.readframes(hop_length):
        whole = len(frames) // _SAMPLE_BYTES * _SAMPLE_BYTES  # a stream may be cut within a sample
        yield np.frombuffer(frames[:whole], dtype="<i2").astype(np.float32) / np.float32(PCM16_FULL_SCALE)
