"""A network from waveform to waveform as a model with one task, enhancement.

Shape suffixes: B batch, N samples, L layers, T frames, D features.
"""

from torch import Tensor, nn

from merit_cli.carriers import MultiTaskOutput

HEARS_WAVEFORM = "waveform"
"""Value of ``hears`` in the config of a model that takes no features; its ``build()`` needs no encoder's shape."""


def hears_waveform(config: object) -> bool:
    """Whether a model's config is that of a network from waveform to waveform."""
    return getattr(type(config), "hears", "features") == HEARS_WAVEFORM


class WaveformModel(nn.Module):
    """A network behind no encoder.

    Args:
        network: Called with waveforms (B, N) and valid samples (B,), gives waveforms (B, N).
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, features_BLTD: Tensor, noisy_BN: Tensor, lengths_B: Tensor) -> MultiTaskOutput:
        """The enhanced waveforms; the features are not looked at."""
        return MultiTaskOutput(enhanced_BN=self.network(noisy_BN, lengths_B))
