"""Spectral gate: bins whose smoothed SNR stays under a threshold are turned down.

The plain baseline: a mask from one threshold, smoothed over time and frequency against musical
noise, on the noise power of Gerkmann and Hendriks (2012).
"""

from typing import Literal

import numpy as np
from pydantic import Field

from merit_cli.audio.smoothing import smooth_over_frequency, smooth_over_time
from merit_cli.audio.spectral_gains import gate_gains
from merit_cli.enhancers.contract import Engine, EnhancerConfig, FloatArray
from merit_cli.enhancers.spectral_engine import GainFunction, SpectralEngine
from merit_cli.units import Seconds, db_to_amplitude


class SpectralGateConfig(EnhancerConfig):
    """Settings of the spectral gate.

    Args:
        threshold_db: Smoothed SNR at which the gate is half open.
        reduction_db: Gain of the closed gate.
        release: Time constant of the smoothing over time, in seconds.
        num_bins: Width of the smoothing over frequency, odd.
    """

    name: Literal["spectral-gate"] = "spectral-gate"
    threshold_db: float = Field(5.0, ge=-20.0, le=40.0)
    reduction_db: float = Field(-18.0, le=0.0, ge=-120.0)
    release: Seconds = Field(Seconds(0.02), gt=0.0, le=1.0)
    num_bins: int = Field(3, ge=1, le=63)

    def engine(self) -> Engine:
        """The engine with these settings."""
        return SpectralEngine(self._new_gains)

    def _new_gains(self, hop: float) -> GainFunction:
        keep = float(np.exp(-hop / self.release))
        last_F: FloatArray | None = None

        def gains(power_TF: FloatArray, noise_TF: FloatArray) -> FloatArray:
            nonlocal last_F
            snr_TF = smooth_over_frequency(power_TF / noise_TF, num_bins=self.num_bins)
            snr_TF = smooth_over_time(snr_TF, last_F, keep=keep)
            last_F = snr_TF[-1]
            return gate_gains(
                snr_TF, threshold=db_to_amplitude(self.threshold_db) ** 2, min_gain=db_to_amplitude(self.reduction_db)
            )

        return gains
