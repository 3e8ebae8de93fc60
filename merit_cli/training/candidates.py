"""Weights of the epochs that may still be chosen as the best."""

from collections.abc import Sequence
from pathlib import Path

from torch import nn

from merit_cli.training.resume import save_weights
from merit_cli.training.selection import EpochScore, epochs_to_keep


def candidate_path(run: Path, epoch: int) -> Path:
    """Where an epoch's weights lie in a run folder."""
    return run / "checkpoints" / "candidates" / f"epoch-{epoch:05d}.safetensors"


def keep_candidates(run: Path, modules: nn.Module, history: Sequence[EpochScore]) -> None:
    """Keep the weights of the last epoch of ``history`` if it may be chosen, and drop those that no longer may."""
    last = candidate_path(run, history[-1].epoch)
    wanted = {candidate_path(run, epoch) for epoch in epochs_to_keep(history)}
    last.parent.mkdir(parents=True, exist_ok=True)
    if last in wanted:
        aside = last.with_suffix(".writing")
        save_weights(modules, aside)
        aside.replace(last)
    for old in last.parent.glob("epoch-*.safetensors"):
        if old not in wanted:
            old.unlink()
