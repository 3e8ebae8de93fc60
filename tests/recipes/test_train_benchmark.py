"""The training benchmark compares what it says: one computation done twice, and limits of the routing it had."""

import ctypes
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
import torch

from merit_cli.carriers import EncoderShape
from merit_cli.models.sparse_merit import SparseMeritConfig

FOLDER = Path(__file__).parents[2] / "recipes" / "benchmarks"


@pytest.fixture
def blocks(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    monkeypatch.syspath_prepend(str(FOLDER))
    from training import blocks

    monkeypatch.setattr(blocks, "WAVLM_LARGE", EncoderShape(3, 8, (400,), (320,)))
    monkeypatch.setattr(blocks, "HIDDEN", 16)
    monkeypatch.setattr(blocks, "OUT", 8)
    yield blocks
    for name in [name for name in sys.modules if name.split(".")[0] == "training"]:
        del sys.modules[name]


@pytest.mark.parametrize("num_chosen", [1, 2])
def test_the_dense_loop_computes_what_the_dispatch_computes(blocks: ModuleType, num_chosen: int) -> None:
    torch.manual_seed(0)
    config = SparseMeritConfig(num_experts=4, experts_per_frame=num_chosen, expert_hidden=16, expert_dim=8)
    block = config.build_block(blocks.WAVLM_LARGE).double().eval()
    layers, valid = torch.randn(2, 3, 20, 8, dtype=torch.float64), torch.ones(2, 20, dtype=torch.bool)
    dense = blocks.dense_masked(block, layers, valid)
    for task, ours in block(layers, valid)[0].items():
        assert torch.allclose(ours, dense[task], rtol=1e-10)


def test_cells_name_the_limit_of_their_own_routing(blocks: ModuleType) -> None:
    top1, top2 = blocks.cells(4, num_frames=50, rounds=1)
    assert (top1.num_chosen, top2.num_chosen) == (1, 2)
    assert 1.0 <= top1.union <= 2.0 <= top2.union <= 4.0
    assert top1.limit == pytest.approx(4 / top1.union)
    assert sum(top1.loads) == pytest.approx(1.0)
    assert top1.share == pytest.approx(top1.dense / top1.ours / top1.limit)
    assert top1.difference < 1e-5
    assert top2.difference is None


def test_a_pool_of_one_has_one_cell_and_no_limit_to_gain(blocks: ModuleType) -> None:
    (only,) = blocks.cells(1, num_frames=20, rounds=1)
    assert (only.union, only.limit, only.loads) == (1.0, 1.0, (1.0,))


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallinfo2"), reason="asks glibc for the peak")
def test_peak_memory_is_what_was_allocated_at_once(blocks: ModuleType) -> None:
    with blocks.PeakMemory() as peak:
        for _ in range(3):
            kept = torch.empty(50 * 2**20 // 4).fill_(1.0)
            time.sleep(0.05)
            del kept
    assert peak.megabytes == pytest.approx(50.0, abs=10.0)
