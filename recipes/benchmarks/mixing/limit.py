"""The limit: what no mixer of these files can do without, and nothing else."""

import shutil
from collections.abc import Sequence
from pathlib import Path

import soundfile
import soxr
from mixing.clock import CLOCK
from mixing.corpus import RATE
from mixing.pairs import Pair


def limit_seconds(pairs: Sequence[Pair], made: Path, output: Path) -> float:
    """Decode both sources, resample the segment, encode both files, decode them again.

    A clean file that is its source, byte for byte, is copied.

    Args:
        pairs: What to read.
        made: A finished mix of ours; its very samples are encoded. Reading them is not counted.
        output: Gets the files.
    """
    seconds = 0.0
    shutil.rmtree(output, ignore_errors=True)  # writing over a file costs a flush to disk, which no mixer needs
    for part in ("noisy", "clean"):
        (output / part).mkdir(parents=True)
    for pair in pairs:
        parts = [f"{part}/{pair.id}.flac" for part in ("noisy", "clean")]
        samples = [soundfile.read(made / part, dtype="int16")[0] for part in parts]
        is_copy = (made / parts[1]).read_bytes() == pair.speech.read_bytes()
        started = CLOCK.now()
        soundfile.read(pair.speech, dtype="float32")
        noise = soundfile.read(pair.noise, pair.own_length, pair.own_start, dtype="float32")[0]
        if pair.noise_rate != RATE:
            soxr.resample(noise, pair.noise_rate, RATE, quality="HQ")
        if is_copy:
            shutil.copyfile(pair.speech, output / parts[1])
        for part, content in zip(parts[: 1 if is_copy else 2], samples, strict=False):
            soundfile.write(output / part, content, RATE, subtype="PCM_16")
            soundfile.read(output / part, dtype="float32")
        seconds += CLOCK.now() - started
    return seconds
