"""What a step will take in memory is counted, and counting changes nothing."""

import random
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from merit_cli.carriers import SpeechBatch
from merit_cli.training.memory import GIGABYTE, TRANSIENT, MemoryNeed, free_bytes, memory_need

NUM_HIDDEN = 7


class Squares(nn.Module):
    """Keeps (N, hidden) and, by attention, (N, N) for each item, in float32."""

    def __init__(self, *, attends: bool) -> None:
        super().__init__()
        self.widen = nn.Linear(1, NUM_HIDDEN, bias=False)
        self.drop = nn.Dropout(0.5)
        self.attends = attends
        self.register_buffer("seen", torch.zeros(()))

    def forward(self, batch: SpeechBatch) -> Tensor:
        self.seen += 1
        hidden_BNH = self.widen(batch.noisy_BN.unsqueeze(-1)[:, ::500])
        if self.attends:
            return (hidden_BNH @ hidden_BNH.transpose(1, 2)).square().sum()
        return hidden_BNH.square().sum()


def need_of(module: nn.Module, *, num_items: int = 3, num_samples: int = 80_000, num_copies: int = 0) -> MemoryNeed:
    return memory_need(
        module,
        module,
        num_items=num_items,
        num_samples=num_samples,
        autocast=nullcontext(),
        keeps_average=num_copies > 0,
        has_two_tasks=num_copies > 1,
    )


@pytest.mark.parametrize("attends", [False, True])
def test_what_is_kept_for_the_backward_pass_is_counted_to_the_byte(*, attends: bool) -> None:
    need = need_of(Squares(attends=attends))
    frames = 80_000 // 500
    waves = 80_000  # the strided input keeps the whole of its storage
    kept = waves + frames * NUM_HIDDEN + (frames**2 if attends else 0)
    assert need.activations == pytest.approx(TRANSIENT * 3 * 4 * kept, rel=1e-6)
    assert (need.num_items, need.seconds) == (3, 5.0)


def test_gradients_moments_average_and_gradients_of_tasks_are_counted() -> None:
    sizes = [need_of(Squares(attends=False), num_copies=number).training for number in (0, 1, 2)]
    assert [size // (4 * NUM_HIDDEN) for size in sizes] == [3, 4, 6]
    frozen = Squares(attends=False).requires_grad_(False)
    assert need_of(frozen).training == need_of(frozen).activations == 0
    assert need_of(frozen).weights == 4 * (NUM_HIDDEN + 1)


def test_a_signal_shorter_than_the_probes_is_counted_as_it_is() -> None:
    assert need_of(Squares(attends=True), num_samples=4000).activations == pytest.approx(
        TRANSIENT * 3 * 4 * (4000 + 8 * NUM_HIDDEN + 64)
    )


def test_counting_leaves_buffers_and_random_states_alone() -> None:
    module = Squares(attends=False)
    before = (torch.get_rng_state(), np.random.get_state()[1].tolist(), random.getstate())  # type: ignore[index,union-attr]
    need_of(module)
    assert int(module.seen) == 0
    assert torch.equal(torch.get_rng_state(), before[0])
    assert np.random.get_state()[1].tolist() == before[1]  # type: ignore[index,union-attr]
    assert random.getstate() == before[2]
    assert all(one.grad is None for one in module.parameters())


def test_the_sentence_advises_a_smaller_batch_only_where_the_memory_is_short() -> None:
    need = MemoryNeed(weights=10**8, training=4 * 10**8, activations=15 * 10**8, num_items=8, seconds=12.0)
    known = "memory: a step needs about 2.00 GB (0.50 GB weights and optimiser, 1.50 GB activations of 8 x 12.0 s)"
    assert need.describe(None) == known
    assert need.describe(3 * 10**9) == f"{known}, 3.00 GB is free"
    assert need.describe(10**9) == f"{known}, 1.00 GB is free; lower batch_size and raise accumulation"


def test_the_free_memory_of_this_machine_is_known_where_the_system_says_it() -> None:
    free = free_bytes("cpu")
    if not Path("/proc/meminfo").exists():
        pytest.skip("not a Linux")
    assert free is not None
    assert 0.01 * GIGABYTE < free < 1e5 * GIGABYTE


def test_a_run_says_what_it_needs_and_trains_as_without(noisy_corpus: Path, tmp_path: Path) -> None:
    import sys

    sys.path.insert(0, str(Path(__file__).parent))
    from train_tiny import tiny_recipe

    from merit_cli.workers import Machine
    from merit_cli.workflows.train import run_train

    said: list[str] = []
    machine = replace(Machine(workers=1), say=said.append)
    run_train(tiny_recipe(epochs=1), noisy_corpus, output=tmp_path / "run", machine=machine)
    assert len(said) == 1
    assert "activations of 2 x 0.6 s" in said[0]
