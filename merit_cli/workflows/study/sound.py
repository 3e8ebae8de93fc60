"""Clips as raters hear them: one rate, no rumble, one level of breath.

Every version is high-passed at 50 Hz and brought to the same power in 100-1000 Hz; rumble under 70 Hz, most of a chest
recording's energy, would otherwise decide what is loud. Where a peak would clip, all versions of the study are taken
down alike.
"""

import base64
import io
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import soundfile

from merit_cli.audio.band_level import band_power
from merit_cli.audio.high_pass import high_pass
from merit_cli.io.audio_file import read_audio, to_pcm16
from merit_cli.units import db_to_amplitude
from merit_cli.workflows.study.material import Piece

RATE = 16000
"""Of the page's sounds, in Hz: every browser plays it."""
LEVEL_DBFS = -26.0
"""Root mean square in 100-1000 Hz, re full scale."""
PEAK = 0.97
MAX_SECONDS = 20.0

FloatArray = npt.NDArray[np.float64]


def read_piece(piece: Piece) -> FloatArray:
    """The sound (N,) of a piece at `RATE`, high-passed and at `LEVEL_DBFS`; silence stays silence.

    Raises:
        NoInput: There is no such file.
        BadData: It cannot be used.
    """
    audio = read_audio(piece.path, sample_rate=RATE, start=piece.start, num_samples=piece.num_samples)
    return levelled(audio.samples[: round(MAX_SECONDS * RATE)])


def levelled(samples_N: npt.NDArray[np.floating]) -> FloatArray:
    """The signal (N,) at `RATE` without what lies under 50 Hz, at `LEVEL_DBFS` in the band of breath.

    >>> tone = np.sin(2 * np.pi * 300 * np.arange(16000) / 16000)
    >>> round(float(10 * np.log10(band_power(levelled(5 * tone), RATE))))
    -26
    """
    filtered = high_pass(samples_N, RATE)
    power = band_power(filtered, RATE)
    return filtered * (db_to_amplitude(LEVEL_DBFS) / power**0.5) if power > 0.0 else np.zeros(len(filtered))


def common_gain(sounds: Mapping[str, FloatArray]) -> float:
    """The gain, at most 1, under which no sound has a peak over `PEAK`.

    >>> common_gain({"a": np.array([0.5]), "b": np.array([-1.94])})
    0.5
    """
    largest = max((float(np.abs(sound).max(initial=0.0)) for sound in sounds.values()), default=0.0)
    return min(1.0, PEAK / largest) if largest > 0.0 else 1.0


def reference_sound(seconds: float = 3.0) -> FloatArray:
    """Noise in the band of breath at `LEVEL_DBFS`, to set the loudness by: the same in every study."""
    noise = np.random.default_rng(0).standard_normal(round(seconds * RATE))
    spectrum = np.fft.rfft(noise)
    hertz = np.fft.rfftfreq(len(noise), 1.0 / RATE)
    spectrum[(hertz < 100.0) | (hertz > 1000.0)] = 0.0
    return levelled(np.fft.irfft(spectrum, len(noise)))


def to_flac_uri(sound: FloatArray) -> str:
    """The sound as 16-bit FLAC in a data URI, without a name or any other mark."""
    buffer = io.BytesIO()
    soundfile.write(buffer, to_pcm16(sound), RATE, format="FLAC", subtype="PCM_16")
    return f"data:audio/flac;base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"
