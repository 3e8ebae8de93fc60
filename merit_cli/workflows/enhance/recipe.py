"""The recipe of an enhancement run."""

from typing import Literal

from pydantic import Field, field_validator

from merit_cli.config.frozen import FrozenConfig
from merit_cli.enhancers.contract import CHUNK, Precision
from merit_cli.enhancers.select import DEFAULT_ENHANCER, EnhancerChoice, enhancer_config
from merit_cli.units import Seconds


class EnhanceRecipe(FrozenConfig):
    """Everything that decides what enhanced audio sounds like.

    Args:
        name: Of the recipe; part of the default output folder.
        enhancer: A registered name, the folder of a trained run, or ``name`` with parameters.
        chunk: Seconds handed at once to an enhancer that does not stream.
        format: Container of the written files.
        encoding: soundfile's name of the sample format.
        channels: ``each`` enhances every channel by itself; ``mix`` and ``first`` make one of several before.
        rate: Of the written files, in Hz; ``keep`` leaves each its own.
        precision: Autocast of a trained network.
    """

    name: str = "enhance"
    enhancer: EnhancerChoice = Field(default_factory=lambda: enhancer_config(DEFAULT_ENHANCER))
    chunk: Seconds = Field(CHUNK, ge=1.0)
    format: Literal["flac", "wav"] = "flac"
    encoding: Literal["PCM_16", "PCM_24"] = "PCM_16"
    channels: Literal["each", "mix", "first"] = "each"
    rate: Literal["keep"] | int = Field("keep")
    precision: Precision = "fp32"

    @field_validator("rate")
    @classmethod
    def _audible(cls, rate: int | str) -> int | str:
        if isinstance(rate, int) and not 1000 <= rate <= 384_000:
            raise ValueError("a rate lies between 1000 and 384000 Hz")
        return rate
