"""A Brain that stops when asked and goes on to the bit, alone or in a job of several processes.

Only the first process writes. A checkpoint holds the random states of all; a run may go on with another number of
processes, whose further ones then begin with draws of their own.
"""

from pathlib import Path
from typing import Any

import merit_cli.torchaudio_bridge  # noqa: F401
from merit_cli.errors import Preempted, Unavailable
from merit_cli.io.atomic import write_text
from merit_cli.io.jsonl import LineWriter
from merit_cli.training.average import WeightAverage
from merit_cli.training.board import Board
from merit_cli.training.epoch_record import EpochRecord, rounded
from merit_cli.training.ranks import any_rank, copy_from_first, gathered, num_ranks, on_first, rank
from merit_cli.training.resume import (
    PREEMPTED,
    StopRequest,
    WholeCheckpointer,
    random_states,
    restore_random_states,
)
from merit_cli.training.settings import FitSettings
from merit_cli.training.step import Stepper

from speechbrain.core import Brain  # isort: skip - the bridge goes first


class ResumableBrain(Brain):  # type: ignore[misc]
    """Checkpoints, stopping and the run's lines; what is fitted and how is left to `MeritBrain`."""

    settings: FitSettings
    folder: Path
    stop: StopRequest
    record: EpochRecord
    average: WeightAverage
    stepper: Stepper
    checkpointer: WholeCheckpointer
    random: list[dict[str, Any]]
    board: Board | None = None
    is_training_done: bool
    train_loss: float

    def progress_state(self) -> dict[str, Any]:
        """Epoch record, random states, averaged weights and task weights, as plain data and tensors."""
        return {
            "record": self.record.to_state(),
            "random": self.random[0],
            "other_random": self.random[1:],
            "average": self.average.state(),
            "balance": self.stepper.balance.state(),
        }

    def restore_progress(self, state: dict[str, Any]) -> None:
        """Put back what `progress_state` gave."""
        self.record = EpochRecord.from_state(state["record"])
        states = [state["random"], *state.get("other_random", [])]
        if rank() < len(states):  # one of more processes than before has drawn nothing yet
            restore_random_states(states[rank()])
        self.average.restore(state["average"])
        self.stepper.balance.restore(state["balance"])

    def _start_together(self) -> None:
        """Begin with the same weights in every process, at the same step."""
        if len(set(gathered(self.optimizer_step))) > 1:
            raise Unavailable(
                "the processes of this job do not see the same checkpoint",
                place=str(self.folder),
                hint="put the run folder where every machine of the job can read it",
            )
        on_first((self.folder / PREEMPTED).unlink, missing_ok=True)
        copy_from_first(self.modules)
        if self.stepper.adversary is not None:
            copy_from_first(self.stepper.adversary.discriminator)

    def _should_save_intra_epoch_ckpt(self, last_ckpt_time: float, steps_since_ckpt: int) -> bool:
        if any_rank(self.stop.wanted):
            self._leave()
        every = self.settings.checkpoint_every_steps
        return every > 0 and self.record.batches_done % every == 0

    def _save_intra_epoch_ckpt(self) -> None:
        self._save_checkpoint(end_of_epoch=False)

    def _save_checkpoint(self, *, end_of_epoch: bool) -> None:
        self.random = gathered(random_states())
        on_first(self.checkpointer.save_step, self.optimizer_step, end_of_epoch=end_of_epoch)

    def _leave(self) -> None:
        """Save, in mid-epoch, and end."""
        if self.is_training_done:  # dev was under way: the checkpoint stands at the end of training
            self.step, self.avg_train_loss = self.record.batches_done, self.train_loss
            self.average.swap()
        self._save_intra_epoch_ckpt()
        self._raise_preempted()

    def _raise_preempted(self) -> None:
        if num_ranks() > 1:  # torchrun answers 1 whatever its processes do: the file says why they ended
            on_first(write_text, self.folder / PREEMPTED, f"step {self.optimizer_step}\n")
        raise Preempted(
            f"training was asked to stop in epoch {self.record.epoch} and saved its state",
            place=str(self.folder),
            hint="the same command goes on from here",
        )

    def _where(self) -> dict[str, int]:
        return {"epoch": self.record.epoch, "step": self.optimizer_step}

    def _log(self, line: dict[str, Any]) -> None:
        written = rounded(line)
        self._write("metrics.jsonl", written)
        if self.board is not None:
            self.board.add(written)
        self.record.lines_written += 1

    def _write(self, name: str, line: dict[str, Any]) -> None:
        if rank() == 0:
            with LineWriter(self.folder / name) as writer:
                writer.append(line)
