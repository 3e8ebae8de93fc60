"""Audio files read block by block, all channels, nothing mended: for looking at files of any length."""

from collections.abc import Iterator
from pathlib import Path

import soundfile

from merit_cli.errors import BadData
from merit_cli.io.audio_file import AudioInfo, FloatArray

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
    left = info.num_samples - start if num_samples is None else num_samples
    position = start
    try:
        with soundfile.SoundFile(str(path)) as handle:
            handle.seek(start)
            while left > 0:
                wanted = min(BLOCK_SAMPLES, left)
                block: FloatArray = handle.read(wanted, dtype="float32", always_2d=True)
                if len(block) != wanted:
                    break
                position, left = position + wanted, left - wanted
                yield block
    except (soundfile.LibsndfileError, RuntimeError) as error:
        raise BadData("the file breaks off or is damaged", place=str(path), hint=f"libsndfile says: {error}") from None
    if left > 0:
        raise BadData(f"the file breaks off near sample {position} of {info.num_samples}", place=str(path))
