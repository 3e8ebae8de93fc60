"""The engine of the classical enhancers: a gain per bin, computed from the power spectrum."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from merit_cli.audio.imcra import ImcraState, frames_ahead, imcra_noise, imcra_start
from merit_cli.audio.noise_tracking import NoiseState, initial_noise, track_noise
from merit_cli.audio.stft import ComplexArray, FloatArray, Framing, framing_for, process_frames, stft

OPENING = 2.0
"""Seconds from which the first noise estimate is made, from the first sound on."""
SILENCE = np.float32(1e-7)
"""Samples below are digital silence: an engine works at -26 dBFS, and a step of 24 bits there is 1e-6 or more."""

NoiseName = Literal["spp", "imcra", "both"]
"""Which estimate of the noise: by speech presence (Gerkmann and Hendriks 2012), by minima (Cohen 2003), or the mean
of the two in decibels: minima do not fall for speech, presence follows noise that is never still for a second."""
PRESENCE_BIAS = np.float32(10.0**0.1)
"""What `track_noise` is too low by on white noise whose frames overlap by 3/4: 1 dB. Made up for in the mean."""
GainFunction = Callable[[FloatArray, FloatArray], FloatArray]
"""Power and noise power (T, F) of the next frames in, gains (T, F) out; may keep state."""
NoiseFunction = Callable[[FloatArray], FloatArray]
"""Power of the next T frames, and of those ahead, in; noise power (T, F) out; keeps state."""


@dataclass(frozen=True)
class SpectralEngine:
    """Multiplies each bin by a gain that follows from its power and the noise's.

    Args:
        new_gains: Makes, for one file at a hop in seconds, the function that gives the gains.
        noise: Which estimate of the noise the gains are given.
        noise_factor: What it is multiplied with, a power ratio.
    """

    new_gains: Callable[[float], GainFunction]
    noise: NoiseName = "spp"
    noise_factor: float = 1.0
    sample_rate: int | None = None
    delay: int = 0
    streams: bool = True

    def process(self, noisy_N: FloatArray, sample_rate: int) -> FloatArray:
        """The signal (N,) after the gains, at any rate."""
        framing = framing_for(sample_rate)
        hop = framing.hop_length / sample_rate
        opening = opening_noise(noisy_N, framing, num_samples=round(OPENING * sample_rate))
        if opening is None:
            return np.zeros(len(noisy_N), dtype=np.float32)
        noise, gains = TRACKERS[self.noise](opening, hop), self.new_gains(hop)

        def processed(spectrum_TF: ComplexArray) -> ComplexArray:
            power_TF = np.square(spectrum_TF.real) + np.square(spectrum_TF.imag)
            noise_TF = noise(power_TF)
            if self.noise_factor != 1.0:
                noise_TF *= np.float32(self.noise_factor)
            return spectrum_TF[: len(noise_TF)] * gains(power_TF[: len(noise_TF)], noise_TF)

        ahead = frames_ahead(hop) if self.noise != "spp" else 0
        return process_frames(noisy_N, framing, processed, ahead_frames=ahead)


def opening_noise(noisy_N: FloatArray, framing: Framing, *, num_samples: int) -> NoiseState | None:
    """A first estimate from the ``num_samples`` that follow the first sound; None where there is none."""
    is_sound = np.abs(noisy_N) > SILENCE
    if not is_sound.any():
        return None
    opening = noisy_N[int(is_sound.argmax()) :][:num_samples]
    spectrum_TF = stft(opening, framing)
    overlap = framing.frame_length // framing.hop_length - 1
    if len(spectrum_TF) > 4 * overlap:
        spectrum_TF = spectrum_TF[overlap:-overlap]  # frames that reach over either end hold too little
    return initial_noise(np.square(spectrum_TF.real) + np.square(spectrum_TF.imag))


def _by_presence(opening: NoiseState, hop: float) -> NoiseFunction:
    state = opening

    def noise(power_TF: FloatArray) -> FloatArray:
        nonlocal state
        noise_TF, state = track_noise(power_TF, state, hop=hop)
        return noise_TF

    return noise


def _by_minima(opening: NoiseState, hop: float) -> NoiseFunction:
    state: ImcraState = imcra_start(opening.power, hop=hop)

    def noise(power_TF: FloatArray) -> FloatArray:
        nonlocal state
        noise_TF, state = imcra_noise(power_TF, state, hop=hop)
        return noise_TF

    return noise


def _by_both(opening: NoiseState, hop: float) -> NoiseFunction:
    by_minima, by_presence = _by_minima(opening, hop), _by_presence(opening, hop)

    def noise(power_TF: FloatArray) -> FloatArray:
        minima_TF = by_minima(power_TF)
        minima_TF *= by_presence(power_TF[: len(minima_TF)])
        minima_TF *= PRESENCE_BIAS
        return np.sqrt(minima_TF, out=minima_TF)

    return noise


TRACKERS: dict[NoiseName, Callable[[NoiseState, float], NoiseFunction]] = {
    "spp": _by_presence,
    "imcra": _by_minima,
    "both": _by_both,
}
