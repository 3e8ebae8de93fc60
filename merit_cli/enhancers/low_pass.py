"""Zero-phase low-pass: what lies above the cut goes, and nothing is delayed.

A Butterworth filter runs forwards and then backwards, so the cut is 6 dB down and the slope twice the order's.
It is the plainest baseline for breath, whose sounds lie low: 600 Hz keeps most of them. Cuts of 70 and 100 Hz keep
the rumble of the heart and the hand alone; a score that likes them measures rumble.

Source: Gustafsson (1996), "Determining the initial states in forward-backward filtering", for the ends, here in the
simpler form of an odd extension and the steady state of its first sample.
"""

from functools import lru_cache
from typing import Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from merit_cli.audio.powers import NEVER_SUBNORMAL
from merit_cli.enhancers.contract import Engine, EnhancerConfig, FloatArray

WideArray = npt.NDArray[np.float64]

_BLOCK = 1 << 18
_DIGITS = 13
"""Significant digits kept of the coefficients: the last bits of a tangent differ between processors."""
_RINGING_PERIODS = 3.0
"""Periods of the cut, for each order, after which the filter rings no more."""


class LowPassConfig(EnhancerConfig):
    """Settings of the low-pass.

    Args:
        cutoff_hz: Where it is 6 dB down; at or over half the rate of a file nothing is taken from it.
        order: Of the Butterworth filter in each direction.
    """

    name: Literal["low-pass"] = "low-pass"
    cutoff_hz: float = Field(600.0, ge=10.0, le=96000.0)
    order: int = Field(4, ge=1, le=8)

    def engine(self) -> Engine:
        """The engine with these settings."""
        return LowPassEngine(self.cutoff_hz, self.order)


class LowPassEngine:
    """Filters forwards and backwards in blocks, with the state carried over.

    Args:
        cutoff_hz: Where the result is 6 dB down.
        order: Of the filter in each direction.
    """

    sample_rate: int | None = None
    delay = 0
    streams = True

    def __init__(self, cutoff_hz: float, order: int) -> None:
        self.cutoff_hz, self.order = cutoff_hz, order

    def process(self, noisy_N: FloatArray, sample_rate: int) -> FloatArray:
        """The signal (N,) below the cut, the same as filtered in one piece."""
        if self.cutoff_hz >= sample_rate / 2 or len(noisy_N) == 0:
            return noisy_N.copy()
        sections = np.array(_sections(self.order, self.cutoff_hz, sample_rate))
        ringing = round(_RINGING_PERIODS * self.order * sample_rate / self.cutoff_hz)
        length = min(len(noisy_N) - 1, ringing)
        before = 2.0 * noisy_N[0].astype(np.float64) - noisy_N[length:0:-1]
        after = 2.0 * noisy_N[-1].astype(np.float64) - noisy_N[-2 : -2 - length : -1]
        made = noisy_N.copy()
        _, state = _filtered(before, sections, _steady_state(sections, before[0] if length else noisy_N[0]))
        for start in range(0, len(made), _BLOCK):
            made[start : start + _BLOCK], state = _filtered(made[start : start + _BLOCK], sections, state)
        tail, _ = _filtered(after, sections, state)
        _, state = _filtered(tail[::-1], sections, _steady_state(sections, tail[-1] if length else made[-1]))
        for stop in range(len(made), 0, -_BLOCK):
            block = made[max(0, stop - _BLOCK) : stop][::-1]
            block[:], state = _filtered(block, sections, state)
        return made


def _filtered(samples: npt.NDArray[np.floating], sections: WideArray, state: WideArray) -> tuple[WideArray, WideArray]:
    """Filtered samples (N,) and the state after the last."""
    from scipy.signal import sosfilt

    if len(samples) == 0:
        return samples.astype(np.float64), state
    made, state = sosfilt(sections, samples + np.float64(NEVER_SUBNORMAL), zi=state)
    return made, state


def _steady_state(sections: WideArray, level: float) -> WideArray:
    """The state as if the samples had always been ``level``."""
    from scipy.signal import sosfilt_zi

    state: WideArray = sosfilt_zi(sections) * level
    return state


@lru_cache(maxsize=16)
def _sections(order: int, cutoff_hz: float, sample_rate: int) -> tuple[tuple[float, ...], ...]:
    """Second-order sections, six coefficients each."""
    from scipy.signal import butter

    sections = butter(order, cutoff_hz, btype="lowpass", fs=sample_rate, output="sos")
    return tuple(tuple(float(f"{value:.{_DIGITS - 1}e}") for value in section) for section in sections)
