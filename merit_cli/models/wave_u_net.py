"""Wave-U-Net: convolutions on ever coarser time, and back, with what each scale saw on the way.

Source: Stoller, Ewert and Dixon (2018), Wave-U-Net: A multi-scale neural network for end-to-end audio source
separation, section 3; Macartney and Weyde (2018), Improved speech enhancement with the Wave-U-Net. Batch
norm behind each convolution, and a bottleneck no wider than the last encoder layer, are those of an open
implementation with the specification's 10.1 million parameters.

Interpolation is between neighbours in time, whatever the length: even samples are copied, odd ones are
the mean of two. Beyond an utterance's end there are zeros at every scale, and the statistics of the batch
norm leave padding out, so an utterance in a padded batch is enhanced as it would be alone.

Shape suffixes: B batch, N samples, C channels.
"""

from typing import ClassVar, Literal

import torch
import torch.nn.functional as nnf
from pydantic import Field
from torch import Tensor, nn

from merit_cli.config.frozen import FrozenConfig
from merit_cli.losses.spectrum import sample_mask
from merit_cli.models.levels import levelled
from merit_cli.models.padded_norms import PaddedBatchNorm, masked
from merit_cli.models.waveform_model import HEARS_WAVEFORM

HEADROOM = 16.0
"""Largest output of the tanh, in RMS of the noisy input: a crest factor of 24 dB."""
LEAK = 0.1
"""Slope of the leaky ReLU below 0, of the open implementation."""


class WaveUNetConfig(FrozenConfig):
    """Settings of `WaveUNet`; the defaults have 10.1 million parameters.

    A recipe that trains in minutes on two cores: ``num_layers=8, channels=12``, 0.82 million parameters.

    Args:
        name: Fixed.
        num_layers: Encoder layers; each halves the rate.
        channels: Each encoder layer adds so many.
        kernel_down: Of the encoder and the bottleneck, odd.
        kernel_up: Of the decoder, odd.
        output: ``tanh`` bounds the output at 24 dB over the input's RMS, as in the paper; ``linear`` does not.
    """

    tasks: ClassVar[tuple[str, ...]] = ("enhancement",)
    hears: ClassVar[str] = HEARS_WAVEFORM
    name: Literal["wave-u-net"] = "wave-u-net"
    num_layers: int = Field(default=12, ge=1, le=16)
    channels: int = Field(default=24, ge=1)
    kernel_down: Literal[3, 5, 7, 9, 11, 13, 15, 17] = 15
    kernel_up: Literal[1, 3, 5, 7, 9, 11, 13, 15] = 5
    output: Literal["tanh", "linear"] = "tanh"

    def build(self) -> "WaveUNet":
        """The untrained network."""
        return WaveUNet(self)


class LeakyConvolution(nn.Module):
    """Convolution of the same length, batch norm, leaky ReLU; zero in the padding."""

    def __init__(self, channels_in: int, channels: int, kernel: int) -> None:
        super().__init__()
        self.convolve = nn.Conv1d(channels_in, channels, kernel, padding=kernel // 2)
        self.norm = PaddedBatchNorm(channels)

    def forward(self, maps_BCN: Tensor, mask_B1N: Tensor | None) -> Tensor:
        """(B, channels, N)."""
        return masked(nnf.leaky_relu(self.norm(self.convolve(maps_BCN), mask_B1N), LEAK), mask_B1N)


class WaveUNet(nn.Module):
    """From noisy to enhanced waveforms at 16 kHz, of any level and length."""

    def __init__(self, config: WaveUNetConfig) -> None:
        super().__init__()
        self.config = config
        widths = [config.channels * (level + 1) for level in range(config.num_layers)]
        self.encoder = nn.ModuleList(
            LeakyConvolution(width_in, width, config.kernel_down)
            for width_in, width in zip([1, *widths[:-1]], widths, strict=True)
        )
        self.bottleneck = LeakyConvolution(widths[-1], widths[-1], config.kernel_down)
        self.decoder = nn.ModuleList(
            LeakyConvolution(below + width, width, config.kernel_up)
            for below, width in zip([*widths[1:], widths[-1]], widths, strict=True)
        )
        self.mix = nn.Conv1d(widths[0] + 1, 1, 1)
        with torch.no_grad():  # start near the noisy input, not at the headroom's level
            self.mix.weight[:, :-1] /= HEADROOM
            self.mix.weight[:, -1:] = 1.0
            nn.init.zeros_(self.mix.get_parameter("bias"))

    def forward(self, noisy_BN: Tensor, lengths_B: Tensor | None = None) -> Tensor:
        """Enhanced waveforms (B, N), zero beyond each length; silence stays silence.

        Args:
            noisy_BN: Waveforms; scaled to an RMS of 1 for the network, and back.
            lengths_B: Valid samples; None where all are.
        """
        level = levelled(noisy_BN, lengths_B)
        num_samples = noisy_BN.shape[1]
        padded_BN = nnf.pad(level.wave_BN, (0, -num_samples % 2**self.config.num_layers))
        valid_B1N = sample_mask(level.lengths_B, padded_BN.shape[1]).unsqueeze(1)
        enhanced_BN = self.enhance(padded_BN.unsqueeze(1) / HEADROOM, None if bool(valid_B1N.all()) else valid_B1N)
        return level.restored(HEADROOM * enhanced_BN.squeeze(1)[:, :num_samples])

    def enhance(self, wave_B1N: Tensor, mask_B1N: Tensor | None) -> Tensor:
        """Enhanced (B, 1, N), of a length that the scales divide; zeros beyond the mask on the way in."""
        maps_BCN, skips_BCN, masks = wave_B1N, [], []
        for layer in self.encoder:
            maps_BCN = layer(maps_BCN, mask_B1N)
            skips_BCN.append(maps_BCN)
            masks.append(mask_B1N)
            maps_BCN = maps_BCN[..., ::2]
            mask_B1N = None if mask_B1N is None else mask_B1N[..., ::2]
        maps_BCN = self.bottleneck(maps_BCN, mask_B1N)
        for layer, skip_BCN, mask in reversed(list(zip(self.decoder, skips_BCN, masks, strict=True))):
            maps_BCN = layer(torch.cat([masked(twice_as_fine(maps_BCN), mask), skip_BCN], dim=1), mask)
        mixed_B1N: Tensor = self.mix(torch.cat([maps_BCN, wave_B1N], dim=1)).to(wave_B1N.dtype)
        return torch.tanh(mixed_B1N) if self.config.output == "tanh" else mixed_B1N


def twice_as_fine(maps_BCN: Tensor) -> Tensor:
    """Each sample, and behind it the mean of it and the next; beyond the last is 0.

    >>> twice_as_fine(torch.tensor([[[2.0, 4.0]]])).tolist()
    [[[2.0, 3.0, 4.0, 2.0]]]
    """
    between_BCN = (maps_BCN + nnf.pad(maps_BCN[..., 1:], (0, 1))) / 2
    return torch.stack([maps_BCN, between_BCN], dim=-1).flatten(-2)
