"""To a lower rate and back, as a recording that once was stored there sounds."""

from typing import Annotated, Literal

import numpy as np
from pydantic import BeforeValidator

from merit_cli.audio.repetition import cut_or_pad
from merit_cli.mixing.distortions.amounts import Amount, draw_amount, within
from merit_cli.mixing.distortions.contract import DistortionConfig, Place, Uniform, WideArray


class ResampleConfig(DistortionConfig):
    """To a lower rate and back.

    Args:
        where: The target goes through it too.
        to_rate: In Hz, a number or [low, high]; a rate not below the mixture's own changes nothing.
    """

    name: Literal["resample"] = "resample"
    where: Place = "noisy"
    to_rate: Annotated[Amount, BeforeValidator(within(1000.0, 96000.0, unit="Hz"))] = 8000.0

    def draw_parameters(self, uniform: Uniform) -> dict[str, int]:
        """The rate in Hz."""
        return {"to_rate": round(draw_amount(self.to_rate, uniform))}


def resample_there_and_back(samples_N: WideArray, sample_rate: int, *, to_rate: int) -> WideArray:
    """``samples_N`` as it comes back from a lower rate."""
    if to_rate >= sample_rate:
        return samples_N.copy()
    return cut_or_pad(change_rate(change_rate(samples_N, sample_rate, to_rate), to_rate, sample_rate), samples_N.size)


def change_rate(samples_N: WideArray, from_rate: int, to_rate: int) -> WideArray:
    """``samples_N`` at another rate by soxr VHQ, linear to float64."""
    import soxr

    if from_rate == to_rate:
        return samples_N
    return np.asarray(soxr.resample(samples_N, from_rate, to_rate, quality="VHQ"), dtype=np.float64)
