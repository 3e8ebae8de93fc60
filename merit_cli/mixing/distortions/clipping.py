"""Overload: what lies beyond a threshold is cut off (hard) or bent into it (soft)."""

from typing import Annotated, Literal

import numpy as np
from pydantic import BeforeValidator, model_validator

from merit_cli.mixing.distortions.amounts import Amount, draw_amount, within
from merit_cli.mixing.distortions.contract import DistortionConfig, Place, Uniform, WideArray
from merit_cli.units import db_to_amplitude

Shape = Literal["hard", "soft"]
DEFAULT_PEAK_SHARE = (0.3, 0.9)
_KNEE = 1.5


class ClipConfig(DistortionConfig):
    """Overload at a share of the peak or at a level.

    Args:
        where: The target never has it.
        peak_share: Threshold as a share of the signal's peak, a number or [low, high]; by default .3 to .9.
        level_dbfs: Threshold in dB under full scale, in place of ``peak_share``.
        shape: ``hard`` cuts off; ``soft`` bends: u - 4/27 u^3 of u = x / threshold, flat from u = 1.5 on.
    """

    name: Literal["clip"] = "clip"
    where: Place = "noisy"
    peak_share: Annotated[Amount, BeforeValidator(within(0.001, 1.0))] | None = None
    level_dbfs: Annotated[Amount, BeforeValidator(within(-80.0, 0.0, unit="dBFS"))] | None = None
    shape: Shape = "hard"

    @model_validator(mode="after")
    def _has_no_two_thresholds(self) -> "ClipConfig":
        if self.peak_share is not None and self.level_dbfs is not None:
            raise ValueError("give peak_share or level_dbfs, and not both")
        return self

    def draw_parameters(self, uniform: Uniform) -> dict[str, float | str]:
        """The threshold and the shape."""
        if self.level_dbfs is not None:
            return {"level_dbfs": draw_amount(self.level_dbfs, uniform), "shape": self.shape}
        share = DEFAULT_PEAK_SHARE if self.peak_share is None else self.peak_share
        return {"peak_share": draw_amount(share, uniform), "shape": self.shape}


def clip(
    samples_N: WideArray,
    sample_rate: int,
    *,
    shape: Shape,
    peak_share: float | None = None,
    level_dbfs: float | None = None,
) -> WideArray:
    """``samples_N`` within plus and minus the threshold.

    >>> clip(np.array([0.2, -1.0]), 16000, shape="hard", peak_share=0.5).tolist()
    [0.2, -0.5]
    >>> clip(np.array([0.5, -3.0]), 16000, shape="soft", level_dbfs=0.0).round(4).tolist()
    [0.4815, -1.0]
    """
    del sample_rate
    if peak_share is not None:
        threshold = peak_share * float(np.abs(samples_N).max(initial=0.0))
    else:
        assert level_dbfs is not None, "validated"
        threshold = db_to_amplitude(level_dbfs)
    if threshold <= 0.0:
        return samples_N.copy()
    if shape == "hard":
        return np.clip(samples_N, -threshold, threshold)
    bent = np.clip(samples_N / threshold, -_KNEE, _KNEE)
    return threshold * (bent - bent * bent * bent * (4.0 / 27.0))
