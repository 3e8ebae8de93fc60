"""The chain of distortions as a recipe writes it."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, Discriminator

from merit_cli.errors import unknown_name
from merit_cli.mixing.distortions.band_limit import BandLimitConfig
from merit_cli.mixing.distortions.clipping import ClipConfig
from merit_cli.mixing.distortions.codec import CodecConfig
from merit_cli.mixing.distortions.contract import DistortionConfig
from merit_cli.mixing.distortions.gain import GainConfig
from merit_cli.mixing.distortions.packet_loss import PacketLossConfig
from merit_cli.mixing.distortions.resampling import ResampleConfig
from merit_cli.mixing.distortions.reverb import ReverbConfig
from merit_cli.mixing.distortions.room import RoomConfig
from merit_cli.mixing.distortions.stethoscope import StethoscopeConfig

CONFIGS: Mapping[str, type[DistortionConfig]] = {
    "reverb": ReverbConfig,
    "room": RoomConfig,
    "band_limit": BandLimitConfig,
    "resample": ResampleConfig,
    "stethoscope": StethoscopeConfig,
    "clip": ClipConfig,
    "codec": CodecConfig,
    "packet_loss": PacketLossConfig,
    "gain": GainConfig,
}


def parse_distortion(value: Any) -> Any:  # Any: whatever stood in the YAML
    """A mapping from the short spelling, a bare name; anything else is left to validation.

    Raises:
        ValueError: The name is unknown; the nearest known one is named.

    >>> parse_distortion("stethoscope")
    {'name': 'stethoscope'}
    """
    link = {"name": value} if isinstance(value, str) else value
    if isinstance(link, Mapping) and (name := str(link.get("name", ""))) not in CONFIGS:
        refusal = unknown_name("distortion", name, CONFIGS)
        raise ValueError(f"{refusal.message} ({refusal.hint})")
    return link


Distortion = Annotated[
    Annotated[
        ReverbConfig
        | RoomConfig
        | BandLimitConfig
        | ResampleConfig
        | StethoscopeConfig
        | ClipConfig
        | CodecConfig
        | PacketLossConfig
        | GainConfig,
        Discriminator("name"),
    ],
    BeforeValidator(parse_distortion),
]
"""One link; a recipe's field is ``tuple[Distortion, ...]``."""
