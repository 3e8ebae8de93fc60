"""Which signal-to-noise ratios an utterance is mixed at, and their short spellings."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from merit_cli.config.frozen import FrozenConfig
from merit_cli.mixing.draws import Draws

_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)"
Ratio = Annotated[float, Field(ge=-100.0, le=100.0)]
"""In dB; 24 bits span 144."""


class SnrList(FrozenConfig):
    """Fixed ratios in dB.

    Args:
        values: In dB.
        order: ``grid`` takes each for every utterance, with the same noise; ``random`` one drawn for it;
            ``round_robin`` deals them out, each as often as the next.
    """

    kind: Literal["list"] = "list"
    values: tuple[Ratio, ...] = Field(min_length=1)
    order: Literal["grid", "random", "round_robin"] = "grid"


class SnrRange(FrozenConfig):
    """A ratio in dB drawn uniformly for each mixture."""

    kind: Literal["range"] = "range"
    low: Ratio
    high: Ratio

    @model_validator(mode="after")
    def _upwards(self) -> "SnrRange":
        if self.low > self.high:
            raise ValueError(f"the range {self.low:g}:{self.high:g} runs downwards")
        return self


class SnrNormal(FrozenConfig):
    """A ratio in dB drawn from a normal distribution for each mixture."""

    kind: Literal["normal"] = "normal"
    mean: Ratio
    std: float = Field(ge=0.0, le=50.0)


def parse_snr(value: Any) -> Any:  # Any: whatever stood in the YAML
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
    if isinstance(value, Mapping) and "kind" not in value:
        kind = "range" if {"low", "high"} & set(value) else "normal" if {"mean", "std"} & set(value) else "list"
        return {"kind": kind, **value}
    if not isinstance(value, str):
        return value
    text = value.replace(" ", "")
    if match := re.fullmatch(rf"({_NUMBER}):({_NUMBER})", text):
        return SnrRange(low=float(match[1]), high=float(match[2]))
    if match := re.fullmatch(rf"normal\(({_NUMBER}),({_NUMBER})\)", text):
        return SnrNormal(mean=float(match[1]), std=float(match[2]))
    if re.fullmatch(rf"{_NUMBER}(,{_NUMBER})*", text):
        return SnrList(values=tuple(float(part) for part in text.split(",")))
    raise ValueError(f"cannot read the SNR {value!r}; write -5,0,5 or -5:10 or normal(5,2)")


SnrPlan = Annotated[SnrList | SnrRange | SnrNormal, Field(discriminator="kind"), BeforeValidator(parse_snr)]


def num_ratios(plan: SnrPlan) -> int:
    """How many ratios one noise serves."""
    return len(plan.values) if isinstance(plan, SnrList) and plan.order == "grid" else 1


def draw_ratios(plan: SnrPlan, draws: Draws, *, position: int) -> tuple[float, ...]:
    """The ratios in dB of one noise with one utterance.

    Args:
        plan: Of the split.
        draws: Of this mixture.
        position: Rank of this mixture, which ``round_robin`` deals by.
    """
    if isinstance(plan, SnrList):
        if plan.order == "grid":
            return plan.values
        index = position % len(plan.values) if plan.order == "round_robin" else draws.integer(len(plan.values))
        return (plan.values[index],)
    if isinstance(plan, SnrRange):
        return (round(draws.between(plan.low, plan.high), 3),)
    return (round(draws.normal(plan.mean, plan.std), 3),)
