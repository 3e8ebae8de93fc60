"""Sparse dispatch equals the obvious loop over tasks, frames and experts, and computes no more than it must."""

import pytest
import torch
from torch import Tensor

from merit_cli.models.experts import ExpertPool
from merit_cli.models.routing import Gates, Router, RouterGradient

TASKS = ("enhancement", "emotion")


def problem(num_experts: int, num_chosen: int, router_grad: RouterGradient) -> tuple[ExpertPool, dict, Tensor, Tensor]:
    torch.manual_seed(7)
    pool = ExpertPool(num_experts, in_dim=6, hidden_dim=9, out_dim=4).double()
    routers = {
        task: Router(6, num_experts, experts_per_frame=num_chosen, router_grad=router_grad).double() for task in TASKS
    }
    fused = torch.randn(3, 11, 6, dtype=torch.float64, requires_grad=True)
    valid = torch.arange(11) < torch.tensor([[11], [4], [7]])
    return pool, routers, fused, valid


def dense_oracle(pool: ExpertPool, fused: Tensor, gates: dict[str, Gates]) -> dict[str, Tensor]:
    """Every expert on every frame, one frame at a time, masked afterwards."""
    mixed = {}
    for task, gate in gates.items():
        rows = []
        for utterance in range(fused.shape[0]):
            for frame in range(fused.shape[1]):
                total = torch.zeros(pool.out_dim, dtype=fused.dtype)
                for index, expert in enumerate(pool.experts):
                    output = expert(fused[utterance, frame])
                    for slot in range(gate.weight_BTK.shape[-1]):
                        is_chosen = gate.routing.chosen_BTK[utterance, frame, slot] == index
                        mask = float(is_chosen and gate.routing.valid_BT[utterance, frame])
                        total = total + mask * gate.weight_BTK[utterance, frame, slot] * output
                rows.append(total)
        mixed[task] = torch.stack(rows).view(*fused.shape[:2], -1)
    return mixed


def value_and_gradients(outputs: dict[str, Tensor], leaves: list[Tensor]) -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    loss = sum(
        (out * torch.randn(out.shape, generator=generator, dtype=out.dtype)).square().sum() for out in outputs.values()
    )
    gradients = torch.autograd.grad(loss, leaves, retain_graph=True, allow_unused=True)
    zeros = [torch.zeros_like(leaf) if one is None else one for leaf, one in zip(leaves, gradients, strict=True)]
    return [*outputs.values(), *zeros]


@pytest.mark.parametrize("router_grad", ["prob_scaled", "straight_through", "none"])
@pytest.mark.parametrize(("num_experts", "num_chosen"), [(1, 1), (3, 1), (4, 2), (3, 3)])
def test_dispatch_equals_the_dense_oracle(num_experts: int, num_chosen: int, router_grad: RouterGradient) -> None:
    pool, routers, fused, valid = problem(num_experts, num_chosen, router_grad)
    gates = {task: router(fused, valid) for task, router in routers.items()}
    leaves = [fused, *pool.parameters(), *(p for router in routers.values() for p in router.parameters())]
    ours = value_and_gradients(pool(fused, gates), leaves)
    oracle = value_and_gradients(dense_oracle(pool, fused, gates), leaves)
    for mine, theirs in zip(ours, oracle, strict=True):
        scale = max(theirs.abs().max().item(), 1e-3)
        assert (mine - theirs).abs().max().item() <= 1e-10 * scale


def test_each_expert_runs_once_on_the_union_of_its_frames() -> None:
    pool, routers, fused, valid = problem(3, 1, "prob_scaled")
    gates = {task: router(fused, valid) for task, router in routers.items()}
    seen: dict[int, list[int]] = {}
    for index, expert in enumerate(pool.experts):
        expert.register_forward_pre_hook(
            lambda _module, inputs, index=index: seen.setdefault(index, []).append(len(inputs[0]))
        )
    pool(fused, gates)
    for index in range(3):
        chosen = [gate.routing.chosen_BTK[..., 0] == index for gate in gates.values()]
        union = int(((chosen[0] | chosen[1]) & valid).sum())
        assert seen.get(index, []) == ([union] if union else [])


def test_all_experts_with_probability_weights_are_the_dense_mixture() -> None:
    pool, routers, fused, valid = problem(3, 3, "prob_scaled")
    gates = {task: router(fused, valid) for task, router in routers.items()}
    stacked = torch.stack([expert(fused) for expert in pool.experts], dim=-1)
    for task, out in pool(fused, gates).items():
        dense = (stacked * gates[task].routing.probabilities_BTE.unsqueeze(2)).sum(-1) * valid.unsqueeze(-1)
        assert torch.allclose(out, dense, rtol=1e-10)
