"""Going on from where a run stopped, to the bit.

A checkpoint holds the weights, the optimiser, the epoch, the step, the random states and what was
summed up so far in the epoch. It is written aside and takes its name by rename, so that a kill at any
moment leaves a whole one. SpeechBrain's Checkpointer finds and loads it. Nothing in it is unpickled:
weights are safetensors, the rest is read by `torch.load` with ``weights_only``.
"""

import os
import random
import shutil
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import nn

import merit_cli.torchaudio_bridge  # noqa: F401
from merit_cli.io.atomic import cannot_write
from merit_cli.io.jsonl import read_lines, write_lines

from speechbrain.utils.checkpoints import Checkpointer  # isort: skip - the bridge goes first

STEP_KEY = "optimiser_step"
PREEMPTED = "PREEMPTED"
"""File in the run folder of a torchrun job that was asked to stop and saved its state."""


class WholeCheckpointer(Checkpointer):  # type: ignore[misc]
    """A Checkpointer whose checkpoints appear whole or not at all, and that keeps only the last."""

    checkpoints_dir: Path

    def save_step(self, step: int, *, end_of_epoch: bool) -> None:
        """Save everything as of optimiser step ``step`` and drop older checkpoints.

        Raises:
            Unavailable: The disk is full or not writable.
        """
        final: Path = self.checkpoints_dir
        aside = final / "writing"
        shutil.rmtree(aside, ignore_errors=True)
        name = f"step-{step:08d}-{'epoch' if end_of_epoch else 'within'}"
        try:
            aside.mkdir(parents=True)
            self.checkpoints_dir = aside
            saved = self.save_checkpoint(meta={STEP_KEY: step}, end_of_epoch=end_of_epoch, name=name)
            place = final / saved.path.name
            shutil.rmtree(place, ignore_errors=True)  # the same step again, after a resume
            os.replace(saved.path, place)
        except OSError as error:
            raise cannot_write(final, error) from error
        finally:
            self.checkpoints_dir = final
        shutil.rmtree(aside, ignore_errors=True)
        for old in final.glob("CKPT+*"):
            if old != place:
                shutil.rmtree(old, ignore_errors=True)

    def add_state(self, name: str, item: object, state: Callable[[], Any], restore: Callable[[Any], None]) -> None:
        """Make plain data and tensors part of every checkpoint.

        Args:
            name: Of the file.
            item: Whose state it is.
            state: Gives the data.
            restore: Takes the data that was loaded.
        """
        self.add_recoverable(
            name,
            item,
            custom_save_hook=lambda _, path: save_state(state(), path),
            custom_load_hook=lambda _, path, end_of_epoch: restore(load_state(path)),
        )

    def recover_last(self) -> bool:
        """Load the newest checkpoint; False where there is none."""
        found = [c for c in self.list_checkpoints() if STEP_KEY in c.meta]
        if not found:
            return False
        self.load_checkpoint(max(found, key=lambda c: (c.meta[STEP_KEY], c.meta["end-of-epoch"])))
        return True


def make_checkpointer(folder: Path, modules: Mapping[str, nn.Module]) -> WholeCheckpointer:
    """A checkpointer in ``folder`` that keeps the modules as safetensors."""
    checkpointer = WholeCheckpointer(str(folder))
    for name, module in modules.items():
        checkpointer.add_recoverable(
            name,
            module,
            custom_save_hook=lambda item, path: save_weights(item, Path(path)),
            custom_load_hook=lambda item, path, end_of_epoch: load_weights(item, Path(path)),
        )
    return checkpointer


def save_weights(module: nn.Module, path: Path) -> None:
    """The module's state as safetensors."""
    save_file({name: tensor.detach().cpu().contiguous() for name, tensor in module.state_dict().items()}, str(path))


def load_weights(module: nn.Module, path: Path) -> None:
    """Load what `save_weights` wrote; every name must match."""
    module.load_state_dict(load_file(str(path)), strict=True)


def save_state(value: Any, path: Path) -> None:
    """Plain data and tensors, for `load_state`."""
    torch.save(value, path)


def load_state(path: Path) -> Any:
    """What `save_state` wrote; only tensors and plain data are read."""
    return torch.load(path, map_location="cpu", weights_only=True)


def random_states() -> dict[str, Any]:
    """The states of python's, numpy's and torch's global generators, of the GPU in use too, as plain data."""
    version, numbers, gauss = random.getstate()
    legacy: Any = np.random.get_state()
    return {
        "python": [version, list(numbers), gauss],
        "numpy": [legacy[0], torch.from_numpy(legacy[1].astype(np.int64)), *legacy[2:]],
        "torch": torch.get_rng_state(),
        "cuda": [torch.cuda.get_rng_state()] if torch.cuda.is_available() else [],
    }


def restore_random_states(states: Mapping[str, Any]) -> None:
    """Put back what `random_states` gave."""
    version, numbers, gauss = states["python"]
    random.setstate((version, tuple(numbers), gauss))
    name, keys, position, has_gauss, cached = states["numpy"]
    np.random.set_state((name, keys.numpy().astype(np.uint32), position, has_gauss, cached))
    torch.set_rng_state(states["torch"])
    if torch.cuda.is_available() and states["cuda"]:
        torch.cuda.set_rng_state(states["cuda"][0])


def keep_first_lines(path: Path, count: int) -> None:
    """Cut a JSON-lines file to its first ``count`` lines: what was written after the checkpoint comes again."""
    if path.exists():
        lines = [line for _, line in read_lines(path, torn_tail=True)]
        if len(lines) != count or path.read_bytes()[-1:] != b"\n":
            write_lines(path, lines[:count])


class StopRequest:
    """Whether the process was asked to end."""

    def __init__(self) -> None:
        self.wanted = False


@contextmanager
def stop_on_sigterm() -> Iterator[StopRequest]:
    """A flag that SIGTERM sets while the block runs, in place of ending the process."""
    request = StopRequest()

    def note(number: int, frame: FrameType | None) -> None:
        request.wanted = True

    before = signal.signal(signal.SIGTERM, note)
    try:
        yield request
    finally:
        signal.signal(signal.SIGTERM, before)
