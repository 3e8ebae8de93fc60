"""The recipe of a mix."""

import re
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from merit_cli.audio.levels import LevelName
from merit_cli.config.frozen import FrozenConfig

_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)"


class SnrList(FrozenConfig):
    """Fixed ratios in dB: every utterance at each (``grid``) or at one drawn for it (``random``)."""

    kind: Literal["list"] = "list"
    values: tuple[float, ...] = Field(min_length=1)
    order: Literal["grid", "random"] = "grid"


class SnrRange(FrozenConfig):
    """A ratio in dB drawn uniformly for each utterance."""

    kind: Literal["range"] = "range"
    low: float
    high: float


class SnrNormal(FrozenConfig):
    """A ratio in dB drawn from a normal distribution for each utterance."""

    kind: Literal["normal"] = "normal"
    mean: float
    std: float = Field(ge=0.0)


SnrPlan = SnrList | SnrRange | SnrNormal


def parse_snr(value: Any) -> Any:
    """An SNR plan from its short spelling; anything else is left to validation.

    Raises:
        ValueError: The text is none of ``-5,0,5``, ``lo:hi`` and ``normal(mean,std)``.

    >>> parse_snr("-5,0,5").values
    (-5.0, 0.0, 5.0)
    >>> parse_snr("0:10").high
    10.0
    >>> parse_snr("normal(5, 2)").std
    2.0
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        return SnrList(values=(float(value),))
    if isinstance(value, list | tuple):
        return SnrList(values=tuple(value))
    if not isinstance(value, str):
        return value
    text = value.replace(" ", "")
    if match := re.fullmatch(rf"({_NUMBER}):({_NUMBER})", text):
        low, high = float(match[1]), float(match[2])
        if low > high:
            raise ValueError(f"the range {value!r} runs downwards")
        return SnrRange(low=low, high=high)
    if match := re.fullmatch(rf"normal\(({_NUMBER}),({_NUMBER})\)", text):
        return SnrNormal(mean=float(match[1]), std=float(match[2]))
    if re.fullmatch(rf"{_NUMBER}(,{_NUMBER})*", text):
        return SnrList(values=tuple(float(part) for part in text.split(",")))
    raise ValueError(f"cannot read the SNR {value!r}; write -5,0,5 or -5:10 or normal(5,2)")


class MixRecipe(FrozenConfig):
    """Everything that decides what a mix sounds like.

    Args:
        name: Of the recipe; part of the default output folder.
        snr: Ratios in dB; short spellings as `parse_snr` reads them.
        level: Definition of level that the ratio is stated in.
        variants: Mixtures of each utterance, each with its own noise and segment.
        segment: Where a noise longer than the speech is cut: ``random`` or ``start``.
        sample_rate: Of the mixtures, in Hz.
        format: Container of the written files.
        encoding: soundfile's name of the sample format.
        channels: What becomes of several channels.
        stems: Also write the scaled noise.
        splits: Only these splits; empty takes all.
        seed: Of all drawing.
    """

    name: str = "mix"
    snr: Annotated[SnrPlan, BeforeValidator(parse_snr)] = SnrList(values=(-5.0, 0.0, 5.0))
    level: LevelName = "rms"
    variants: int = Field(default=1, ge=1)
    segment: Literal["random", "start"] = "random"
    sample_rate: int = Field(default=16000, ge=1000, le=192000)
    format: Literal["flac", "wav"] = "flac"
    encoding: Literal["PCM_16", "PCM_24"] = "PCM_16"
    channels: Literal["mix", "first"] = "mix"
    stems: bool = False
    splits: tuple[str, ...] = ()
    seed: int = 0
