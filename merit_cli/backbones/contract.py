"""What every backbone is to the model behind it.

Shape suffixes: B batch, N samples, L layers, T frames, D features.
"""

from typing import Protocol, runtime_checkable

from torch import Tensor

from merit_cli.carriers import EncoderShape


@runtime_checkable
class Backbone(Protocol):
    """A speech encoder, an `nn.Module`.

    The waveform comes in the scale of the training set: mean 0 and RMS 1 over its noisy signals. Samples
    beyond an utterance's length are zero and do not touch its valid frames.

    Attributes:
        shape: Layers, features and strides.
        trainable: Whether it has parameters that training may change.
    """

    shape: EncoderShape
    trainable: bool

    def __call__(self, noisy_BN: Tensor, lengths_B: Tensor) -> Tensor:
        """Features (B, L, T, D) with T = ``shape.num_frames(N)``."""
        ...
