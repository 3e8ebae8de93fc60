"""Convolutions over time and frequency that CMGAN's encoder and decoders are made of.

Source: Cao, Abdulatif and Yang (2022), CMGAN, section 2.1, after Pandey and Wang (2020), dense CNN.

Shape suffixes: B batch, C channels, T frames, F bins.
"""

import torch
import torch.nn.functional as nnf
from torch import Tensor, nn

from merit_cli.models.padded_norms import PaddedInstanceNorm


class NormalisedConvolution(nn.Module):
    """Convolution, instance norm over the utterance, PReLU; zeros before the first frame.

    Args:
        channels_in: Of the input.
        channels: Of the output.
        kernel: Over frames and bins.
        dilation: Over frames.
        stride: Over bins.
    """

    def __init__(
        self, channels_in: int, channels: int, kernel: tuple[int, int], *, dilation: int = 1, stride: int = 1
    ) -> None:
        super().__init__()
        self.padding = (kernel[1] // 2, kernel[1] // 2, dilation * (kernel[0] - 1), 0)
        self.convolve = nn.Conv2d(channels_in, channels, kernel, stride=(1, stride), dilation=(dilation, 1))
        self.norm = PaddedInstanceNorm(channels)
        self.activate = nn.PReLU(channels)

    def forward(self, maps_BCTF: Tensor, mask: Tensor | None) -> Tensor:
        """(B, channels, T, F or half of it)."""
        convolved_BCTF = self.convolve(nnf.pad(maps_BCTF, self.padding))
        return self.activate(self.norm(convolved_BCTF, mask))  # type: ignore[no-any-return]


class DenseBlock(nn.Module):
    """Causal dilated convolutions, each of which sees the outputs of all before it."""

    def __init__(self, channels: int, depth: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            NormalisedConvolution(channels * (index + 1), channels, (2, 3), dilation=2**index) for index in range(depth)
        )

    def forward(self, maps_BCTF: Tensor, mask: Tensor | None) -> Tensor:
        """Same shape."""
        seen_BCTF = output_BCTF = maps_BCTF
        for layer in self.layers:
            output_BCTF = layer(seen_BCTF, mask)
            seen_BCTF = torch.cat([output_BCTF, seen_BCTF], dim=1)
        return output_BCTF


class Upsampling(nn.Module):
    """Twice the bins, by a convolution whose channels are dealt out to neighbouring bins."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.convolve = nn.Conv2d(channels, 2 * channels, (1, 3), padding=(0, 1))

    def forward(self, maps_BCTF: Tensor) -> Tensor:
        """(B, C, T, 2 F)."""
        pairs = self.convolve(maps_BCTF).unflatten(1, (2, -1))
        return pairs.permute(0, 2, 3, 4, 1).flatten(3)  # type: ignore[no-any-return]
