"""A change of level. On the mixture it turns noisy, clean and noise alike, so that their ratio stays."""

from typing import Annotated, Literal

import numpy as np
from pydantic import BeforeValidator

from merit_cli.mixing.distortions.amounts import Amount, draw_amount, within
from merit_cli.mixing.distortions.contract import DistortionConfig, Uniform, WideArray
from merit_cli.units import db_to_amplitude


class GainConfig(DistortionConfig):
    """A change of level.

    Args:
        where: ``noisy``, or ``speech`` before it is mixed; the noise is scaled to the ratio anyhow.
        gain_db: In dB, a number or [low, high].
    """

    name: Literal["gain"] = "gain"
    where: Literal["speech", "noisy"] = "noisy"
    gain_db: Annotated[Amount, BeforeValidator(within(-80.0, 40.0, unit="dB"))] = (-10.0, 10.0)

    def draw_parameters(self, uniform: Uniform) -> dict[str, float]:
        """The gain in dB."""
        return {"gain_db": draw_amount(self.gain_db, uniform)}


def change_gain(samples_N: WideArray, sample_rate: int, *, gain_db: float) -> WideArray:
    """``samples_N`` times a gain, rounded to float32.

    >>> change_gain(np.array([0.1]), 16000, gain_db=20.0).tolist()
    [1.0]
    """
    del sample_rate
    return samples_N * float(np.float32(db_to_amplitude(gain_db)))
