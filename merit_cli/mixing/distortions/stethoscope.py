"""What a stethoscope lets through, for public noise that never passed one.

In the demonstration audio of Tzeng et al. (JMIR AI 2025, e67239) 99 % of the energy of the noise lies
under 661 to 1356 Hz, from clip to clip; the cut is drawn from there unless it is fixed.
"""

from typing import Literal

from merit_cli.mixing.distortions.amounts import draw_amount
from merit_cli.mixing.distortions.band_limit import CutHz, limit_band
from merit_cli.mixing.distortions.contract import DistortionConfig, Place, Uniform, WideArray

_ORDER = 4


class StethoscopeConfig(DistortionConfig):
    """The low-pass of a stethoscope, fourth order, zero phase.

    Args:
        where: The noise by default: recorded breath has been through one.
        high_hz: Where it is 6 dB down, a number or [low, high].
    """

    name: Literal["stethoscope"] = "stethoscope"
    where: Place = "noise"
    high_hz: CutHz = (661.0, 1356.0)

    def draw_parameters(self, uniform: Uniform) -> dict[str, float]:
        """The cut in Hz."""
        return {"high_hz": draw_amount(self.high_hz, uniform)}


def through_stethoscope(samples_N: WideArray, sample_rate: int, *, high_hz: float) -> WideArray:
    """``samples_N`` with what lies above the cut taken away."""
    return limit_band(samples_N, sample_rate, order=_ORDER, high_hz=high_hz)
