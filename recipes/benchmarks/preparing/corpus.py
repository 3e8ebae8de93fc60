"""Many small files: a second of a real prompt each, one sample varied; none are equal but the planted ones."""

from itertools import cycle
from pathlib import Path

import numpy as np
import soundfile

from merit_cli.assets import bundled
from merit_cli.io.audio_file import to_pcm16

SAMPLE_RATE = 16000
FILES_PER_FOLDER = 1000
SPLITS = ("train", "train", "train", "dev", "test")


def build(folder: Path, num_files: int, num_duplicates: int) -> list[Path]:
    """Write the files as ``SPLIT/plain/speakerN/NUMBER.wav``; the last ``num_duplicates`` repeat the first.

    A repeated file lies in the folder of its number, most often in another split than the first.
    """
    seconds = [_second(path) for path in sorted(bundled("data_manifests/sample/speech").glob("*/*.flac"))]
    paths = []
    for number, samples in zip(range(num_files), cycle(seconds), strict=False):
        speaker = number // FILES_PER_FOLDER
        path = folder / SPLITS[speaker % len(SPLITS)] / "plain" / f"speaker{speaker}" / f"{number:06d}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        source = number - (num_files - num_duplicates)
        path.write_bytes(paths[source].read_bytes() if source >= 0 else _wav(samples, number // len(seconds)))
        paths.append(path)
    return paths


def change(path: Path) -> None:
    """Change the last sample of a file that `build` made, and with it its time."""
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def _second(path: Path) -> np.ndarray:
    samples, rate = soundfile.read(path, frames=SAMPLE_RATE)
    assert rate == SAMPLE_RATE, path
    return to_pcm16(np.resize(samples, SAMPLE_RATE))


def _wav(samples: np.ndarray, step: int) -> bytes:
    """A wav file of the samples, the sample ``step`` of which is another."""
    varied = samples.copy()
    varied[step] ^= 1
    body = varied.astype("<i2").tobytes()
    head = b"RIFF" + (36 + len(body)).to_bytes(4, "little") + b"WAVEfmt " + (16).to_bytes(4, "little")
    form = np.array([1, 1], "<u2").tobytes() + np.array([SAMPLE_RATE, 2 * SAMPLE_RATE], "<u4").tobytes()
    return head + form + np.array([2, 16], "<u2").tobytes() + b"data" + len(body).to_bytes(4, "little") + body
