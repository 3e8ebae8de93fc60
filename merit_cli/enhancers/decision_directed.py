"""What Wiener, MMSE-STSA and MMSE-LSA share: one recursion, three rules."""

from typing import ClassVar

from pydantic import Field

from merit_cli.audio.spectral_gains import GainRule, SpeechState, decision_directed_gains
from merit_cli.enhancers.contract import Engine, EnhancerConfig, FloatArray
from merit_cli.enhancers.spectral_engine import GainFunction, NoiseName, SpectralEngine
from merit_cli.units import db_to_amplitude


class DecisionDirectedConfig(EnhancerConfig):
    """Settings of an enhancer that follows the a-priori SNR of each bin.

    Args:
        smoothing: Weight of the last frame in the a-priori SNR, stated for a hop of 8 ms.
        min_prior_snr_db: Floor of the a-priori SNR; higher leaves more, smoother noise.
        min_gain_db: Floor of the gain.
        noise: How the noise is tracked: by speech presence (``spp``), by minima (``imcra``), or ``both``.
        noise_db: By how much more the noise is taken to be than it is tracked to be.
    """

    rule: ClassVar[GainRule]
    smoothing: float = Field(0.95, ge=0.0, lt=1.0)
    min_prior_snr_db: float = Field(-25.0, le=0.0, ge=-60.0)
    min_gain_db: float = Field(-25.0, le=0.0, ge=-120.0)
    noise: NoiseName = "spp"
    noise_db: float = Field(2.0, ge=-20.0, le=20.0)

    def engine(self) -> Engine:
        """The engine with these settings."""
        return SpectralEngine(self._new_gains, self.noise, db_to_amplitude(self.noise_db) ** 2)

    def _new_gains(self, hop: float) -> GainFunction:
        state: SpeechState | None = None

        def gains(power_TF: FloatArray, noise_TF: FloatArray) -> FloatArray:
            nonlocal state
            made = decision_directed_gains(
                power_TF,
                noise_TF,
                state,
                rule=self.rule,
                hop=hop,
                smoothing=self.smoothing,
                min_prior_snr=db_to_amplitude(self.min_prior_snr_db) ** 2,
                min_gain=db_to_amplitude(self.min_gain_db),
            )
            state = made.state
            return made.gains

        return gains
