"""Codecs that come with soundfile's libsndfile, in memory."""

import io

import numpy as np

from merit_cli.errors import Unavailable
from merit_cli.mixing.distortions.codec_library import CodecLibrary
from merit_cli.mixing.distortions.contract import WideArray

_MPEG_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)
_RATES = {
    "mp3": _MPEG_RATES,
    "vorbis": _MPEG_RATES,
    "opus": (8000, 16000, 48000),  # at 12 and 24 kHz its delay is not a whole number of samples
    "ulaw": (8000,),
    "alaw": (8000,),
    "gsm": (8000,),
}
_FORMATS = {
    "mp3": ("MP3", "MPEG_LAYER_III"),
    "vorbis": ("OGG", "VORBIS"),
    "opus": ("OGG", "OPUS"),
    "ulaw": ("WAV", "ULAW"),
    "alaw": ("WAV", "ALAW"),
    "gsm": ("WAV", "GSM610"),
}
_MOST_COMPRESSION = {"mp3": 0.99, "vorbis": 1.0, "opus": 0.98}
"""libsndfile's scale from best to smallest: LAME refuses the very end, and Opus moves its delay there."""
_BLOCK = 16384
"""Samples written at once: libvorbis overflows its stack on very long blocks."""


def _check(codec: str) -> None:
    import soundfile

    container, subtype = _FORMATS[codec]
    if container not in soundfile.available_formats() or subtype not in soundfile.available_subtypes(container):
        raise Unavailable(
            f"this libsndfile ({soundfile.__libsndfile_version__}) has no codec {codec!r}",
            place="distortions.codec",
            hint="pip install -U soundfile, whose wheels bring a complete one",
        )


def _round_trip(samples_N: WideArray, rate: int, codec: str, compression: float) -> WideArray:
    import soundfile

    container, subtype = _FORMATS[codec]
    most = _MOST_COMPRESSION.get(codec)
    level = None if most is None else min(compression, most)
    memory = io.BytesIO()
    with soundfile.SoundFile(
        memory, "w", rate, 1, format=container, subtype=subtype, compression_level=level
    ) as encoder:
        for start in range(0, samples_N.size, _BLOCK):
            encoder.write(samples_N[start : start + _BLOCK])
    memory.seek(0)
    decoded, _ = soundfile.read(memory, dtype="float64")
    return np.asarray(decoded, dtype=np.float64)


SOUNDFILE = CodecLibrary(_RATES, _check, _round_trip)
