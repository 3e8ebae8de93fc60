"""Tiny runs in float64, alone or under torchrun: ``train_ranks.py CORPUS FOLDER``. Each leaves its gradients."""

import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from train_tiny import TINY, tiny_recipe

from merit_cli.backbones.model_folder import Parts, build_parts
from merit_cli.carriers import MultiTaskOutput, SpeechBatch
from merit_cli.losses.objective import ObjectiveSums
from merit_cli.training import step
from merit_cli.training.brain import MeritBrain
from merit_cli.training.ranks import gathered, job, leave_job, rank, sum_gradients
from merit_cli.workers import Machine
from merit_cli.workflows.train import run, run_train

NUM_EXPERTS = 40
"""So many that some are idle in one process, and some in both."""
MODEL: dict[str, Any] = {
    **TINY["model"],
    "num_experts": NUM_EXPERTS,
    "trunk_blocks": None,  # its statistics take in one micro-batch after another
    "router_input": "raw",
    "trunk_dropout": 0.0,
    "ser_dropout": 0.0,
}
PLAIN: dict[str, Any] = {"model": MODEL, "data": {}, "epochs": 1, "batch_size": 4, "accumulation": 1}
CASES: dict[str, dict[str, Any]] = {
    "plain": {**PLAIN, "epochs": 2},
    "accumulated": {**PLAIN, "batch_size": 2, "accumulation": 3},
    "one_left": {**PLAIN, "batch_size": 11},  # the other batch has one item: one process has none
    "pcgrad": {**PLAIN, "objective": {"weighting": "pcgrad"}},
    "gradnorm_left": {**PLAIN, "batch_size": 11, "objective": {"weighting": "gradnorm"}},
    "uncertainty": {**PLAIN, "objective": {"weighting": "uncertainty"}},
}


def in_double(batch: SpeechBatch) -> SpeechBatch:
    return replace(
        batch, noisy_BN=batch.noisy_BN.double(), clean_BN=None if batch.clean_BN is None else batch.clean_BN.double()
    )


def build_double(*configs: Any, **sizes: Any) -> Parts:
    parts = build_parts(*configs, **sizes)
    parts.modules().double()
    return parts


class DoubleBrain(MeritBrain):
    """Keeps the gradients of each step, and which parameters each process has one of."""

    def compute_forward(self, batch: SpeechBatch, stage: Any) -> MultiTaskOutput:
        return super().compute_forward(in_double(batch), stage)

    def compute_objectives(self, predictions: MultiTaskOutput, batch: SpeechBatch, stage: Any) -> ObjectiveSums:
        return super().compute_objectives(predictions, in_double(batch), stage)

    def evaluate_batch(self, batch: SpeechBatch, stage: Any) -> Tensor:
        self.scored += batch.ids
        return super().evaluate_batch(batch, stage)

    def init_optimizers(self) -> None:
        super().init_optimizers()
        self.steps: list[dict[str, Tensor]] = []
        self.optimizer.register_step_pre_hook(lambda *_: self.keep())

    def keep(self) -> None:
        named = self.modules.named_parameters()
        self.steps.append({name: one.grad.clone() for name, one in named if one.grad is not None})

    def run(self, *loaders: Any) -> Any:
        idle, scored = list[list[list[str]]](), list[str]()
        names = {one: name for name, one in self.modules.named_parameters()}

        def sum_noted(parameters: Sequence[nn.Parameter]) -> None:
            idle.append(gathered([names[one] for one in parameters if one.grad is None]))
            sum_gradients(parameters)

        step.sum_gradients = sum_noted  # type: ignore[attr-defined]
        self.scored = scored
        record = super().run(*loaders)
        found = {"idle": idle, "scored": gathered(scored)}
        if rank() == 0:
            flat = {f"{number} {name}": one for number, grads in enumerate(self.steps) for name, one in grads.items()}
            save_file(flat, str(self.folder / "gradients.safetensors"))
            (self.folder / "found.json").write_text(json.dumps(found), encoding="utf-8")
        return record


if __name__ == "__main__":
    torch.set_default_dtype(torch.float64)
    run.MeritBrain = DoubleBrain  # type: ignore[attr-defined]
    run.build_parts = build_double  # type: ignore[attr-defined]
    with job("cpu"):
        for name, changes in CASES.items():
            folder = Path(sys.argv[2]) / name
            run_train(tiny_recipe(**changes), Path(sys.argv[1]), output=folder, machine=Machine(workers=1))
    leave_job()
