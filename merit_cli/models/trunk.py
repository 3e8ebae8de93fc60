"""A small trainable trunk between a frozen encoder and the task branches.

Without it a multi-task model on a frozen encoder shares no trainable parameter, and a comparison of
ways to share says nothing. Its input and the output of each block are the layers that the branches see.

Shape suffixes: B batch, L layers, T frames, D features.
"""

from dataclasses import replace

import torch
from torch import Tensor, nn

from merit_cli.carriers import EncoderShape
from merit_cli.models.standardise import RunningStandardiser


class ConvolutionBlock(nn.Module):
    """Depthwise convolution over time, LayerNorm, two linear layers with GELU, residual.

    Source: Liu et al. (2022), ConvNeXt, figure 4, in one dimension.

    Args:
        dim: D.
        kernel: Frames seen by the convolution, odd.
        expansion: Hidden size of the linear layers over D.
        dropout: After each linear layer.
    """

    def __init__(self, dim: int, *, kernel: int, expansion: int, dropout: float) -> None:
        super().__init__()
        assert kernel % 2 == 1, kernel
        self.convolve = nn.Conv1d(dim, dim, kernel, padding=kernel // 2, groups=dim)
        self.mix = nn.Sequential(
            nn.LayerNorm(dim),
            nn.Linear(dim, expansion * dim),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(expansion * dim, dim),
            nn.Dropout(dropout),
        )

    def forward(self, frames_BTD: Tensor, valid_BT1: Tensor) -> Tensor:
        """Same shape; padding counts as zeros."""
        masked_BDT = (frames_BTD * valid_BT1).transpose(1, 2)
        return frames_BTD + self.mix(self.convolve(masked_BDT).transpose(1, 2))  # type: ignore[no-any-return]


class SharedTrunk(nn.Module):
    """Standardised encoder layers, a projection and convolution blocks, shared by every task.

    Args:
        shape: The encoder in front.
        num_blocks: Convolution blocks.
        width: D of the result.
        kernel: Frames seen by each block's convolution.
        expansion: Hidden size of each block over the width.
        dropout: In each block.
    """

    def __init__(
        self, shape: EncoderShape, *, num_blocks: int, width: int, kernel: int, expansion: int, dropout: float
    ) -> None:
        super().__init__()
        self.standardise = RunningStandardiser(shape.num_layers * shape.dim)
        self.project = nn.Linear(shape.num_layers * shape.dim, width)
        self.blocks = nn.ModuleList(
            ConvolutionBlock(width, kernel=kernel, expansion=expansion, dropout=dropout) for _ in range(num_blocks)
        )
        self.shape = replace(shape, num_layers=num_blocks + 1, dim=width)

    def forward(self, features_BLTD: Tensor, valid_BT: Tensor) -> Tensor:
        """Layers (B, num_blocks + 1, T, width): the projection, then each block."""
        stacked_BTX = features_BLTD.transpose(1, 2).flatten(2)
        valid_BT1 = valid_BT.unsqueeze(-1)
        frames_BTD = self.project(self.standardise(stacked_BTX, valid_BT))
        layers = [frames_BTD]
        for block in self.blocks:
            frames_BTD = block(frames_BTD, valid_BT1)
            layers.append(frames_BTD)
        return torch.stack(layers, dim=1)
