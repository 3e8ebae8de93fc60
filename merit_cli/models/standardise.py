"""Each feature at mean 0 and variance 1 over the training frames, from running statistics.

Unlike a LayerNorm it keeps a frame's level, and unlike a batch norm it does not let a batch's make-up
into the gradient: the statistics are constants to it.

Shape suffixes: B batch, T frames, D features, M valid frames.
"""

import torch
from torch import Tensor, nn

VARIANCE_FLOOR = 1e-5
SLOWEST_UPDATE = 0.01
"""Weight of a batch once 100 were seen; before, the plain average of all batches."""


class RunningStandardiser(nn.Module):
    """Subtract the running mean and divide by the running standard deviation.

    Args:
        dim: D.
    """

    mean_D: Tensor
    variance_D: Tensor
    num_batches: Tensor

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.register_buffer("mean_D", torch.zeros(dim))
        self.register_buffer("variance_D", torch.ones(dim))
        self.register_buffer("num_batches", torch.zeros((), dtype=torch.int64))

    def forward(self, features_BTD: Tensor, valid_BT: Tensor) -> Tensor:
        """Standardised features; in training the statistics first take in the valid frames."""
        if self.training:
            self._update(features_BTD.detach()[valid_BT])
        scale_D = (self.variance_D + VARIANCE_FLOOR).rsqrt()
        return (features_BTD - self.mean_D) * scale_D

    def _update(self, frames_MD: Tensor) -> None:
        if frames_MD.shape[0] < 2:
            return
        self.num_batches += 1
        weight = torch.clamp(1.0 / self.num_batches, min=SLOWEST_UPDATE).to(self.mean_D)
        mean_D = frames_MD.mean(0).to(self.mean_D)
        square_D = (frames_MD.to(self.mean_D) - self.mean_D).square().mean(0)  # about the old mean
        step_D = mean_D - self.mean_D
        spread_D = torch.lerp(self.variance_D, square_D, weight) - (weight * step_D).square()
        self.variance_D.copy_(spread_D.clamp(min=0.0))
        self.mean_D.add_(weight * step_D)
