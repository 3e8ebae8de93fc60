"""Audio files read block by block: as they stand, for looking at files of any length, or as `read_audio` gives them."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import soundfile

from merit_cli.errors import BadData
from merit_cli.io.audio_file import AudioInfo, FloatArray, Resampler, open_audio, read_header

BLOCK_SAMPLES = 1 << 18
"""Samples of each channel in a block."""


def read_blocks(path: Path, info: AudioInfo, *, start: int = 0, num_samples: int | None = None) -> Iterator[FloatArray]:
    """Blocks (N, channels) in float32, full scale 1.0; NaN is let through.

    Args:
        path: The file.
        info: Its header.
        start: First sample to read.
        num_samples: How many to read; None reads to the end.

    Raises:
        BadData: The file breaks off or is damaged.
    """
    count = info.num_samples - start if num_samples is None else num_samples
    try:
        with soundfile.SoundFile(str(path)) as handle:
            handle.seek(start)
            yield from _blocks(handle, path, start, count)
    except (soundfile.LibsndfileError, RuntimeError) as error:
        raise BadData("the file breaks off or is damaged", place=str(path), hint=f"libsndfile says: {error}") from None


def mono_blocks(path: Path, *, sample_rate: int) -> Iterator[FloatArray]:
    """`read_audio` of a whole file in blocks (N,), joined the same: the mean of its channels at ``sample_rate`` in Hz.

    Raises:
        NoInput: There is no such file.
        BadData: It is empty, not audio, breaks off, is damaged, or holds NaN or infinite samples.
    """
    info = read_header(path)
    resampler = Resampler(info.sample_rate, sample_rate)
    for block in read_blocks(path, info):
        samples_N = block[:, 0] if info.num_channels == 1 else block.mean(axis=1, dtype=np.float32)
        if not np.isfinite(samples_N).all():
            raise BadData("the file holds NaN or infinite samples", place=str(path))
        yield resampler(samples_N)
    yield resampler(np.zeros(0, dtype=np.float32), last=True)


def read_through(path: Path, take: Callable[[FloatArray], object]) -> AudioInfo:
    """Give every block of a file to ``take``, opening it once; returns its header.

    Raises:
        NoInput: There is no such file.
        BadData: It is empty, truncated, not audio, breaks off or is damaged.
    """
    with open_audio(path) as handle:
        info = AudioInfo(handle.samplerate, handle.channels, handle.frames, handle.subtype)
        try:
            for block in _blocks(handle, path, 0, info.num_samples):
                take(block)
        except (soundfile.LibsndfileError, RuntimeError) as error:
            hint = f"libsndfile says: {error}"
            raise BadData("the file breaks off or is damaged", place=str(path), hint=hint) from None
    return info


def _blocks(handle: soundfile.SoundFile, path: Path, start: int, count: int) -> Iterator[FloatArray]:
    position, left = start, count
    while left > 0:
        wanted = min(BLOCK_SAMPLES, left)
        block: FloatArray = handle.read(wanted, dtype="float32", always_2d=True)
        if len(block) != wanted:
            raise BadData(f"the file breaks off near sample {position} of {handle.frames}", place=str(path))
        position, left = position + wanted, left - wanted
        yield block
