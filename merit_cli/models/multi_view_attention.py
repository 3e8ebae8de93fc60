"""Attention in three views of a third of the channels each: over channels, far chunks, and within a chunk.

Source: Park, Kang, Shin and Han (2022), MANNER: Multi-view attention network for noise erasure, section 2.3;
kernels and norms of its open implementation.

Whatever a mask leaves out is zero on the way in and out, and has no part in a statistic or an attention.

Shape suffixes: B batch, C channels, N samples, G channels of one view, P chunks, S samples of a chunk.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as nnf
from torch import Tensor, nn

from merit_cli.losses.spectrum import sample_mask
from merit_cli.models.padded_norms import PaddedBatchNorm, masked

DEPTHWISE_KERNEL = 31
"""Of the conformers, and of the view within a chunk."""
LOCAL_KERNEL = 7
"""Of the convolution that makes one weight a sample of the largest and the mean of all channels."""


def unchanged(maps: Tensor) -> Tensor:
    """The maps: no activation."""
    return maps


class NormedConvolution(nn.Module):
    """Convolution of the same length, batch norm, activation; zero in the padding.

    Args:
        channels_in: C on the way in.
        channels: C on the way out.
        kernel: Odd.
        activation: Behind the norm.
        has_bias: Whether the convolution has an offset.
        groups: Of the convolution.
    """

    def __init__(
        self,
        channels_in: int,
        channels: int,
        *,
        kernel: int = 1,
        activation: Callable[[Tensor], Tensor] = torch.relu,
        has_bias: bool = False,
        groups: int = 1,
    ) -> None:
        super().__init__()
        self.convolve = nn.Conv1d(channels_in, channels, kernel, padding=kernel // 2, groups=groups, bias=has_bias)
        self.norm = PaddedBatchNorm(channels)
        self.activation = activation

    def forward(self, maps_BCN: Tensor, mask_B1N: Tensor | None) -> Tensor:
        """(B, channels, N), or half of the channels where the activation is a gate."""
        return masked(self.activation(self.norm(self.convolve(maps_BCN), mask_B1N)), mask_B1N)


class GatedUnit(nn.Module):
    """A gated tanh, mixed and rectified: not negative."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.value, self.gate, self.mix = (nn.Conv1d(channels, channels, 1) for _ in range(3))

    def forward(self, maps_BCN: Tensor) -> Tensor:
        """Same shape."""
        gated_BCN = torch.tanh(self.value(maps_BCN)) * torch.sigmoid(self.gate(maps_BCN))
        return torch.relu(self.mix(gated_BCN))


