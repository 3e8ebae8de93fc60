"""The scale a model sees: level of each signal, then mean and deviation of the training set.

Shape suffix: N samples.
"""

from typing import Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from merit_cli.audio.levels import mean_power
from merit_cli.config.frozen import FrozenConfig
from merit_cli.units import db_to_amplitude

FloatArray = npt.NDArray[np.float32]
LevelPolicy = Literal["normalised", "natural"]

TRAINING_RMS = db_to_amplitude(-26.0)
"""RMS that ``normalised`` brings every noisy signal to: -26 dBFS, the speech level of ITU-T P.341 test material."""


class Normalisation(FrozenConfig):
    """How a waveform is brought to the model's scale and back; saved with the model.

    Args:
        level: ``normalised`` brings each noisy signal to -26 dBFS, so that its level tells nothing;
            ``natural`` leaves it.
        mean: Of all noisy training samples, after the level.
        std: Of all noisy training samples, after the level.
        sample_rate: In Hz.
    """

    level: LevelPolicy = "normalised"
    mean: float = 0.0
    std: float = Field(default=1.0, gt=0.0)
    sample_rate: int = Field(default=16_000, gt=0)

    def gain(self, noisy_N: FloatArray) -> float:
        """What the signal and its clean reference are multiplied by first; 1 for silence."""
        power = mean_power(noisy_N)
        return TRAINING_RMS / power**0.5 if self.level == "normalised" and power > 0.0 else 1.0

    def apply(self, samples_N: FloatArray, *, gain: float) -> FloatArray:
        """Samples in the model's scale."""
        return ((samples_N * np.float32(gain) - np.float32(self.mean)) / np.float32(self.std)).astype(np.float32)

    def undo(self, samples_N: FloatArray, *, gain: float) -> FloatArray:
        """Samples of the model's scale in that of the input."""
        return ((samples_N * np.float32(self.std) + np.float32(self.mean)) / np.float32(gain)).astype(np.float32)
