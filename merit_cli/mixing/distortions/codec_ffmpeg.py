"""Codecs that the program ffmpeg has, where it is installed: through pipes, on one thread."""

import shutil
import subprocess
from functools import lru_cache

import numpy as np

from merit_cli.errors import BadData, Unavailable
from merit_cli.mixing.distortions.codec_library import CodecLibrary
from merit_cli.mixing.distortions.contract import WideArray

PROGRAM = "ffmpeg"
_ENCODERS = {"aac": ("aac", "adts"), "g722": ("g722", "g722"), "amr_nb": ("libopencore_amrnb", "amr")}
"""ffmpeg's name of the encoder, and of the container without a header that it streams into."""
_RATES = {"aac": (8000, 16000, 22050, 24000, 32000, 44100, 48000), "g722": (16000,), "amr_nb": (8000,)}
_AAC_KBPS = (96.0, 16.0)
"""Bit rates at compression 0 and 1."""
_TIMEOUT_SECONDS = 120.0


@lru_cache(maxsize=8)
def _encoders(program: str) -> frozenset[str]:
    lines = _run(program, ["-encoders"], b"").decode("utf-8", "replace").splitlines()
    return frozenset(words[1] for line in lines if len(words := line.split()) > 1)


def _check(codec: str) -> None:
    program = shutil.which(PROGRAM)
    if program is None:
        raise Unavailable(
            f"the codec {codec!r} needs the program ffmpeg",
            place="distortions.codec",
            hint="install ffmpeg, or take mp3, vorbis, opus, ulaw, alaw or gsm",
        )
    encoder, _ = _ENCODERS[codec]
    if encoder not in _encoders(program):
        raise Unavailable(
            f"this ffmpeg has no encoder {encoder!r} for the codec {codec!r}",
            place=f"distortions.codec: {program}",
            hint="install an ffmpeg that was built with it",
        )


def _round_trip(samples_N: WideArray, rate: int, codec: str, compression: float) -> WideArray:
    encoder, container = _ENCODERS[codec]
    raw = ["-f", "f32le", "-ar", str(rate), "-ac", "1"]
    best, smallest = _AAC_KBPS
    bits = ["-b:a", f"{round(best + (smallest - best) * compression)}k"] if codec == "aac" else []
    narrow = ["-b:a", "12.2k"] if codec == "amr_nb" else []
    program = shutil.which(PROGRAM) or PROGRAM
    plain = samples_N.astype("<f4").tobytes()
    coded = _run(program, [*raw, "-i", "pipe:0", "-c:a", encoder, *bits, *narrow, "-f", container, "pipe:1"], plain)
    source = ["-f", "aac" if codec == "aac" else container]
    decoded = _run(program, [*source, "-i", "pipe:0", *raw, "pipe:1"], coded)
    return np.frombuffer(decoded, dtype="<f4").astype(np.float64)


def _run(program: str, arguments: list[str], data: bytes) -> bytes:
    command = [program, "-hide_banner", "-nostdin", "-loglevel", "error", "-threads", "1", *arguments]
    try:
        done = subprocess.run(command, input=data, capture_output=True, timeout=_TIMEOUT_SECONDS, check=True)
    except subprocess.CalledProcessError as error:
        words = error.stderr.decode("utf-8", "replace").strip().splitlines()
        raise BadData(
            "ffmpeg could not code the signal", place="distortions.codec", hint=f"ffmpeg says: {words[-1:]}"
        ) from None
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unavailable("ffmpeg did not run", place="distortions.codec", hint=str(error)) from None
    return done.stdout


FFMPEG = CodecLibrary(_RATES, _check, _round_trip)
