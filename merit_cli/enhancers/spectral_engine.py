"""The engine of the classical enhancers: a gain per bin, computed from the power spectrum."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from merit_cli.audio.spectral_gains import MIN_POWER, NoiseState, initial_noise, track_noise
from merit_cli.audio.stft import ComplexArray, FloatArray, framing_for, process_frames

OPENING = 2.0
"""Seconds from which the first noise estimate is made."""

GainFunction = Callable[[FloatArray, FloatArray], FloatArray]
"""Power and noise power (T, F) of the next frames in, gains (T, F) out; may keep state."""


@dataclass(frozen=True)
class SpectralEngine:
    """Multiplies each bin by a gain that follows from its power and the noise's.

    Args:
        new_gains: Makes, for one file at a hop in seconds, the function that gives the gains.
    """

    new_gains: Callable[[float], GainFunction]
    sample_rate: int | None = None
    delay: int = 0
    streams: bool = True

    def process(self, noisy_N: FloatArray, sample_rate: int) -> FloatArray:
        """The signal (N,) after the gains, at any rate."""
        framing = framing_for(sample_rate)
        hop = framing.hop_length / sample_rate
        return process_frames(noisy_N, framing, _GainProcessor(self.new_gains(hop), hop))


class _GainProcessor:
    """Carries the noise estimate of one file from block to block."""

    def __init__(self, gains: GainFunction, hop: float) -> None:
        self.gains, self.hop = gains, hop
        self.noise: NoiseState | None = None

    def __call__(self, spectrum_TF: ComplexArray) -> ComplexArray:
        power = np.square(spectrum_TF.real) + np.square(spectrum_TF.imag)
        if self.noise is None:
            is_live = power.max(axis=1) > MIN_POWER
            if not is_live.any():
                return np.zeros_like(spectrum_TF)
            first = int(is_live.argmax())
            self.noise = initial_noise(power[first : first + round(OPENING / self.hop)])
        noise_power, self.noise = track_noise(power, self.noise, hop=self.hop)
        return spectrum_TF * self.gains(power, noise_power)
