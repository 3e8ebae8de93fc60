"""Sums of the objective over an effective batch, before any of its parts takes gradients."""

from collections.abc import Callable, Sequence

import torch
from torch import nn

from merit_cli.carriers import SpeechBatch
from merit_cli.losses.objective import ObjectiveSums, add_objective_sums


def sums_of_all(
    parts: Sequence[SpeechBatch], sums_of: Callable[[SpeechBatch], ObjectiveSums], *, modules: nn.Module, device: str
) -> ObjectiveSums:
    """The effective batch's sums, by a pass without gradient that draws and keeps nothing.

    Args:
        parts: Micro-batches.
        sums_of: Runs the modules in train mode on one of them.
        modules: Their buffers are put back.
        device: ``cuda`` has random states of its own.
    """
    buffers = [(buffer, buffer.clone()) for buffer in modules.buffers()]
    devices = [torch.cuda.current_device()] if device.startswith("cuda") else []
    with torch.random.fork_rng(devices), torch.no_grad():
        sums = [sums_of(part) for part in parts]
    for buffer, before in buffers:
        buffer.copy_(before)
    return add_objective_sums(*sums)
