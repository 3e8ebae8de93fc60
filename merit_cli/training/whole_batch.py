"""Sums of the objective over an effective batch, in all processes, before any of its parts takes gradients."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import nn

from merit_cli.carriers import SpeechBatch
from merit_cli.losses.objective import ObjectiveSums, add_objective_sums
from merit_cli.training.ranks import gathered, num_ranks


class WholeBatch(NamedTuple):
    """What the parts of an effective batch, over all processes, come to together.

    Args:
        sums: Of the objective; None where there are no items.
        num_items: Utterances.
    """

    sums: ObjectiveSums | None
    num_items: int


def over_ranks(sums: ObjectiveSums | None, num_items: int, *, device: str) -> WholeBatch:
    """What all processes come to; each calls it once a step, before any backward pass.

    Args:
        sums: Of this process; None for one without items.
        num_items: Of this process.
        device: Where the sums are wanted.
    """
    if num_ranks() == 1:
        return WholeBatch(sums, num_items)
    found = gathered((None if sums is None else add_objective_sums(sums).to("cpu"), num_items))
    parts = [part for part, _ in found if part is not None]
    whole = add_objective_sums(*parts).to(device) if parts else None
    return WholeBatch(whole, sum(count for _, count in found))


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
