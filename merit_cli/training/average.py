"""A running average of the weights, which dev scores and the exported model use.

Source: Polyak and Juditsky (1992); exponential form with the start-up of Tarvainen and Valpola (2017).
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

_STATISTICS = ("running_mean", "running_var")


class WeightAverage:
    """An exponential average of a module's trainable parameters.

    Args:
        module: The module that is trained.
        decay: Weight of the past at a step; 0 keeps no average.
        with_statistics: Whether running statistics of batch norms are averaged too; those of the last step are of other
            weights than the averaged ones. Other buffers are left as they are.
    """

    def __init__(self, module: nn.Module, decay: float, *, with_statistics: bool = False) -> None:
        self.decay = decay
        self.parameters: dict[str, Tensor] = {
            name: value for name, value in module.named_parameters() if value.requires_grad and decay
        }
        if with_statistics and decay:
            self.parameters |= {name: value for name, value in module.named_buffers() if name.endswith(_STATISTICS)}
        self.average = {name: value.detach().clone() for name, value in self.parameters.items()}

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Take in the weights after optimiser step ``step``, from 1; early on the plain mean of all steps."""
        weight = max(1.0 - self.decay, 1.0 / step)
        for name, value in self.parameters.items():
            self.average[name].lerp_(value, weight)

    @torch.no_grad()
    def swap(self) -> None:
        """Put the averaged weights into the module and the module's own aside, or back again."""
        for name, value in self.parameters.items():
            kept = value.detach().clone()
            value.copy_(self.average[name])
            self.average[name] = kept

    def state(self) -> dict[str, Tensor]:
        """For a checkpoint."""
        return self.average

    @torch.no_grad()
    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Put back what `state` gave."""
        assert state.keys() == self.average.keys(), (len(state), len(self.average))
        for name, value in state.items():
            self.average[name].copy_(value)
