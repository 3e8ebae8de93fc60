"""A band: what lies below and above it is taken away without a delay.

A Butterworth filter runs forwards and backwards (zero phase), so a cut is 6 dB down at its frequency
and twice the order's slope beyond. Coefficients are rounded to twelve decimals: the last bits of a
tangent differ between processors.
"""

from typing import Annotated, Literal

import numpy as np
from pydantic import BeforeValidator, Field, model_validator

from merit_cli.errors import UsageError
from merit_cli.mixing.distortions.amounts import Amount, draw_amount, limits, within
from merit_cli.mixing.distortions.contract import DistortionConfig, Place, Uniform, WideArray

_COEFFICIENT_DIGITS = 12
_RINGING_PERIODS = 3.0
"""Periods of the cut, for each order, of silence before and after the signal: there is sound in none of it."""
_HIGHEST_HZ = 96000.0
CutHz = Annotated[Amount, BeforeValidator(within(1.0, _HIGHEST_HZ, unit="Hz"))]


class BandLimitConfig(DistortionConfig):
    """A band with a low cut, a high cut or both.

    Args:
        where: The target goes through it too.
        low_hz: Where the band begins, a number or [low, high]; None leaves the low end.
        high_hz: Where it ends; None leaves the high end. Telephones: 300 and 3400.
        order: Of the Butterworth filter in each direction.
    """

    name: Literal["band_limit"] = "band_limit"
    where: Place = "noisy"
    low_hz: CutHz | None = None
    high_hz: CutHz | None = None
    order: int = Field(default=4, ge=1, le=12)

    @model_validator(mode="after")
    def _is_a_band(self) -> "BandLimitConfig":
        if self.low_hz is None and self.high_hz is None:
            raise ValueError("give low_hz, high_hz or both")
        if self.low_hz is not None and self.high_hz is not None and limits(self.low_hz)[1] >= limits(self.high_hz)[0]:
            raise ValueError("low_hz must lie below high_hz")
        return self

    def draw_parameters(self, uniform: Uniform) -> dict[str, float]:
        """The cuts that are set, in Hz, and the order."""
        low, high = draw_amount(self.low_hz or 0.0, uniform), draw_amount(self.high_hz or 0.0, uniform)
        cuts = {"low_hz": low, "high_hz": high}
        return {**{key: value for key, value in cuts.items() if value > 0.0}, "order": self.order}


def limit_band(
    samples_N: WideArray, sample_rate: int, *, order: int, low_hz: float | None = None, high_hz: float | None = None
) -> WideArray:
    """``samples_N`` within a band; a high cut at or over half the rate takes nothing.

    Raises:
        UsageError: The low cut leaves nothing at this rate.
    """
    limited = samples_N
    if low_hz is not None:
        if low_hz >= sample_rate / 2:
            raise UsageError(
                f"a low cut of {low_hz:g} Hz leaves nothing at {sample_rate} Hz",
                place="distortions.band_limit.low_hz",
                hint=f"stay below {sample_rate / 2:g}",
            )
        limited = _zero_phase(limited, sample_rate, "highpass", low_hz, order)
    if high_hz is not None and high_hz < sample_rate / 2:
        limited = _zero_phase(limited, sample_rate, "lowpass", high_hz, order)
    return limited.copy() if limited is samples_N else limited


def _zero_phase(
    samples_N: WideArray, sample_rate: int, kind: Literal["highpass", "lowpass"], cut_hz: float, order: int
) -> WideArray:
    from scipy.signal import butter, sosfiltfilt

    sections = np.round(butter(order, cut_hz, btype=kind, fs=sample_rate, output="sos"), _COEFFICIENT_DIGITS)
    silence = np.zeros(round(_RINGING_PERIODS * order * sample_rate / cut_hz))
    longer = sosfiltfilt(sections, np.concatenate([silence, samples_N, silence]), padtype=None)
    return np.array(longer[silence.size : silence.size + samples_N.size], dtype=np.float64)
