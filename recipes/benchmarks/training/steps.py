"""A whole training step of `merit train` beside a bare PyTorch loop on the same batches, step by step in turn.

The bare loop has the same encoder, model and objective, AdamW, clipping and nothing else: no averaged weights, logs,
telemetry, checks or checkpoints. Its time and the time that our loader takes are both left out of ours.
"""

import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import DataLoader

from merit_cli.assets import find_recipe
from merit_cli.backbones.forward import run_modules
from merit_cli.backbones.model_folder import build_parts
from merit_cli.carriers import SpeechBatch
from merit_cli.config.load import load_recipe
from merit_cli.data.collate import EffectiveBatch
from merit_cli.losses.objective import loss_terms, objective_sums
from merit_cli.training.optim import make_optimiser
from merit_cli.workers import Machine
from merit_cli.workflows.train import TrainRecipe, run_train

WARM_UP = 10


@dataclass
class Clock:
    """Processor seconds of steps: ours without loading, the loader's, and the bare loop's."""

    ours: list[float] = field(default_factory=list)
    loading: list[float] = field(default_factory=list)
    bare: list[float] = field(default_factory=list)
    batch: EffectiveBatch | None = None
    loaded: float = 0.0
    mark: float = 0.0

    def median_overhead(self) -> float:
        """Of the median step, over the bare loop's."""
        return statistics.median(a / b for a, b in zip(self.ours, self.bare, strict=True)) - 1.0

    def mean_overhead(self) -> float:
        """Of all steps together, logged ones with their telemetry included."""
        return sum(self.ours) / sum(self.bare) - 1.0

    def loading_share(self) -> float:
        """Of our steps, loading included."""
        return sum(self.loading) / (sum(self.ours) + sum(self.loading))


def measure(model: str, folder: Path, *, epochs: int) -> Clock:
    """Train that recipe on the bundled sample, with a bare step after each of ours.

    Args:
        model: A bundled training recipe; `remix` is turned off, since a bare loop has none.
        folder: Gets the mixtures and the run.
        epochs: Passes over the train split.
    """
    recipe = load_recipe(TrainRecipe, find_recipe("train", model), flags={"epochs": epochs, "data": {"remix": None}})
    mixtures = folder / "mixtures"
    if not mixtures.is_dir():
        command = [sys.executable, "-m", "merit_cli", "mix", "--snr", "-5,0,5", "-o", str(mixtures)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    clock = Clock()
    step: list[Callable[[EffectiveBatch], None]] = []
    num_train_steps = 0

    def progress(stage: str, _done: int, _total: int) -> None:
        nonlocal num_train_steps
        if stage != "train" or clock.batch is None:
            return
        now = time.process_time()
        if not step:
            step.append(bare_step(recipe, clock.batch))
        num_train_steps += 1
        started = time.process_time()
        step[0](clock.batch)
        ended = time.process_time()
        if num_train_steps > WARM_UP and clock.mark > 0.0:
            clock.ours.append(now - clock.mark - clock.loaded)
            clock.loading.append(clock.loaded)
            clock.bare.append(ended - started)
        clock.loaded, clock.mark = 0.0, time.process_time()

    with _watched(clock):
        machine = replace(Machine(workers=1), progress=progress)
        run_train(recipe, mixtures, output=folder / model, machine=machine)
    return clock


def bare_step(recipe: TrainRecipe, batch: EffectiveBatch) -> Callable[[EffectiveBatch], None]:
    """One optimiser step as one would write it by hand, for a model of the recipe with weights of its own."""
    classes = max(int(part.emotion_B.max()) for part in batch if part.emotion_B is not None) + 1
    with torch.random.fork_rng():
        parts = build_parts(recipe.model, recipe.backbone, num_classes=max(classes, 3))
    modules = parts.modules().train()
    optimiser = make_optimiser(modules, recipe.optimiser)
    parameters = [one for one in modules.parameters() if one.requires_grad]

    def loss(part: SpeechBatch) -> torch.Tensor:
        output = run_modules(modules, part)
        sums = objective_sums(
            output,
            lengths_B=part.lengths_B,
            clean_BN=part.clean_BN,
            emotion_B=part.emotion_B,
            terms=recipe.objective.enhancement,
        )
        return loss_terms(sums, recipe.objective).total

    def step(batch: EffectiveBatch) -> None:
        with torch.random.fork_rng():  # the run's dropout stays what it is
            for part in batch:
                loss(part).backward()
        if recipe.optimiser.clip_norm is not None:
            torch.nn.utils.clip_grad_norm_(parameters, recipe.optimiser.clip_norm)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)

    return step


class _watched:
    """While it lasts, every batch that a loader gives is kept in the clock, with the time it took."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock

    def __enter__(self) -> None:
        self.plain: Any = DataLoader.__iter__
        plain, clock = self.plain, self.clock

        def watched(loader: Any) -> Any:
            batches = plain(loader)
            while True:
                started = time.process_time()
                try:
                    batch = next(batches)
                except StopIteration:
                    clock.mark = 0.0  # dev and checkpoints come next: they are no part of a step
                    return
                clock.loaded += time.process_time() - started
                clock.batch = batch if isinstance(batch, tuple) else clock.batch
                yield batch

        DataLoader.__iter__ = watched  # type: ignore[method-assign]

    def __exit__(self, *_error: object) -> None:
        DataLoader.__iter__ = self.plain  # type: ignore[method-assign]
