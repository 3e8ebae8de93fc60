"""A tiny training run in a process of its own, for tests that kill it: ``train_tiny.py CORPUS RUN``."""

import sys
from pathlib import Path
from typing import Any

from merit_cli.config.load import load_recipe
from merit_cli.errors import MeritError
from merit_cli.workers import Machine
from merit_cli.workflows.train import TrainRecipe, run_train

TINY: dict[str, Any] = {
    "name": "tiny",
    "model": {
        "name": "sparse-merit",
        "trunk_width": 16,
        "trunk_expansion": 1,
        "trunk_blocks": 1,
        "blstm_hidden": 8,
        "ser_hidden": 8,
        "expert_hidden": 16,
        "expert_dim": 16,
    },
    "backbone": {"name": "log-mel", "num_mels": 16, "hop_length": 320},
    "optimiser": {
        "learning_rate": 3e-3,
        "schedule": "cosine",
        "warmup_steps": 2,
        "clip_norm": 1.0,
        "average_decay": 0.8,
    },
    "data": {"remix": {"snr_db": [-5, 5], "colour_db": 3, "gaussian_share": 0.3}},
    "epochs": 3,
    "batch_size": 2,
    "accumulation": 2,
    "checkpoint_every_steps": 2,
    "log_every_steps": 1,
}


def tiny_recipe(**changes: Any) -> TrainRecipe:
    return load_recipe(TrainRecipe, flags={**TINY, **changes})


if __name__ == "__main__":
    try:
        run_train(tiny_recipe(), Path(sys.argv[1]), output=Path(sys.argv[2]), machine=Machine(workers=1))
    except MeritError as error:
        print(error, file=sys.stderr)
        sys.exit(error.exit_code)
