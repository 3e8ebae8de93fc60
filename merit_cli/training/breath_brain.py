"""Fitting a breath classifier on a SpeechBrain Brain: shuffled epochs, dev score, exact resume at epochs.

All randomness of an epoch comes from generators seeded by (seed, epoch), so that a resumed run goes
on as if it had never stopped.

Shape suffixes: B batch, N samples, C classes.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

import merit_cli.torchaudio_bridge  # noqa: F401
from merit_cli.data.class_balance import Balance
from merit_cli.io.jsonl import LineWriter, read_lines, write_lines
from merit_cli.models.patch_mix import PatchMixConfig
from merit_cli.training.average import WeightAverage
from merit_cli.training.breath_batches import Batch, ClipSet, EpochBatches, FreshWaves
from merit_cli.training.breath_step import BreathStep, StepOutput, make_projector
from merit_cli.training.resume import load_state, save_state
from merit_cli.training.spectrogram_masks import SpecAugmentConfig
from merit_cli.workers import Progress

from speechbrain.core import Brain, Stage  # isort: skip - the bridge goes first
from speechbrain.utils.checkpoints import Checkpointer  # isort: skip
from speechbrain.utils.epoch_loop import EpochCounter  # isort: skip

DevScore = Callable[[Sequence[int], Sequence[int]], float]
"""Score from true and predicted class indices; higher is better."""


@dataclass(frozen=True)
class FitSettings:
    """How to fit.

    Args:
        epochs: Passes over the training clips.
        batch_size: Clips a step.
        learning_rate: AdamW's, at the start of a cosine to zero over the epochs.
        weight_decay: AdamW's.
        max_shift: Largest circular shift of a training clip, as a share of its length.
        seed: Of order, shifts and masks.
        average_decay: Of the running average of the weights that dev scores and the caller gets; 0: the weights
            themselves.
        balance: How often each class stands in an epoch.
        spec_augment: What is hidden of a spectrogram; None hides nothing.
        patch_mix: How clips are mixed within a batch; None leaves them alone.
    """

    epochs: int
    batch_size: int
    learning_rate: float
    weight_decay: float
    max_shift: float
    seed: int
    average_decay: float = 0.0
    balance: Balance = "none"
    spec_augment: SpecAugmentConfig | None = None
    patch_mix: PatchMixConfig | None = None


@dataclass(frozen=True)
class FitResult:
    """What a fit gave; the model it was called with holds the best epoch's weights."""

    epochs: int
    best_epoch: int
    best_score: float


class BreathBrain(Brain):  # type: ignore[misc]
    """Class-weighted cross-entropy; keeps the last and the best epoch, best by dev score alone."""

    def __init__(
        self, model: nn.Module, settings: FitSettings, class_weights_C: Tensor, dev_score: DevScore, folder: Path
    ) -> None:
        counter = EpochCounter(limit=settings.epochs)
        checkpointer = Checkpointer(str(folder / "checkpoints"), {"model": model, "epoch": counter})
        self.average = WeightAverage(model, settings.average_decay, with_statistics=True)
        if settings.average_decay:
            save, load = _average_hooks(self.average)
            checkpointer.add_recoverable("average", self.average, custom_save_hook=save, custom_load_hook=load)
        modules = {"model": model}
        projector = make_projector(model, settings.patch_mix)
        if projector is not None:
            modules["projector"] = projector
            checkpointer.add_recoverable("projector", projector)
        super().__init__(
            modules=modules,
            opt_class=lambda parameters: torch.optim.AdamW(
                parameters, settings.learning_rate, weight_decay=settings.weight_decay
            ),
            run_opts={"device": str(next(model.parameters()).device), "noprogressbar": True},
            checkpointer=checkpointer,
        )
        self.settings, self.dev_score, self.counter = settings, dev_score, counter
        self.class_weights_C = class_weights_C.to(self.device)
        self.metrics_path = folder / "metrics.jsonl"
        self.train_loss = 0.0
        self.truth: list[int] = []
        self.predicted: list[int] = []
        self.progress: Progress | None = None
        self.batches: EpochBatches | None = None
        self.num_steps = 0
        self.shown = BreathStep(settings.spec_augment, settings.patch_mix, projector=projector, seed=settings.seed)

    def compute_forward(self, batch: Batch, stage: Any) -> StepOutput:
        """Logits (B, C); in training of what masks and mixtures make of the clips."""
        model, waves_BN = self.modules["model"], batch[0].to(self.device)
        return self.shown.forward(model, waves_BN) if stage == Stage.TRAIN else StepOutput(model(waves_BN))

    def compute_objectives(self, predictions: StepOutput, batch: Batch, stage: Any) -> Tensor:
        """Class-weighted loss, mean over the batch; collects what the dev score needs."""
        labels_B = batch[1].to(self.device)
        if stage != Stage.TRAIN:
            self.truth += labels_B.tolist()
            self.predicted += predictions.logits_BC.argmax(dim=1).tolist()
        return self.shown.loss(predictions, labels_B, self.class_weights_C)

    def on_fit_batch_end(self, batch: Batch, outputs: StepOutput, loss: Tensor, should_step: bool) -> None:  # noqa: FBT001
        """Take the new weights into their average."""
        self.num_steps += 1
        self.average.update(self.num_steps)

    def on_fit_start(self) -> None:
        """Load the last checkpoint, and drop metric lines of epochs that a killed run left without one."""
        super().on_fit_start()
        _keep_finished_epochs(self.metrics_path, self.counter.current)

    def on_stage_start(self, stage: Any, epoch: int | None = None) -> None:
        """New order of the clips, or an empty dev record."""
        self.truth, self.predicted = [], []
        if stage == Stage.TRAIN and epoch is not None:
            assert self.batches is not None
            self.batches.start_epoch(epoch)
            self.num_steps = (epoch - 1) * len(self.batches)
            self.shown.start_epoch(epoch)
            torch.manual_seed(self.settings.seed * 100_003 + epoch)  # dropout's; `fit_breath` puts back what was
            share = (epoch - 1) / self.settings.epochs
            for group in self.optimizer.param_groups:
                group["lr"] = self.settings.learning_rate * 0.5 * (1.0 + math.cos(math.pi * share))
        elif stage == Stage.VALID:
            self.average.swap()

    def on_stage_end(self, stage: Any, stage_loss: float, epoch: int | None = None) -> None:
        """Score dev, write the epoch's line, then checkpoint."""
        if stage == Stage.TRAIN:
            self.train_loss = float(stage_loss)
            return
        self.average.swap()
        score = self.dev_score(self.truth, self.predicted)
        line = {
            "epoch": epoch,
            "train_loss": round(self.train_loss, 6),
            "dev_loss": round(float(stage_loss), 6),
            "dev_score": round(score, 6),
        }
        with LineWriter(self.metrics_path) as writer:
            writer.append(line)
        self.checkpointer.save_and_keep_only(
            meta={"score": score, "epoch": epoch}, max_keys=["score"], importance_keys=[]
        )
        if self.progress is not None and epoch is not None:
            self.progress("train", epoch, self.settings.epochs)


