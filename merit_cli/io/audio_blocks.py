"""Audio files read block by block, all channels, nothing mended: for looking at files of any length."""

from collections.abc import Callable, Iterator
from pathlib import Path

import soundfile

from merit_cli.errors import BadData
from merit_cli.io.audio_file import AudioInfo, FloatArray, open_audio

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