def to_chunks(maps_BGN: Tensor, size: int) -> Tensor:
    """Chunks (B, G, P, S) that overlap by half, the first and last of them wholly or partly beyond the ends.

    >>> to_chunks(torch.tensor([[[1.0, 2.0, 3.0]]]), 2).tolist()
    [[[[0.0, 0.0], [0.0, 1.0], [1.0, 2.0], [2.0, 3.0], [3.0, 0.0], [0.0, 0.0]]]]
    """
    return nnf.pad(maps_BGN, (size, size)).unfold(-1, size, size // 2)


def from_chunks(chunks_BGPS: Tensor, num_samples: int) -> Tensor:
    """The mean of the two chunks over each sample, (B, G, N): undoes `to_chunks`."""
    size = chunks_BGPS.shape[-1]
    first, second = chunks_BGPS[..., : size // 2], chunks_BGPS[..., size // 2 :]
    sums = nnf.pad(first, (0, 0, 0, 1)) + nnf.pad(second, (0, 0, 1, 0))
    return sums.flatten(-2)[..., size : size + num_samples] / 2


def chunk_mask(mask_B1N: Tensor | None, size: int) -> Tensor | None:
    """True (B, P) on the chunks that each utterance would have alone."""
    if mask_B1N is None:
        return None
    num_chunks = (mask_B1N.shape[-1] + size) // (size // 2) + 1
    return sample_mask((mask_B1N.sum((1, 2)) + size) // (size // 2) + 1, num_chunks)


class ChannelView(nn.Module):
    """A weight a channel, of its largest value and its mean."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weigh = nn.Sequential(nn.Linear(channels, channels // 2), nn.ReLU(), nn.Linear(channels // 2, channels))

    def forward(self, maps_BGN: Tensor, mask_B1N: Tensor | None) -> Tensor:
        """Same shape."""
        if mask_B1N is None:
            largest_BG, mean_BG = maps_BGN.amax(-1), maps_BGN.mean(-1)
        else:
            largest_BG = maps_BGN.masked_fill(~mask_B1N, -torch.inf).amax(-1)
            mean_BG = (maps_BGN * mask_B1N).sum(-1) / mask_B1N.sum(-1).clamp(min=1)
        weight_BG = torch.sigmoid(self.weigh(largest_BG) + self.weigh(mean_BG))
        return maps_BGN * weight_BG.unsqueeze(-1)


class GlobalView(nn.Module):
    """Each channel's chunks attend to one another, all over the utterance."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.query, self.key, self.value, self.mix = (nn.Linear(size, size, bias=False) for _ in range(4))

    def forward(self, chunks_BGPS: Tensor, mask_BP: Tensor | None) -> Tensor:
        """Same shape."""
        query, key, value = self.query(chunks_BGPS), self.key(chunks_BGPS), self.value(chunks_BGPS)
        keys_B11P = None if mask_BP is None else mask_BP[:, None, None]
        seen_BGPS = nnf.scaled_dot_product_attention(query, key, value, attn_mask=keys_B11P)
        return self.mix(seen_BGPS)  # type: ignore[no-any-return]


class LocalView(nn.Module):
    """A weight a sample, of what is around it in its chunk, one for all channels."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.look = NormedConvolution(channels, channels, kernel=DEPTHWISE_KERNEL, activation=nnf.silu, groups=channels)
        self.weigh = NormedConvolution(2, 1, kernel=LOCAL_KERNEL, activation=torch.sigmoid)

    def forward(self, chunks_BGPS: Tensor, mask_BP: Tensor | None) -> Tensor:
        """Same shape."""
        mask_X11 = None if mask_BP is None else mask_BP.flatten()[:, None, None]
        seen_XGS = self.look(chunks_BGPS.transpose(1, 2).flatten(0, 1), mask_X11)
        weight_X1S = self.weigh(torch.stack([seen_XGS.amax(1), seen_XGS.mean(1)], dim=1), mask_X11)
        weight_BP1S: Tensor = weight_X1S.unflatten(0, (len(chunks_BGPS), -1))
        return chunks_BGPS * weight_BP1S.transpose(1, 2)


class MultiViewAttention(nn.Module):
    """The three views side by side, joined, gated, and added to the input.

    Args:
        channels: C, a multiple of 6.
        segment: Samples of a chunk, even.
    """

    def __init__(self, channels: int, segment: int) -> None:
        super().__init__()
        view = channels // 3
        self.segment = segment
        self.split = nn.ModuleList(NormedConvolution(channels, view) for _ in range(3))
        self.channel, self.far, self.near = ChannelView(view), GlobalView(segment), LocalView(view)
        self.smooth = nn.ModuleList(NormedConvolution(view, view, kernel=3) for _ in range(3))
        self.join = NormedConvolution(3 * view, channels, activation=unchanged)
        self.shortcut = NormedConvolution(channels, channels, activation=unchanged)
        self.gate = GatedUnit(channels)

    def forward(self, maps_BCN: Tensor, mask_B1N: Tensor | None) -> Tensor:
        """Same shape."""
        num_samples = maps_BCN.shape[-1]
        chunks_BP = chunk_mask(mask_B1N, self.segment)
        first, second, third = (split(maps_BCN, mask_B1N) for split in self.split)
        views = (
            self.channel(first, mask_B1N),
            masked(from_chunks(self.far(to_chunks(second, self.segment), chunks_BP), num_samples), mask_B1N),
            from_chunks(self.near(to_chunks(third, self.segment), chunks_BP), num_samples),
        )
        smooth = [layer(view, mask_B1N) for layer, view in zip(self.smooth, views, strict=True)]
        joined_BCN = self.gate(self.join(torch.cat(smooth, dim=1), mask_B1N))
        return masked(self.shortcut(maps_BCN, mask_B1N) + joined_BCN, mask_B1N)
