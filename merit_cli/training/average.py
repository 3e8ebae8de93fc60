"""A running average of the weights, which dev scores and the exported model use.

Source: Polyak and Juditsky (1992); exponential form with the start-up of Tarvainen and Valpola (2017).
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn


class WeightAverage:
    """An exponential average of a module's trainable parameters.

    Args:
        module: The module that is trained; buffers are left as they are.
        decay: Weight of the past at a step; 0 keeps no average.
    """

    def __init__(self, module: nn.Module, decay: float) -> None:
        self.decay = decay
        self.parameters = {name: value for name, value in module.named_parameters() if value.requires_grad and decay}
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
