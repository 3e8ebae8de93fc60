"""How much memory an optimiser step will take, before the first one: what it keeps is counted on short noise.

Shape suffixes: B batch, N samples.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from merit_cli.carriers import SpeechBatch
from merit_cli.training.resume import random_states, restore_random_states

SAMPLE_RATE = 16_000
PROBE_SECONDS = (0.5, 1.0, 2.0)
"""Three lengths, because attention keeps memory with the square of the length."""
GIGABYTE, MEGABYTE = 1e9, 1e6
TRANSIENT = 1.2
"""For what comes and goes beside the activations: on five recipes the peak was 1.05 to 1.25 of what is kept."""
_WORD = 4  # bytes of a float32, which weights, gradients and AdamW's two moments are kept in
_CGROUP = Path("/sys/fs/cgroup")

Loss = Callable[[SpeechBatch], Tensor]


@dataclass(frozen=True)
class MemoryNeed:
    """Bytes that a step needs.

    Args:
        weights: Parameters and buffers.
        training: Gradients, AdamW's moments, the running average and gradients of tasks taken apart.
        activations: What the forward pass of one micro-batch keeps for the backward pass, and a margin.
        num_items: Utterances of that micro-batch.
        seconds: Length of each.
    """

    weights: int
    training: int
    activations: int
    num_items: int
    seconds: float

    @property
    def total(self) -> int:
        """All of it."""
        return self.weights + self.training + self.activations

    def describe(self, free: int | None) -> str:
        """A sentence for whoever started the run.

        Args:
            free: Bytes that the device has left; None where that is not known.
        """
        parts = (
            f"{in_words(self.weights + self.training)} weights and optimiser, {in_words(self.activations)} "
            f"activations of {self.num_items} x {self.seconds:.1f} s"
        )
        text = f"memory: a step needs about {in_words(self.total)} ({parts})"
        if free is None:
            return text
        short = "; lower batch_size and raise accumulation" if self.total > free else ""
        return f"{text}, {in_words(free)} is free{short}"


def in_words(size: int) -> str:
    """Bytes as text.

    >>> in_words(1_520_000_000), in_words(2_400_000)
    ('1.52 GB', '2.4 MB')
    """
    return f"{size / GIGABYTE:.2f} GB" if size >= GIGABYTE / 10 else f"{size / MEGABYTE:.1f} MB"


def memory_need(
    modules: nn.Module,
    loss: Loss,
    *,
    num_items: int,
    num_samples: int,
    autocast: AbstractContextManager[Any],
    keeps_average: bool,
    has_two_tasks: bool,
) -> MemoryNeed:
    """The need of a step of ``num_items`` utterances, counted on one short utterance of noise and scaled.

    Modules are left as they are, and nothing is drawn from the global generators.

    Args:
        modules: In train mode, on the CPU.
        loss: Of a batch, by the modules.
        num_items: Utterances of a micro-batch.
        num_samples: Of the longest.
        autocast: Context of the forward pass, on the CPU.
        keeps_average: Whether a running average of the weights is kept.
        has_two_tasks: Whether the gradients of two tasks are taken apart, as they are at logged steps.
    """
    lengths = [min(round(seconds * SAMPLE_RATE), num_samples) for seconds in PROBE_SECONDS]
    found = {length: _kept_bytes(modules, loss, length, autocast) for length in sorted(set(lengths))}
    tensors = [*modules.parameters(), *modules.buffers()]
    num_trained = sum(one.numel() for one in modules.parameters() if one.requires_grad)
    copies = 3 + keeps_average + 2 * has_two_tasks
    return MemoryNeed(
        weights=sum(one.numel() * one.element_size() for one in tensors),
        training=num_trained * _WORD * copies,
        activations=round(TRANSIENT * num_items * extrapolated(found, num_samples)),
        num_items=num_items,
        seconds=num_samples / SAMPLE_RATE,
    )


def extrapolated(found: Mapping[int, float], length: int) -> float:
    """The polynomial through the points, at ``length``.

    Source: Lagrange's form.

    >>> extrapolated({1: 2.0, 2: 5.0, 4: 17.0}, 10)  # n^2 + 1
    101.0
    """
    total = 0.0
    for place, value in found.items():
        for other in found:
            if other != place:
                value *= (length - other) / (place - other)
        total += value
    return total


def free_bytes(device: str) -> int | None:
    """Memory that the device has left; None where the system does not say."""
    if device.startswith("cuda"):
        return int(torch.cuda.mem_get_info(device)[0])
    limits = [value for value in (_available(), _left_in_group()) if value is not None]
    return min(limits) if limits else None


def _kept_bytes(modules: nn.Module, loss: Loss, num_samples: int, autocast: AbstractContextManager[Any]) -> int:
    """Bytes that a forward pass keeps for the backward pass, parameters apart."""
    own = {one.untyped_storage().data_ptr() for one in (*modules.parameters(), *modules.buffers())}
    kept: dict[int, int] = {}

    def note(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor  # alive until the graph is, so that no address comes twice

    states, buffers = random_states(), [(buffer, buffer.clone()) for buffer in modules.buffers()]
    generator = torch.Generator().manual_seed(0)
    clean_BN = torch.randn(1, num_samples, generator=generator)
    batch = SpeechBatch(
        ids=("probe",),
        noisy_BN=clean_BN + torch.randn(1, num_samples, generator=generator),
        lengths_B=torch.tensor([num_samples]),
        clean_BN=clean_BN,
        emotion_B=torch.tensor([0]),
    )
    hooks = torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor)
    with torch.enable_grad(), hooks, autocast:
        graph = loss(batch)
    del graph
    restore_random_states(states)
    for buffer, before in buffers:
        buffer.copy_(before)
    return sum(kept.values())


def _available() -> int | None:
    """Of the machine, as Linux reckons it."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")), None)


def _left_in_group() -> int | None:
    """Of the container."""
    try:
        limit, used = ((_CGROUP / f"memory.{name}").read_text(encoding="ascii").strip() for name in ("max", "current"))
    except OSError:
        return None
    return None if limit == "max" else max(int(limit) - int(used), 0)
