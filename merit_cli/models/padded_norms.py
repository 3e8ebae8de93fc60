"""Normalisations whose statistics leave padding out, so that an utterance in a batch equals itself alone.

Without padding (`None` for the mask) they are torch's own. Maps are (B, C, T, F) or (B, C, T); a mask
has the shape (B, 1, T, 1) or (B, 1, T).

Shape suffixes: B batch, C channels, T frames, F bins.
"""

import torch
import torch.nn.functional as nnf
from torch import Tensor, nn

EPSILON = 1e-5


def frames_to_maps(valid_BT: Tensor) -> Tensor | None:
    """A mask (B, 1, T, 1) of frames, or None where all are valid."""
    return None if bool(valid_BT.all()) else valid_BT[:, None, :, None]


def masked(maps: Tensor, mask: Tensor | None) -> Tensor:
    """The maps with zeros in the padding, as convolutions beyond an utterance's end see it."""
    return maps if mask is None else maps * mask


def _moments(maps: Tensor, mask: Tensor, dims: tuple[int, ...]) -> tuple[Tensor, Tensor, Tensor]:
    """Mean and biased variance over valid entries, and how many there were."""
    weight = mask.to(torch.promote_types(maps.dtype, torch.float32)).expand_as(maps)
    count = weight.sum(dims, keepdim=True).clamp(min=1.0)
    mean = (maps * weight).sum(dims, keepdim=True) / count
    variance = ((maps - mean).square() * weight).sum(dims, keepdim=True) / count
    return mean, variance, count


class _Affine(nn.Module):
    """A gain and an offset a channel."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def scaled(self, maps: Tensor) -> Tensor:
        """The maps times the gain plus the offset."""
        shape = (1, -1, *[1] * (maps.dim() - 2))
        return maps * self.weight.view(shape) + self.bias.view(shape)


class PaddedInstanceNorm(_Affine):
    """Each channel of each utterance at mean 0 and variance 1."""

    def forward(self, maps: Tensor, mask: Tensor | None) -> Tensor:
        """Same shape."""
        if mask is None:
            return nnf.instance_norm(maps, weight=self.weight, bias=self.bias, eps=EPSILON)
        mean, variance, _ = _moments(maps, mask, tuple(range(2, maps.dim())))
        return self.scaled((maps - mean) * torch.rsqrt(variance + EPSILON))


class GlobalLayerNorm(_Affine):
    """Each utterance at mean 0 and variance 1 over channels, time and frequency (Luo and Mesgarani 2019)."""

    def forward(self, maps: Tensor, mask: Tensor | None) -> Tensor:
        """Same shape."""
        if mask is None:
            return nnf.group_norm(maps, 1, self.weight, self.bias, EPSILON)
        mean, variance, _ = _moments(maps, mask, tuple(range(1, maps.dim())))
        return self.scaled((maps - mean) * torch.rsqrt(variance + EPSILON))


class PaddedBatchNorm(_Affine):
    """Each channel at mean 0 and variance 1 over the batch's valid frames; running statistics in eval.

    Args:
        channels: C.
        momentum: Of the running statistics.
    """

    running_mean: Tensor
    running_var: Tensor

    def __init__(self, channels: int, *, momentum: float = 0.1) -> None:
        super().__init__(channels)
        self.momentum = momentum
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))

    def forward(self, maps: Tensor, mask: Tensor | None) -> Tensor:
        """Same shape."""
        if mask is None or not self.training:
            return nnf.batch_norm(
                maps,
                self.running_mean,
                self.running_var,
                self.weight,
                self.bias,
                self.training,
                self.momentum,
                EPSILON,
            )
        mean, variance, count = _moments(maps, mask, (0, *range(2, maps.dim())))
        with torch.no_grad():
            unbiased = variance * (count / (count - 1.0).clamp(min=1.0))
            self.running_mean.lerp_(mean.flatten().to(self.running_mean), self.momentum)
            self.running_var.lerp_(unbiased.flatten().to(self.running_var), self.momentum)
        return self.scaled((maps - mean) * torch.rsqrt(variance + EPSILON))
