"""Log-mel energies and their time differences: an encoder without weights.

Shape suffixes: B batch, N samples, L layers, T frames, W window, D mels.
"""

from typing import Literal

import torch
import torch.nn.functional as nnf
from pydantic import Field
from torch import Tensor, nn

from merit_cli.audio.mel import mel_filters
from merit_cli.carriers import EncoderShape
from merit_cli.config.frozen import FrozenConfig
from merit_cli.models.masks import encoder_frames, frame_mask

SAMPLE_RATE = 16_000
WINDOW_LENGTH = 400
ENERGY_FLOOR = 1e-4
"""Added to each mel energy: about 40 dB below a mel of white noise at RMS 1."""


class LogMel(nn.Module):
    """Layer 0 is the log-mel energy; layer 1 and 2 its first and second time difference.

    Frames are centred, with zeros beyond both ends: T = N // hop + 1.

    Args:
        num_mels: D.
        hop_length: 160 (100 Hz) or 320 (50 Hz) samples.
        num_layers: L, 1 to 3.
    """

    window_W: Tensor
    filters_FD: Tensor
    trainable = False

    def __init__(self, *, num_mels: int, hop_length: int, num_layers: int) -> None:
        super().__init__()
        assert 1 <= num_layers <= 3, num_layers
        filters = mel_filters(num_mels, num_bins=WINDOW_LENGTH // 2 + 1, sample_rate=SAMPLE_RATE)
        filters = filters / filters.sum(axis=1, keepdims=True)
        self.register_buffer("window_W", torch.hann_window(WINDOW_LENGTH), persistent=False)
        self.register_buffer("filters_FD", torch.from_numpy(filters.T.copy()).float(), persistent=False)
        self.shape = EncoderShape(num_layers, num_mels, (WINDOW_LENGTH,), (hop_length,), padding=WINDOW_LENGTH // 2)

    def forward(self, noisy_BN: Tensor, lengths_B: Tensor) -> Tensor:
        """Features (B, L, T, D), zero on padding."""
        half = WINDOW_LENGTH // 2
        windows_BTW = nnf.pad(noisy_BN, (half, half)).unfold(1, WINDOW_LENGTH, self.shape.strides[0])
        power_BTF = torch.fft.rfft(windows_BTW * self.window_W, dim=-1).abs().square()
        power_BTF = power_BTF / self.window_W.square().sum()
        layer_BTD = torch.log(power_BTF @ self.filters_FD + ENERGY_FLOOR)
        frames_B = encoder_frames(self.shape, lengths_B)
        valid_BT1 = frame_mask(frames_B, layer_BTD.shape[1]).unsqueeze(-1)
        layers = [layer_BTD]
        while len(layers) < self.shape.num_layers:
            layers.append(_time_difference(layers[-1], frames_B))
        return torch.stack([layer * valid_BT1 for layer in layers], dim=1)


def _time_difference(layer_BTD: Tensor, frames_B: Tensor) -> Tensor:
    """Half the difference of the next and the last frame, the ends held."""
    index_T = torch.arange(layer_BTD.shape[1], device=layer_BTD.device)
    last_B1 = (frames_B - 1).clamp(min=0).unsqueeze(1)
    next_BT1 = torch.minimum(index_T + 1, last_B1).unsqueeze(-1)
    before_T = (index_T - 1).clamp(min=0)
    return (layer_BTD.gather(1, next_BT1.expand_as(layer_BTD)) - layer_BTD[:, before_T]) / 2


class LogMelConfig(FrozenConfig):
    """Log-mel frames.

    Args:
        num_mels: Features of each layer.
        hop_length: Samples between frames: 160 is 100 Hz, 320 is 50 Hz.
        num_layers: 1 is log-mel; 2 and 3 add the first and second time difference.
    """

    name: Literal["log-mel"] = "log-mel"
    num_mels: int = Field(default=80, ge=8, le=80)
    hop_length: Literal[160, 320] = 160
    num_layers: int = Field(default=3, ge=1, le=3)

    def build(self) -> LogMel:
        """The encoder."""
        return LogMel(num_mels=self.num_mels, hop_length=self.hop_length, num_layers=self.num_layers)