def fit_breath(
    model: nn.Module,
    train: ClipSet,
    dev: ClipSet,
    *,
    settings: FitSettings,
    class_weights_C: Tensor,
    dev_score: DevScore,
    folder: Path,
    progress: Progress,
    fresh: FreshWaves | None = None,
) -> FitResult:
    """Fit ``model`` in place, or go on from the last checkpoint in ``folder``; it ends with the best weights.

    Args:
        model: On its device, weights initialised by the caller.
        train: Clips to learn from.
        dev: Clips that choose the epoch, and nothing else.
        settings: How.
        class_weights_C: Weight of each class in the loss.
        dev_score: Higher is better.
        folder: Gets ``checkpoints/`` and ``metrics.jsonl``.
        progress: Told each epoch.
        fresh: What makes another signal of a training clip in each epoch; None leaves the clips as they are.
    """
    with torch.random.fork_rng():
        torch.manual_seed(settings.seed)
        brain = BreathBrain(model, settings, class_weights_C, dev_score, folder)
    brain.progress = progress
    brain.batches = EpochBatches(
        train,
        batch_size=settings.batch_size,
        max_shift=settings.max_shift,
        seed=settings.seed,
        balance=settings.balance,
        fresh=fresh,
    )
    train_loader: DataLoader[Batch] = DataLoader(brain.batches, batch_size=None)
    with torch.random.fork_rng():
        brain.fit(brain.counter, train_loader, _dev_loader(dev, settings.batch_size), progressbar=False)
    chosen = brain.checkpointer.recover_if_possible(max_key="score")
    brain.average.swap()
    return FitResult(settings.epochs, int(chosen.meta["epoch"]), float(chosen.meta["score"]))


def _average_hooks(average: WeightAverage) -> tuple[Callable[..., None], Callable[..., None]]:
    """How a checkpoint writes and reads the averaged weights."""

    def save(_: object, path: Path) -> None:
        save_state(average.state(), path)

    def load(_: object, path: Path, end_of_epoch: bool) -> None:  # noqa: FBT001 - the Checkpointer's call
        average.restore(load_state(path))

    return save, load


def _dev_loader(dev: ClipSet, batch_size: int) -> DataLoader[Batch]:
    return DataLoader(list(_slices(dev, batch_size)), batch_size=None)  # type: ignore[arg-type]


def _slices(clips: ClipSet, batch_size: int) -> Iterator[Batch]:
    for start in range(0, len(clips), batch_size):
        yield clips.waves_BN[start : start + batch_size], clips.labels_B[start : start + batch_size]


def _keep_finished_epochs(metrics_path: Path, last_epoch: int) -> None:
    if metrics_path.exists():
        lines = [line for _, line in read_lines(metrics_path, torn_tail=True) if line["epoch"] <= last_epoch]
        write_lines(metrics_path, lines)
