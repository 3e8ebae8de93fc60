"""A trained run as an enhancer."""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np

from merit_cli.backbones.model_folder import WEIGHTS_NAME, find_model_folder, load_model
from merit_cli.backbones.normalisation import FloatArray
from merit_cli.backbones.trained_model import TrainedModel
from merit_cli.enhancers.contract import Engine, Engineering, EnhancerConfig, Kind
from merit_cli.errors import UsageError
from merit_cli.io.hashing import sha256_of_file


class CheckpointEngine:
    """A model at its own rate; the level it was trained at is brought about by the model itself.

    Args:
        model: Has the task of enhancement.
    """

    delay = 0
    streams = False

    def __init__(self, model: TrainedModel) -> None:
        self.model = model
        self.sample_rate: int | None = model.sample_rate

    def process(self, noisy_N: FloatArray, sample_rate: int) -> FloatArray:
        """As many samples as went in."""
        assert sample_rate == self.sample_rate, sample_rate
        scale = self._scale(noisy_N)
        enhanced_N: FloatArray = self.model.enhance(noisy_N * scale) / scale
        return enhanced_N

    def process_together(self, noisy: Sequence[FloatArray], sample_rate: int) -> list[FloatArray]:
        """The same for several signals at once."""
        assert sample_rate == self.sample_rate, sample_rate
        scales = [self._scale(noisy_N) for noisy_N in noisy]
        made = self.model.enhance_together([one * scale for one, scale in zip(noisy, scales, strict=True)])
        return [enhanced_N / scale for enhanced_N, scale in zip(made, scales, strict=True)]

    def _scale(self, noisy_N: FloatArray) -> np.float32:
        """Gain to the level of training; 1 where the model finds that itself."""
        training_rms = self.model.normalisation.std  # of a natural-level model, whose own gain is 1
        return np.float32(1.0 if self.model.normalisation.level == "normalised" else _scale_to(noisy_N, training_rms))


def _scale_to(samples_N: FloatArray, rms: float) -> float:
    power = float(np.mean(samples_N.astype(np.float64) ** 2)) if samples_N.size else 0.0
    return rms / power**0.5 if power > 0.0 else 1.0


@lru_cache(maxsize=1)
def _loaded(folder: Path, content: str, engineering: Engineering) -> TrainedModel:
    """The model, kept outside the config so that a config stays small where it goes to another process."""
    return load_model(folder, device=engineering.device, precision=engineering.precision)


class CheckpointConfig(EnhancerConfig):
    """The model of a finished train run, or an exported model folder.

    Args:
        folder: The run or the model folder.
    """

    name: Literal["from-checkpoint"] = "from-checkpoint"
    kind: ClassVar[Kind] = "trained"
    licence: ClassVar[str] = "as its training data: see the README in the model folder"
    folder: Path

    def engine(self) -> Engine:
        """The model behind the contract, on the CPU.

        Raises:
            NoInput: There is no exported model.
            BadData: Its files do not fit together.
            UsageError: The model has no task of enhancement.
        """
        return self.engine_on(Engineering())

    def engine_on(self, engineering: Engineering) -> Engine:
        """The model behind the contract.

        Raises:
            NoInput: There is no exported model.
            BadData: Its files do not fit together.
            UsageError: The model has no task of enhancement.
            Unavailable: The device is not there.
        """
        model = _loaded(self.folder, self.content(), engineering)
        if "enhancement" not in model.tasks:
            raise UsageError(
                f"the model {model.name!r} does not enhance",
                place=str(self.folder),
                hint="train a model that does: sparse-merit, naive-mtl, se, wave-u-net",
            )
        return CheckpointEngine(model)

    def content(self) -> str:
        """Hash of the weights."""
        return sha256_of_file(find_model_folder(self.folder) / WEIGHTS_NAME)

    def num_parameters(self) -> int | None:
        """Parameters of encoder and model."""
        return _loaded(self.folder, self.content(), Engineering()).num_parameters
