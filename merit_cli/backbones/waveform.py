"""No encoder: the model behind hears the waveform itself.

Shape suffixes: B batch, N samples.
"""

from typing import Literal

from torch import Tensor, nn

from merit_cli.carriers import EncoderShape
from merit_cli.config.frozen import FrozenConfig


class Waveform(nn.Module):
    """One layer of one feature a sample: the sample."""

    trainable = False

    def __init__(self) -> None:
        super().__init__()
        self.shape = EncoderShape(num_layers=1, dim=1, kernels=(), strides=())

    def forward(self, noisy_BN: Tensor, lengths_B: Tensor) -> Tensor:
        """The waveforms as features (B, 1, N, 1), without a copy."""
        return noisy_BN[:, None, :, None]


class WaveformConfig(FrozenConfig):
    """No encoder; it has no settings."""

    name: Literal["waveform"] = "waveform"

    def build(self) -> Waveform:
        """The encoder that is none."""
        return Waveform()
