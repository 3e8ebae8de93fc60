"""The paper's expert block, forward and backward: our dispatch, and the dense loop of the released design.

    python recipes/benchmarks/training/blocks.py NUM_EXPERTS FRAMES ROUNDS     # prints its cells as JSON

Both share one set of weights. The dense loop runs every expert on every frame and masks afterwards; its work is the
same for any number of chosen experts.
"""

import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from training.heap import PeakMemory

from merit_cli.carriers import EncoderShape, Routing
from merit_cli.models.experts import plan_dispatch
from merit_cli.models.routing import Gates
from merit_cli.models.sparse_merit import ExpertBlock, SparseMeritConfig

WAVLM_LARGE = EncoderShape(25, 1024, (10, 3, 3, 3, 3, 2, 2), (5, 2, 2, 2, 2, 2, 2))
HIDDEN, OUT = 4096, 1024
GIGABYTES_OF_AN_EXPERT = 2 * 4 * 109_057_024 / 2**30
"""Weights and gradients."""
Frames = dict[str, Tensor]
Run = Callable[[Tensor], Frames]


class Measured(NamedTuple):
    """Processor seconds, peak megabytes beyond what was held before, and outputs with the input's gradient."""

    seconds: float
    megabytes: float
    tensors: list[Tensor]


@dataclass(frozen=True)
class Cell:
    """One row of the table.

    Args:
        num_experts: N.
        num_chosen: K.
        loads: Share of the frames of each expert, both tasks pooled.
        union: Mean number of different experts of a frame.
        ours: Processor seconds, forward and backward.
        dense: Likewise, of the dense loop.
        ours_megabytes: Peak memory beyond the weights.
        dense_megabytes: Likewise.
        difference: Largest difference of outputs and input gradient, over the largest value; None where the dense
            loop ran with another number of chosen experts.
    """

    num_experts: int
    num_chosen: int
    loads: tuple[float, ...]
    union: float
    ours: float
    dense: float
    ours_megabytes: float
    dense_megabytes: float
    difference: float | None

    @property
    def limit(self) -> float:
        """What this routing allows: all experts over those that are needed."""
        return self.num_experts / self.union

    @property
    def share(self) -> float:
        """Of the limit, that was reached."""
        return self.dense / self.ours / self.limit


def cells(num_experts: int, *, num_frames: int, rounds: int) -> list[Cell]:
    """Top-1 and top-2 for a pool of that size, taken in turn with the dense loop; the least of each counts."""
    torch.manual_seed(0)
    sizes = SparseMeritConfig(
        num_experts=num_experts, trunk_blocks=None, expert_hidden=HIDDEN, expert_dim=OUT, router_input="raw"
    )
    block = sizes.build_block(WAVLM_LARGE)
    layers = torch.randn(1, WAVLM_LARGE.num_layers, num_frames, WAVLM_LARGE.dim)
    valid = torch.ones(1, num_frames, dtype=torch.bool)
    runs: dict[str, Run] = {
        "1": lambda x: _choosing(block, 1)(x, valid)[0],
        "dense": lambda x: dense_masked(_choosing(block, 1), x, valid),
        "2": lambda x: _choosing(block, 2)(x, valid)[0],
    }
    if num_experts == 1:
        del runs["2"]
    taken: dict[str, list[Measured]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            taken[name].append(_measured(run, block, layers))
    difference = _difference(taken["1"][0].tensors, taken["dense"][0].tensors)
    return [
        _cell(_choosing(block, int(name)), layers, valid, taken[name], taken["dense"], difference)
        for name in runs
        if name != "dense"
    ]


def touch_memory(gigabytes: float) -> None:
    """Ask for memory once before anything is timed: on a virtual machine the first touch of a page is slow."""
    torch.empty(int(gigabytes * 2**30 / 4)).fill_(1.0)


def _choosing(block: ExpertBlock, num_chosen: int) -> ExpertBlock:
    """The block, its routers set to choose so many experts."""
    for router in block.routers.values():
        router.experts_per_frame = num_chosen  # type: ignore[assignment]
    return block


def dense_masked(block: ExpertBlock, layers_BLTD: Tensor, valid_BT: Tensor) -> Frames:
    """Every expert on every frame, stacked; each task's mask picks afterwards."""
    fused_BTX = block.fusion(layers_BLTD)
    stacked_BTED = torch.stack([expert(fused_BTX) for expert in block.experts.experts], dim=2)
    mixed = {}
    for task, router in block.routers.items():
        gates: Gates = router(fused_BTX, valid_BT)
        num_experts = stacked_BTED.shape[2]
        mask_BTE = gates.weight_BTK.new_zeros(*valid_BT.shape, num_experts)
        mask_BTE = mask_BTE.scatter(-1, gates.expert_BTK, gates.weight_BTK)
        mixed[task] = (stacked_BTED * mask_BTE.unsqueeze(-1)).sum(2)
    return mixed


def _measured(run: Run, block: ExpertBlock, layers: Tensor) -> Measured:
    """One forward and backward pass."""
    leaf = layers.clone().requires_grad_()
    block.zero_grad(set_to_none=True)
    with PeakMemory() as peak:
        started = time.process_time()
        outputs = run(leaf)
        torch.stack([out.square().mean() for out in outputs.values()]).sum().backward()
        seconds = time.process_time() - started
    block.zero_grad(set_to_none=True)
    assert leaf.grad is not None
    return Measured(seconds, peak.megabytes, [*(out.detach() for out in outputs.values()), leaf.grad])


def _difference(ours: list[Tensor], dense: list[Tensor]) -> float:
    return max(float((a - b).abs().max() / b.abs().max()) for a, b in zip(ours, dense, strict=True))


def _cell(
    block: ExpertBlock,
    layers: Tensor,
    valid: Tensor,
    ours: list[Measured],
    dense: list[Measured],
    difference: float,
) -> Cell:
    num_experts = len(block.experts.experts)
    with torch.no_grad():
        fused = block.fusion(layers)
        routing: dict[str, Routing] = {task: router(fused, valid).routing for task, router in block.routers.items()}
    chosen = {task: one.chosen_BTK[valid] for task, one in routing.items()}
    counts = torch.bincount(torch.cat([one.flatten() for one in chosen.values()]), minlength=num_experts)
    num_chosen = next(iter(chosen.values())).shape[1]
    return Cell(
        num_experts=num_experts,
        num_chosen=num_chosen,
        loads=tuple((counts / counts.sum()).tolist()),
        union=len(plan_dispatch(chosen, num_experts).frame_U) / layers.shape[2],
        ours=min(one.seconds for one in ours),
        dense=min(one.seconds for one in dense),
        ours_megabytes=max(one.megabytes for one in ours),
        dense_megabytes=max(one.megabytes for one in dense),
        difference=difference if num_chosen == 1 else None,
    )


if __name__ == "__main__":
    torch.set_num_threads(1)
    pool_size, frames, turns = (int(argument) for argument in sys.argv[1:])
    touch_memory(pool_size * GIGABYTES_OF_AN_EXPERT + 1.0)
    print(json.dumps([asdict(cell) for cell in cells(pool_size, num_frames=frames, rounds=turns)]))
