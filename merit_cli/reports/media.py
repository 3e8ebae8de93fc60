"""Sound and pictures of one utterance, small enough to stand inside the page."""

import base64
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from merit_cli.errors import MeritError
from merit_cli.io.audio_file import FloatArray, read_audio, to_pcm16
from merit_cli.reports.report import Clip, Example

MAX_SECONDS = 8.0
"""Longest piece of a clip that is embedded; the page says so where one was cut."""
MAX_RATE = 16000


@dataclass(frozen=True)
class Sound:
    """A clip as read: mono samples at the page's rate, and whether it was cut or could not be read."""

    name: str
    samples: FloatArray
    sample_rate: int
    remark: str = ""


def read_sounds(example: Example, folder: Path) -> list[Sound]:
    """The clips of an example at one common rate; one that cannot be read is empty and says why."""
    return [_read_sound(clip, folder) for clip in example.clips]


def _read_sound(clip: Clip, folder: Path) -> Sound:
    try:
        audio = read_audio(folder / clip.path, sample_rate=MAX_RATE, start=clip.start, num_samples=clip.num_samples)
    except MeritError as error:
        return Sound(clip.name, np.zeros(0, dtype=np.float32), MAX_RATE, f"could not be read: {error.message}")
    longest = round(MAX_SECONDS * MAX_RATE)
    remark = f"first {MAX_SECONDS:g} s" if len(audio.samples) > longest else ""
    return Sound(clip.name, audio.samples[:longest], MAX_RATE, remark)


def to_data_uri(sound: Sound) -> str:
    """The sound as a 16-bit FLAC data URI.

    >>> to_data_uri(Sound("silence", np.zeros(16, dtype=np.float32), 16000))[:28]
    'data:audio/flac;base64,ZkxhQ'
    """
    buffer = io.BytesIO()
    soundfile.write(buffer, to_pcm16(sound.samples), sound.sample_rate, format="FLAC", subtype="PCM_16")
    return f"data:audio/flac;base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"
