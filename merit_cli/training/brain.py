"""A thin SpeechBrain Brain: one fit_batch is one optimiser step, whatever the accumulation.

The loader gives all micro-batches of a step at once. So checkpoints always fall on step boundaries, an
epoch drops nothing, and the objective's means are taken over the whole effective batch.

Shape suffixes: B batch, N samples, C classes.
"""

import time
from collections.abc import Mapping
from itertools import zip_longest
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

import merit_cli.torchaudio_bridge  # noqa: F401
from merit_cli.backbones.fine_tuning import TunedEncoder
from merit_cli.backbones.forward import run_modules
from merit_cli.carriers import MultiTaskOutput, SpeechBatch
from merit_cli.data.collate import EffectiveBatch, to_device
from merit_cli.data.fresh_mixtures import draw_epoch
from merit_cli.data.sampler import LengthBucketSampler
from merit_cli.losses.objective import ObjectiveSums, batch_sums
from merit_cli.training.average import WeightAverage
from merit_cli.training.board import Board
from merit_cli.training.candidates import keep_candidates
from merit_cli.training.dev import DevMetrics, DevRecord
from merit_cli.training.epoch_record import EpochRecord, rounded, step_facts
from merit_cli.training.optim import rate_factor, set_rate
from merit_cli.training.ranks import any_rank, gathered, on_first, rank
from merit_cli.training.resumable import ResumableBrain
from merit_cli.training.resume import StopRequest, keep_first_lines, make_checkpointer
from merit_cli.training.routing_checks import check_routers, collapse_warning
from merit_cli.training.selection import is_over
from merit_cli.training.settings import FitSettings
from merit_cli.training.step import Stepper
from merit_cli.workers import Progress, Say

from speechbrain.core import Stage  # isort: skip - the bridge goes first
from speechbrain.utils.epoch_loop import EpochCounter  # isort: skip


