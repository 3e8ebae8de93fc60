"""Sound through a lossy codec and back, at the codec's own rate, with the codec's delay taken out.

The delay belongs to the codec and not to the signal: it is measured once, on a probe of noise, and
removed from everything after it. The signal is turned down for the codec where it exceeds full scale
and turned up again behind it.
"""

from functools import lru_cache
from typing import Annotated, Any, Literal, get_args

import numpy as np
from pydantic import BeforeValidator, Field

from merit_cli.audio.repetition import cut_or_pad
from merit_cli.errors import unknown_name
from merit_cli.mixing.distortions.amounts import Amount, draw_amount, within
from merit_cli.mixing.distortions.codec_ffmpeg import FFMPEG
from merit_cli.mixing.distortions.codec_library import CodecLibrary
from merit_cli.mixing.distortions.codec_soundfile import SOUNDFILE
from merit_cli.mixing.distortions.contract import DistortionConfig, Place, Uniform, WideArray
from merit_cli.mixing.distortions.resampling import change_rate
from merit_cli.mixing.draws import Draws

CodecName = Literal["mp3", "vorbis", "opus", "ulaw", "alaw", "gsm", "aac", "g722", "amr_nb"]
_FULL_SCALE = 0.99
_PROBE_SECONDS = 0.5
_PROBE_MARGIN_SECONDS = 0.2
_MOST_DELAY_SECONDS = 0.15
_PROBES = 20
"""The delay is measured at the nearest of so many steps of compression, and kept."""


def _as_names(value: Any) -> Any:  # Any: whatever stood in the YAML
    names = (value,) if isinstance(value, str) else value
    for name in names if isinstance(names, list | tuple) else ():
        if name not in get_args(CodecName):
            refusal = unknown_name("codec", str(name), get_args(CodecName))
            raise ValueError(f"{refusal.message} ({refusal.hint})")
    return names


class CodecConfig(DistortionConfig):
    """A codec chosen at random among those named.

    Args:
        where: The target never has it.
        codecs: ``mp3 vorbis opus ulaw alaw gsm`` through libsndfile; ``aac g722 amr_nb`` need the program ffmpeg.
        compression: 0 sounds best, 1 is smallest, a number or [low, high]; libsndfile's scale for mp3, vorbis
            and opus, 96 to 16 kbit/s for aac; the others have one rate.
    """

    name: Literal["codec"] = "codec"
    where: Place = "noisy"
    codecs: Annotated[tuple[CodecName, ...], BeforeValidator(_as_names)] = Field(default=("mp3", "opus"), min_length=1)
    compression: Annotated[Amount, BeforeValidator(within(0.0, 1.0))] = (0.5, 0.95)

    def draw_parameters(self, uniform: Uniform) -> dict[str, Any]:
        """The codec and its compression."""
        codec = self.codecs[int(uniform() * len(self.codecs))]
        return {"codec": codec, "compression": draw_amount(self.compression, uniform)}

    def check(self) -> None:
        """Look for every codec named.

        Raises:
            Unavailable: libsndfile or ffmpeg lacks one, or there is no ffmpeg.
        """
        for codec in self.codecs:
            _library(codec).check(codec)


def through_codec(samples_N: WideArray, sample_rate: int, *, codec: str, compression: float) -> WideArray:
    """``samples_N`` coded and decoded, as long as before and in the same place.

    Raises:
        Unavailable: This machine lacks the codec.
        UsageError: The codec is unknown.
    """
    _library(codec).check(codec)
    rate = _rate_of(codec, sample_rate)
    slow = change_rate(samples_N, sample_rate, rate)
    peak = float(np.abs(slow).max(initial=0.0))
    down = _FULL_SCALE / peak if peak > _FULL_SCALE else 1.0
    delay = codec_delay(codec, rate, round(compression * _PROBES) / _PROBES)
    coded = _round_trip(cut_or_pad(slow * down, slow.size + max(0, delay)), rate, codec, compression) / down
    aligned = coded[delay:] if delay >= 0 else np.pad(coded, (-delay, 0))
    return cut_or_pad(change_rate(cut_or_pad(aligned, slow.size), rate, sample_rate), samples_N.size)


def _rate_of(codec: str, sample_rate: int) -> int:
    """The lowest rate of the codec that holds the signal's band, else its highest."""
    rates = _library(codec).rates[codec]
    return min((rate for rate in rates if rate >= sample_rate), default=rates[-1])


@lru_cache(maxsize=512)
def codec_delay(codec: str, rate: int, compression: float) -> int:
    """Samples at a codec's rate by which what comes out lags what went in; negative where it leads.

    Where the cross-correlation of half a second of noise, low-passed to a quarter of the band, with what
    came out is largest.
    """
    from scipy.signal import fftconvolve

    draws = Draws(0, "codec probe")
    hiss = np.array([draws.uniform() - 0.5 for _ in range(round(_PROBE_SECONDS * rate))])
    margin = np.zeros(round(_PROBE_MARGIN_SECONDS * rate))
    probe = np.concatenate([margin, np.convolve(hiss, np.full(4, 0.25), mode="same"), margin])
    returned = _round_trip(probe, rate, codec, compression)
    correlation = np.asarray(fftconvolve(returned, probe[::-1]))
    zero, reach = probe.size - 1, round(_MOST_DELAY_SECONDS * rate)
    return int(np.argmax(correlation[max(0, zero - reach) : zero + reach + 1])) - min(zero, reach)


def _round_trip(samples_N: WideArray, rate: int, codec: str, compression: float) -> WideArray:
    return _library(codec).round_trip(samples_N, rate, codec, compression)


def _library(codec: str) -> CodecLibrary:
    for library in (SOUNDFILE, FFMPEG):
        if codec in library.rates:
            return library
    raise unknown_name("codec", codec, get_args(CodecName))
