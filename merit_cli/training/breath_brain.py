"""Fitting a breath classifier on a SpeechBrain Brain: shuffled epochs, dev score, exact resume at epochs.

All randomness of an epoch comes from a generator seeded by (seed, epoch), so that a resumed run goes
on as if it had never stopped.

Shape suffixes: B batch, N samples, C classes.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as nnf
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

import merit_cli.torchaudio_bridge  # noqa: F401
from merit_cli.io.jsonl import LineWriter, read_lines, write_lines
from merit_cli.workers import Progress

from speechbrain.core import Brain, Stage  # isort: skip - the bridge goes first
from speechbrain.utils.checkpoints import Checkpointer  # isort: skip
from speechbrain.utils.epoch_loop import EpochCounter  # isort: skip

Batch = tuple[Tensor, Tensor]
"""Waves (B, N) and class indices (B,)."""
DevScore = Callable[[Sequence[int], Sequence[int]], float]
"""Score from true and predicted class indices; higher is better."""


@dataclass(frozen=True)
class ClipSet:
    """Clips of one length, in memory.

    Args:
        waves_BN: Float32.
        labels_B: Class index, int64.
    """

    waves_BN: Tensor
    labels_B: Tensor

    def __len__(self) -> int:
        return len(self.labels_B)


@dataclass(frozen=True)
class FitSettings:
    """How to fit.

    Args:
        epochs: Passes over the training clips.
        batch_size: Clips a step.
        learning_rate: AdamW's, at the start of a cosine to zero over the epochs.
        weight_decay: AdamW's.
        max_shift: Largest circular shift of a training clip, as a share of its length.
        seed: Of order and shifts.
    """

    epochs: int
    batch_size: int
    learning_rate: float
    weight_decay: float
    max_shift: float
    seed: int


@dataclass(frozen=True)
class FitResult:
    """What a fit gave; the model it was called with holds the best epoch's weights."""

    epochs: int
    best_epoch: int
    best_score: float


class _EpochBatches(Dataset[Batch]):
    """The batches of one epoch, made by index from a generator of (seed, epoch)."""

    def __init__(self, clips: ClipSet, settings: FitSettings) -> None:
        self.clips, self.settings = clips, settings
        self.start_epoch(1)

    def start_epoch(self, epoch: int) -> None:
        generator = torch.Generator().manual_seed(self.settings.seed * 100_003 + epoch)
        order_B = torch.randperm(len(self.clips), generator=generator)
        reach = int(self.settings.max_shift * self.clips.waves_BN.shape[1])
        self.shifts = torch.randint(0, reach + 1, (len(self.clips),), generator=generator).tolist()
        size = self.settings.batch_size
        self.rows = [order_B[start : start + size] for start in range(0, len(order_B), size)]

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> Batch:
        rows_B = self.rows[index]
        waves = [torch.roll(self.clips.waves_BN[row], self.shifts[row]) for row in rows_B.tolist()]
        return torch.stack(waves), self.clips.labels_B[rows_B]


class BreathBrain(Brain):  # type: ignore[misc]
    """Class-weighted cross-entropy; keeps the last and the best epoch, best by dev score alone."""

    def __init__(
        self, model: nn.Module, settings: FitSettings, class_weights_C: Tensor, dev_score: DevScore, folder: Path
    ) -> None:
        counter = EpochCounter(limit=settings.epochs)
        checkpointer = Checkpointer(str(folder / "checkpoints"), {"model": model, "epoch": counter})
        super().__init__(
            modules={"model": model},
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
        self.batches: _EpochBatches | None = None

    def compute_forward(self, batch: Batch, stage: Any) -> Tensor:
        """Logits (B, C)."""
        return self.modules["model"](batch[0].to(self.device))  # type: ignore[no-any-return]

    def compute_objectives(self, predictions: Tensor, batch: Batch, stage: Any) -> Tensor:
        """Class-weighted cross-entropy, mean over the batch; collects what the dev score needs."""
        labels_B = batch[1].to(self.device)
        if stage != Stage.TRAIN:
            self.truth += labels_B.tolist()
            self.predicted += predictions.argmax(dim=1).tolist()
        return nnf.cross_entropy(predictions, labels_B, weight=self.class_weights_C)

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
            share = (epoch - 1) / self.settings.epochs
            for group in self.optimizer.param_groups:
                group["lr"] = self.settings.learning_rate * 0.5 * (1.0 + math.cos(math.pi * share))

    def on_stage_end(self, stage: Any, stage_loss: float, epoch: int | None = None) -> None:
        """Score dev, write the epoch's line, then checkpoint."""
        if stage == Stage.TRAIN:
            self.train_loss = float(stage_loss)
            return
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
    """
    brain = BreathBrain(model, settings, class_weights_C, dev_score, folder)
    brain.progress, brain.batches = progress, _EpochBatches(train, settings)
    train_loader: DataLoader[Batch] = DataLoader(brain.batches, batch_size=None)
    brain.fit(brain.counter, train_loader, _dev_loader(dev, settings.batch_size), progressbar=False)
    chosen = brain.checkpointer.recover_if_possible(max_key="score")
    return FitResult(settings.epochs, int(chosen.meta["epoch"]), float(chosen.meta["score"]))


def _dev_loader(dev: ClipSet, batch_size: int) -> DataLoader[Batch]:
    return DataLoader(list(_slices(dev, batch_size)), batch_size=None)  # type: ignore[arg-type]


def _slices(clips: ClipSet, batch_size: int) -> Iterator[Batch]:
    for start in range(0, len(clips), batch_size):
        yield clips.waves_BN[start : start + batch_size], clips.labels_B[start : start + batch_size]


def _keep_finished_epochs(metrics_path: Path, last_epoch: int) -> None:
    if metrics_path.exists():
        lines = [line for _, line in read_lines(metrics_path, torn_tail=True) if line["epoch"] <= last_epoch]
        write_lines(metrics_path, lines)