class MeritBrain(ResumableBrain):
    """Backbone and model, fitted to the multi-task objective.

    Args:
        modules: ``backbone``, ``model`` and perhaps ``text``; features of an encoder may instead come with the batch.
        settings: How to fit.
        class_weight_C: Of the cross-entropy, or None.
        dev_metrics: Choose the best epoch.
        folder: The run: gets ``checkpoints/``, ``metrics.jsonl`` and ``timing.jsonl``.
        stop: Asks for a checkpoint and an early end.
        progress: Told each step.
        say: Told of an expert that collapsed, as its epoch ends.
    """

    def __init__(
        self,
        modules: nn.ModuleDict,
        *,
        settings: FitSettings,
        class_weight_C: Tensor | None,
        dev_metrics: DevMetrics,
        folder: Path,
        stop: StopRequest,
        progress: Progress,
        say: Say,
    ) -> None:
        run_opts = {"device": settings.device, "noprogressbar": True, "precision": settings.precision}
        run_opts["eval_precision"] = settings.precision
        super().__init__(
            modules=dict(modules.items()),
            run_opts=run_opts,
            checkpointer=make_checkpointer(folder / "checkpoints" / "last", dict(modules.items())),
        )
        self.settings, self.dev_metrics, self.folder = settings, dev_metrics, folder
        self.stop, self.progress, self.say = stop, progress, say
        self.said_collapsed: set[int] = set()
        self.class_weight_C = None if class_weight_C is None else class_weight_C.to(self.device)
        self.counter = EpochCounter(limit=settings.epochs)
        self.checkpointer.add_recoverable("epoch", self.counter)
        self.record = EpochRecord()
        self.dev: list[DevRecord] = []
        self.random: list[dict[str, Any]] = []
        self.average = WeightAverage(self.modules, settings.optimiser.average_decay)
        self.checkpointer.add_state("progress", self, self.progress_state, self.restore_progress)
        self.is_training_done = False
        self.started = time.perf_counter()

    def run(self, train: DataLoader[EffectiveBatch], dev: DataLoader[SpeechBatch]) -> EpochRecord:
        """Fit from the last checkpoint, or from the start; returns the record with the dev history."""
        assert isinstance(train.batch_sampler, LengthBucketSampler), type(train.batch_sampler)
        self.train_sampler, self.train_data = train.batch_sampler, train.dataset
        self.steps_per_epoch = len(train.batch_sampler)
        self.common_dev_batches = min(gathered(len(dev)))
        self.fit(self.counter, train, dev, progressbar=False)
        return self.record

    def init_optimizers(self) -> None:
        """What a step needs; its states become part of every checkpoint."""
        self.stepper = Stepper(
            self.modules,
            forward=lambda batch: self.compute_forward(batch, Stage.TRAIN),
            objective=lambda output, batch: self.compute_objectives(output, batch, Stage.TRAIN),
            settings=self.settings,
            scaler=self.scaler,
            autocast=self.training_ctx,
            device=self.device,
            run=self.folder,
        )
        self.optimizer = self.stepper.optimizer
        self.optimizers_dict = {"optimizer": self.optimizer}
        state, restore = self.optimizer.state_dict, self.optimizer.load_state_dict
        self.checkpointer.add_state("optimizer", self.optimizer, state, restore)
        if self.stepper.adversary is not None:
            self.stepper.adversary.register(self.checkpointer)

    def on_fit_start(self) -> None:
        """Load the last checkpoint and drop what was logged after it."""
        self._compile()
        self.init_optimizers()
        if self.checkpointer.recover_last():
            if self.step > 0:  # within an epoch
                state = self.train_sampler.state(epoch=self.record.epoch, batches_done=self.record.batches_done)
                self.train_sampler.restore(state)
            else:
                self._check_routers()
                self._end_early()
        self._start_together()
        on_first(keep_first_lines, self.folder / "metrics.jsonl", self.record.lines_written)
        if self.settings.tensorboard and rank() == 0:
            self.board = Board(self.folder, after=self.optimizer_step)

    def on_stage_start(self, stage: Any, epoch: int | None = None) -> None:
        """Start a new epoch's record, unless it is resumed, or an empty dev record."""
        self.started = time.perf_counter()
        if stage == Stage.TRAIN and epoch is not None:
            self.is_training_done = False
            self.mix_seed = draw_epoch(self.train_data, epoch)
            for module in self.modules.values():
                if isinstance(module, TunedEncoder):
                    module.set_epoch(epoch)
            if self.step == 0:
                self.record = self.record.next_epoch(epoch)
        else:
            self.dev = []
            self.average.swap()  # dev is scored with the averaged weights

    def compute_forward(self, batch: SpeechBatch, stage: Any) -> MultiTaskOutput:
        """Outputs for a batch on the right device."""
        return run_modules(self.modules, batch)

    def compute_objectives(self, predictions: MultiTaskOutput, batch: SpeechBatch, stage: Any) -> ObjectiveSums:
        """Unnormalised loss terms; a step takes their means over the effective batch."""
        return batch_sums(predictions, batch, self.settings.objective, self.class_weight_C)

    def fit_batch(self, batch: EffectiveBatch) -> Tensor:
        """One optimiser step; returns the loss.

        Raises:
            CheckFailed: Loss or gradient is not finite.
        """
        num_steps = self.steps_per_epoch * self.settings.epochs
        factor = rate_factor(self.optimizer_step, num_steps=num_steps, config=self.settings.optimiser)
        set_rate(self.optimizer, factor)
        is_logged = self.optimizer_step % self.settings.log_every_steps == 0
        parts = [self.settings.redrawn(to_device(part, self.device)) for part in batch]
        where = f"step {self.optimizer_step} of epoch {self.record.epoch}"
        taken = self.stepper.take(parts, is_measured=is_logged, where=where)
        self.optimizer_step += 1
        self.average.update(self.optimizer_step)
        self.record.add_gradients(taken.gradients)
        self.record.routing.merge(taken.usage)
        self.record.add_terms(taken.values)
        if is_logged:
            rate = self.settings.optimiser.learning_rate * factor
            facts = {"loss": taken.values, "gradient_norm": taken.gradient_norm, "learning_rate": rate}
            facts |= step_facts(taken.gradients, taken.usage, self.stepper.balance.to_line())
            self._log({"kind": "step", **self._where(), **facts})
        self.progress("train", self.optimizer_step, num_steps)
        return torch.tensor(taken.values["total"])

    def evaluate_batch(self, batch: SpeechBatch, stage: Any) -> Tensor:
        """Collect the dev outputs of one batch; the epoch's loss is taken from all of them together."""
        if len(self.dev) < self.common_dev_batches and any_rank(self.stop.wanted):
            self._leave()
        self._score(batch)
        return torch.zeros(())

    def score(self, weights: Mapping[str, Tensor], dev: DataLoader[SpeechBatch]) -> dict[str, float]:
        """Dev metrics of other weights, which stay in the modules."""
        self.modules.load_state_dict(weights)
        self.modules.eval()
        self.dev = []
        for batch in dev:
            self._score(batch)
        return self._gather_dev()[0]

    def _score(self, batch: SpeechBatch) -> None:
        batch = to_device(batch, self.device)
        with torch.no_grad(), self.evaluation_ctx:
            output = self.compute_forward(batch, Stage.VALID)
        one = DevRecord()
        one.add(
            output,
            batch,
            metrics=self.dev_metrics,
            objective=self.settings.objective,
            class_weight_C=self.class_weight_C,
        )
        self.dev.append(one)

    def _gather_dev(self) -> tuple[dict[str, float], float]:
        """Metrics and loss over what all processes scored."""
        shares = gathered(self.dev)
        whole = DevRecord.joined([one for row in zip_longest(*shares) for one in row if one is not None])
        return rounded(whole.scores(self.dev_metrics)), whole.loss(self.settings.objective)

    def on_stage_end(self, stage: Any, stage_loss: float, epoch: int | None = None) -> None:
        """Note the time; after dev write the epoch's line, keep its weights if they may be the best, checkpoint."""
        seconds = round(time.perf_counter() - self.started, 3)
        self._write("timing.jsonl", {"epoch": self.record.epoch, "stage": stage.name.lower(), "seconds": seconds})
        if stage == Stage.TRAIN:
            self.is_training_done, self.train_loss = True, stage_loss
            return
        metrics, loss = self._gather_dev()
        self.record.history.append((self.record.epoch, metrics))
        dev = {"loss": loss, **metrics}
        self._log({"kind": "epoch", **self._where(), **self.mix_seed, "train": self.record.summary(), "dev": dev})
        count = self.settings.average_best
        on_first(keep_candidates, self.folder, self.modules, self.record.scores(), count=count)
        self.average.swap()
        self._save_checkpoint(end_of_epoch=True)
        if (warning := collapse_warning(self.record, self.modules["model"], self.said_collapsed)) is not None:
            self.say(warning)
        self._check_routers()
        self._end_early()
        if any_rank(self.stop.wanted) and self.record.epoch < self.counter.limit:
            self._raise_preempted()

    def _end_early(self) -> None:
        if is_over(self.record.scores(), self.settings.patience):
            self.counter.limit = self.record.epoch

    def _check_routers(self) -> None:
        check_routers(self.record, self.modules["model"], strict=self.settings.strict_routing, run=self.folder)
