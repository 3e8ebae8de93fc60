"""What every breath classifier is to training and to its users: a config of a fixed clip, and a network in three parts.

Shape suffixes: B batch, N samples, M mel bands, T frames, D features, C classes.
"""

from typing import Any, ClassVar

from pydantic import Field
from torch import Tensor, nn

from merit_cli.config.frozen import FrozenConfig
from merit_cli.models.patch_mix import DrawMix, Mix, mix_cells


class ClassifierConfig(FrozenConfig):
    """Settings that a classifier shares with any other.

    Args:
        sample_rate: Of the input, in Hz.
        duration: Of the input, in seconds; shorter cycles are repeated.
    """

    has_spectrogram: ClassVar[bool] = True
    """Whether its network is a `SpectrogramClassifier`."""

    sample_rate: int = Field(default=16000, ge=2000)
    duration: float = Field(default=8.0, gt=0.5, le=30.0)

    @property
    def num_samples(self) -> int:
        """Length of the input."""
        return round(self.duration * self.sample_rate)

    def build(self, num_classes: int) -> nn.Module:
        """The network, with pretrained weights where the config names some."""
        raise NotImplementedError

    def content(self) -> str:
        """A hash of the files that `build` reads; empty where it reads none.

        Raises:
            Unavailable: They are not there.
        """
        return ""

    def settled(self, network: Any) -> "ClassifierConfig":
        """The config that builds a trained network again, to be filled with its weights from the run."""
        return self


class SpectrogramClassifier(nn.Module):
    """A network of three parts, so that training can change the spectrogram and compare the features."""

    num_features: int
    """D."""

    def spectrogram(self, waves_BN: Tensor) -> Tensor:
        """Spectrograms (B, M, T) of clips at the config's rate and length."""
        raise NotImplementedError

    def embed(self, maps_BMT: Tensor) -> Tensor:
        """Features (B, D) of spectrograms."""
        raise NotImplementedError

    def embed_mixed(self, maps_BMT: Tensor, draw: DrawMix, cell: tuple[int, int]) -> tuple[Tensor, Mix]:
        """Features (B, D) of spectrograms mixed within the batch, and what was mixed.

        Args:
            maps_BMT: Spectrograms.
            draw: Draws the mix.
            cell: Mels and frames of a cell; a network with patches of its own mixes these.
        """
        mixed_BMT, mix = mix_cells(maps_BMT, draw, cell)
        return self.embed(mixed_BMT), mix

    def classify(self, features_BD: Tensor) -> Tensor:
        """Logits (B, C) of features."""
        raise NotImplementedError

    def logits(self, maps_BMT: Tensor) -> Tensor:
        """Logits (B, C) of spectrograms."""
        return self.classify(self.embed(maps_BMT))

    def forward(self, waves_BN: Tensor) -> Tensor:
        """Logits (B, C) of clips (B, N) at the config's rate and length."""
        return self.logits(self.spectrogram(waves_BN))
