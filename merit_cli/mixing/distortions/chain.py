"""Drawing a chain of distortions, and applying what was drawn to speech, noise and mixture."""

from collections.abc import Callable, Mapping, Sequence
from inspect import signature
from pathlib import Path
from typing import NamedTuple

from merit_cli.errors import BadData, unknown_name
from merit_cli.mixing.distortions.band_limit import limit_band
from merit_cli.mixing.distortions.clipping import clip
from merit_cli.mixing.distortions.codec import through_codec
from merit_cli.mixing.distortions.contract import DistortionConfig, Drawn, Response, Uniform, WideArray
from merit_cli.mixing.distortions.convolve import reverberate
from merit_cli.mixing.distortions.gain import change_gain
from merit_cli.mixing.distortions.packet_loss import lose_packets
from merit_cli.mixing.distortions.resampling import resample_there_and_back
from merit_cli.mixing.distortions.reverb import ReverbConfig, read_response, response_files
from merit_cli.mixing.distortions.room import simulate_response
from merit_cli.mixing.distortions.stethoscope import through_stethoscope

ROOMS: Mapping[str, Callable[..., Response]] = {"reverb": read_response, "room": simulate_response}
"""Kinds that are an impulse response; the target keeps its early part."""
CHANNELS: Mapping[str, Callable[..., WideArray]] = {
    "band_limit": limit_band,
    "resample": resample_there_and_back,
    "stethoscope": through_stethoscope,
    "gain": change_gain,
}
"""Linear kinds, which the target goes through too."""
DAMAGE: Mapping[str, Callable[..., WideArray]] = {"clip": clip, "codec": through_codec, "packet_loss": lose_packets}
"""Kinds that the target does not have."""


class Speech(NamedTuple):
    """Speech (N,) as it is heard, and as a model should give it back."""

    heard_N: WideArray
    target_N: WideArray


class Parts(NamedTuple):
    """A mixture (N,), its target and its noise."""

    noisy: WideArray
    clean: WideArray
    noise: WideArray


def check_chain(chain: Sequence[DistortionConfig]) -> None:
    """Refuse, before the first mixture, what this machine cannot do.

    Raises:
        Unavailable: A codec, a program or an extra is missing.
        NoInput: There are no impulse responses in a place named.
    """
    for link in chain:
        link.check()


def input_files(chain: Sequence[DistortionConfig]) -> list[Path]:
    """Every file that drawing may choose from, for the fingerprint of a run."""
    reverbs = [link for link in chain if isinstance(link, ReverbConfig)]
    return sorted({Path(path) for link in reverbs for path in response_files(link.files)})


def draw(config: DistortionConfig, uniform: Uniform) -> Drawn:
    """One link with nothing left open, whatever its probability.

    Args:
        config: The link.
        uniform: The next number in [0, 1) of a stream.

    Raises:
        NoInput: There are no impulse responses in a place named.
    """
    return Drawn(config.name, config.where, config.draw_parameters(uniform))


def draw_chain(chain: Sequence[DistortionConfig], uniform: Uniform) -> tuple[Drawn, ...]:
    """The links that happen, in order, drawn.

    A link takes the same count of numbers from the stream whether it happens or not.
    """
    drawn = [(uniform() < link.probability, draw(link, uniform)) for link in chain]
    return tuple(one for happens, one in drawn if happens)


def apply(drawn: Drawn, samples_N: WideArray, sample_rate: int) -> WideArray:
    """``samples_N`` after one distortion: as long, without a delay, silence for silence.

    Args:
        drawn: What to do.
        samples_N: In float64; left as it is.
        sample_rate: In Hz.

    Raises:
        UsageError: The kind or a codec is unknown, or a cut does not suit the rate.
        Unavailable: A codec, a program or an extra is missing.
        NoInput: An impulse response is missing.
        BadData: An impulse response is unusable, or the parameters are not those of the kind.

    >>> import numpy as np
    >>> apply(Drawn("gain", "noisy", {"gain_db": 20.0}), np.array([0.01, 0.0]), 16000).round(6).tolist()
    [0.1, 0.0]
    """
    return _through(drawn, samples_N, samples_N, sample_rate).heard_N


def distort_speech(drawn: Sequence[Drawn], speech_N: WideArray, sample_rate: int) -> Speech:
    """Speech through the links on speech, and its target; raises as `apply` does."""
    speech = Speech(speech_N, speech_N)
    for one in drawn:
        if one.where == "speech":
            speech = _through(one, speech.heard_N, speech.target_N, sample_rate)
    return speech


def distort_noise(drawn: Sequence[Drawn], noise_N: WideArray, sample_rate: int) -> WideArray:
    """Noise through the links on noise; raises as `apply` does."""
    for one in drawn:
        if one.where == "noise":
            noise_N = apply(one, noise_N, sample_rate)
    return noise_N


def distort_noisy(
    drawn: Sequence[Drawn], noisy_N: WideArray, clean_N: WideArray, noise_N: WideArray, sample_rate: int
) -> Parts:
    """A mixture through the links on it; clean and noise follow where the link is a channel.

    Raises as `apply` does.
    """
    parts = Parts(noisy_N, clean_N, noise_N)
    for one in drawn:
        if one.where != "noisy":
            continue
        if one.name in CHANNELS:
            parts = Parts(*(apply(one, part, sample_rate) for part in parts))
        else:
            parts = parts._replace(noisy=apply(one, parts.noisy, sample_rate))
    return parts


def keeps_ratio(drawn: Sequence[Drawn]) -> bool:
    """Whether a mixture still holds the ratio it was mixed at: nothing but gains was done to it.

    >>> keeps_ratio([Drawn("gain", "noisy", {"gain_db": 3.0}), Drawn("clip", "speech", {})])
    True
    """
    return all(one.name == "gain" for one in drawn if one.where == "noisy")


def _through(drawn: Drawn, heard_N: WideArray, target_N: WideArray, sample_rate: int) -> Speech:
    """One distortion on what is heard and, where it is none of damage, on the target."""
    assert heard_N.ndim == 1, f"need mono samples (N,), got shape {heard_N.shape}"
    if not heard_N.any():  # A-law, for one, has no code for silence
        return Speech(heard_N.copy(), target_N.copy())
    kind, parameters = drawn.name, drawn.parameters
    if kind in ROOMS:
        _check_record(ROOMS[kind], drawn, sample_rate)
        return Speech(*reverberate(heard_N, target_N, ROOMS[kind](sample_rate, **parameters)))
    function = CHANNELS.get(kind) or DAMAGE.get(kind)
    if function is None:
        raise unknown_name("distortion", kind, [*ROOMS, *CHANNELS, *DAMAGE])
    _check_record(function, drawn, heard_N, sample_rate)
    heard = function(heard_N, sample_rate, **parameters)
    if kind in DAMAGE:
        return Speech(heard, target_N)
    return Speech(heard, heard if target_N is heard_N else function(target_N, sample_rate, **parameters))


def _check_record(function: Callable[..., object], drawn: Drawn, *arguments: object) -> None:
    try:
        signature(function).bind(*arguments, **drawn.parameters)
    except TypeError as error:
        raise BadData(f"the record of the distortion {drawn.name!r} is not one: {error}") from None
