"""Weights of the epochs that may still be chosen, and their mean."""

from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from merit_cli.training.resume import save_weights
from merit_cli.training.selection import EpochScore, epochs_to_keep


def candidate_path(run: Path, epoch: int) -> Path:
    """Where an epoch's weights lie in a run folder."""
    return run / "checkpoints" / "candidates" / f"epoch-{epoch:05d}.safetensors"


def mean_weights(run: Path, epochs: Sequence[int]) -> dict[str, Tensor]:
    """Mean of the weights of these epochs, taken in float64; whole numbers are the first epoch's.

    Source: Izmailov et al. (2018), Averaging weights leads to wider optima.
    """
    states = [load_file(str(candidate_path(run, epoch))) for epoch in epochs]
    if len(states) == 1:
        return states[0]
    return {
        name: torch.stack([state[name].double() for state in states]).mean(0).to(first.dtype)
        if first.is_floating_point()
        else first
        for name, first in states[0].items()
    }


def keep_candidates(run: Path, modules: nn.Module, history: Sequence[EpochScore], *, count: int = 1) -> None:
    """Keep the last epoch's weights if it may be among the ``count`` best, and drop those that no longer may."""
    last = candidate_path(run, history[-1].epoch)
    wanted = {candidate_path(run, epoch) for epoch in epochs_to_keep(history, count)}
    last.parent.mkdir(parents=True, exist_ok=True)
    if last in wanted:
        aside = last.with_suffix(".writing")
        save_weights(modules, aside)
        aside.replace(last)
    for old in last.parent.glob("epoch-*.safetensors"):
        if old not in wanted:
            old.unlink()
