"""Sparse dispatch equals the obvious loop over tasks, frames and experts, and computes no more than it must."""

import pytest
import torch
from torch import Tensor

from merit_cli.models.experts import Expert, ExpertPool, LayerSumExpert, plan_dispatch
from merit_cli.models.grouped import can_group, grouped_experts
from merit_cli.models.routing import FixedRouter, Gates, Router, RouterGradient

TASKS = ("enhancement", "emotion")
Problem = tuple[ExpertPool, dict[str, Router], Tensor, Tensor]


def mlp_pool(num_experts: int) -> ExpertPool:
    return ExpertPool((Expert(6, 9, 4) for _ in range(num_experts)), out_dim=4)


def problem(num_experts: int, num_chosen: int, router_grad: RouterGradient = "prob_scaled") -> Problem:
    torch.manual_seed(7)
    pool = mlp_pool(num_experts).double()
    routers = {
        task: Router(6, num_experts, experts_per_frame=num_chosen, router_grad=router_grad).double() for task in TASKS
    }
    fused = torch.randn(3, 11, 6, dtype=torch.float64, requires_grad=True)
    valid = torch.arange(11) < torch.tensor([[11], [4], [7]])
    return pool, routers, fused, valid


def forward(parts: Problem) -> tuple[dict[str, Tensor], dict[str, Gates]]:
    pool, routers, fused, valid = parts
    gates = {task: router(fused, valid) for task, router in routers.items()}
    return pool(fused, gates, valid), gates


def dense_oracle(pool: ExpertPool, fused: Tensor, gates: dict[str, Gates], valid: Tensor) -> dict[str, Tensor]:
    """Every expert on every frame, one frame at a time, masked afterwards."""
    mixed = {}
    for task, gate in gates.items():
        rows = []
        for utterance in range(fused.shape[0]):
            for frame in range(fused.shape[1]):
                total = torch.zeros(pool.out_dim, dtype=fused.dtype)
                for index, expert in enumerate(pool.experts):
                    output = expert(fused[utterance, frame : frame + 1])[0]
                    for slot in range(gate.weight_BTK.shape[-1]):
                        is_chosen = gate.expert_BTK[utterance, frame, slot] == index
                        mask = float(is_chosen and valid[utterance, frame])
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


def assert_equal_to_the_oracle(parts: Problem) -> None:
    pool, routers, fused, valid = parts
    outputs, gates = forward(parts)
    leaves = [fused, *pool.parameters(), *(p for router in routers.values() for p in router.parameters())]
    ours = value_and_gradients(outputs, leaves)
    oracle = value_and_gradients(dense_oracle(pool, fused, gates, valid), leaves)
    for mine, theirs in zip(ours, oracle, strict=True):
        assert (mine - theirs).abs().max() <= 1e-10 * theirs.abs().max()


@pytest.mark.parametrize("num_chosen", [1, 2])
@pytest.mark.parametrize("num_experts", range(1, 9))
def test_dispatch_equals_the_dense_oracle_in_value_and_every_gradient(num_experts: int, num_chosen: int) -> None:
    assert_equal_to_the_oracle(problem(num_experts, min(num_chosen, num_experts)))


@pytest.mark.parametrize("router_grad", ["straight_through", "straight_through_dense", "none"])
@pytest.mark.parametrize(("num_experts", "num_chosen"), [(1, 1), (3, 1), (4, 2), (3, 3)])
def test_dispatch_equals_the_dense_oracle_for_every_router_gradient(
    num_experts: int, num_chosen: int, router_grad: RouterGradient
) -> None:
    assert_equal_to_the_oracle(problem(num_experts, num_chosen, router_grad))


def test_an_expert_without_a_frame_changes_nothing_and_has_no_gradient() -> None:
    parts = problem(4, 1)
    for router in parts[1].values():
        router.linear.bias.data[2] = -1e3
    outputs, _ = forward(parts)
    sum(out.sum() for out in outputs.values()).backward()
    assert all(parameter.grad is None for parameter in parts[0].experts[2].parameters())
    assert_equal_to_the_oracle(parts)


@pytest.mark.parametrize(("num_experts", "num_chosen"), [(3, 1), (8, 1), (8, 2)])
def test_each_expert_runs_once_on_exactly_the_union_of_its_frames(num_experts: int, num_chosen: int) -> None:
    parts = problem(num_experts, num_chosen)
    pool, _, fused, valid = parts
    seen: dict[int, list[Tensor]] = {}
    for index, expert in enumerate(pool.experts):
        expert.register_forward_pre_hook(
            lambda _module, inputs, index=index: seen.setdefault(index, []).append(inputs[0])
        )
    _, gates = forward(parts)
    for index in range(num_experts):
        union = torch.zeros_like(valid)
        for gate in gates.values():
            union |= (gate.routing.logits_BTE.topk(num_chosen).indices == index).any(-1) & valid
        calls = seen.get(index, [])
        assert len(calls) == int(union.any())
        assert torch.equal(torch.cat([*calls, fused.new_zeros(0, 6)]), fused[union])


def test_a_batch_of_padding_alone_gives_zeros() -> None:
    pool, routers, fused, _ = problem(3, 1)
    outputs, _ = forward((pool, routers, fused, torch.zeros(3, 11, dtype=torch.bool)))
    assert all(not out.any() and out.shape == (3, 11, 4) for out in outputs.values())


def test_padding_is_never_looked_at() -> None:
    pool, routers, fused, valid = problem(3, 1)
    outputs, _ = forward((pool, routers, fused, valid))
    spoilt, _ = forward((pool, routers, fused.detach().masked_fill(~valid.unsqueeze(-1), torch.nan), valid))
    assert all(torch.equal(outputs[task], spoilt[task]) for task in TASKS)


def test_all_experts_with_probability_weights_are_the_dense_mixture() -> None:
    parts = problem(3, 3)
    pool, _, fused, valid = parts
    stacked = torch.stack([expert(fused) for expert in pool.experts], dim=-1)
    outputs, gates = forward(parts)
    for task, out in outputs.items():
        dense = (stacked * gates[task].routing.probabilities_BTE.unsqueeze(2)).sum(-1) * valid.unsqueeze(-1)
        assert torch.allclose(out, dense, rtol=1e-10)


def test_dense_straight_through_has_the_values_of_the_chosen_and_the_gradient_of_all() -> None:
    parts = problem(3, 1, "straight_through_dense")
    pool, routers, fused, valid = parts
    outputs, gates = forward(parts)
    outputs["emotion"].sum().backward()
    routing = gates["emotion"].routing
    picked = torch.stack([expert(fused) for expert in pool.experts], 2)  # (B, T, E, D)
    chosen = picked.gather(2, routing.chosen_BTK.unsqueeze(-1).expand(-1, -1, -1, 4)).squeeze(2)
    assert torch.allclose(outputs["emotion"], chosen * valid.unsqueeze(-1), rtol=1e-12)
    weight, bias = (parameter.detach().requires_grad_() for parameter in routers["emotion"].linear.parameters())
    soft = (torch.nn.functional.linear(fused, weight, bias).softmax(-1).unsqueeze(-1) * picked.detach()).sum(2)
    soft[valid].sum().backward()
    assert torch.allclose(routers["emotion"].linear.weight.grad, weight.grad, rtol=1e-9)


def test_a_fixed_router_sends_each_task_to_its_own_expert() -> None:
    pool, _, fused, valid = problem(2, 1)
    gates = {task: FixedRouter(index)(fused, valid) for index, task in enumerate(TASKS)}
    outputs = pool(fused, gates, valid)
    for index, task in enumerate(TASKS):
        assert gates[task].routing is None
        assert torch.allclose(outputs[task], pool.experts[index](fused) * valid.unsqueeze(-1), rtol=1e-12)


def test_layer_sum_expert_is_a_softmax_weighted_sum_of_the_layers() -> None:
    torch.manual_seed(0)
    expert = LayerSumExpert(3, 4).double()
    layers = torch.randn(5, 3, 4, dtype=torch.float64)
    weights = [w.exp() / sum(v.exp() for v in expert.weight_L) for w in expert.weight_L]
    naive = sum(weight * layers[:, index] for index, weight in enumerate(weights))
    assert torch.allclose(expert(layers.flatten(1)), naive, rtol=1e-12)


def test_plan_lists_frames_by_expert() -> None:
    chosen = {"a": torch.randint(5, (40, 2)), "b": torch.randint(5, (40, 2))}
    plan = plan_dispatch(chosen, 5)
    expert_U = torch.arange(5).repeat_interleave(plan.rows_E)
    for task, chosen_MK in chosen.items():
        assert torch.equal(expert_U[plan.row[task]], chosen_MK)
        assert torch.equal(plan.frame_U[plan.row[task]], torch.arange(40).unsqueeze(1).expand(40, 2))
    assert len(plan.frame_U) == len({(m, e) for c in chosen.values() for m, row in enumerate(c.tolist()) for e in row})


@pytest.mark.parametrize("rows", [[13, 7, 0, 20], [0, 0, 0, 5], [1, 1, 1, 1]])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.bfloat16, 2e-2)])
def test_grouped_products_equal_the_loop(rows: list[int], dtype: torch.dtype, tolerance: float) -> None:
    torch.manual_seed(3)
    pool = ExpertPool((Expert(16, 24, 8) for _ in rows), out_dim=8).to(dtype)
    frames = torch.randn(sum(rows), 16).to(dtype).requires_grad_()
    leaves = [frames, *pool.parameters()]
    results = []
    for outputs in (grouped_experts(pool.experts, frames, torch.tensor(rows)), pool.run(frames, torch.tensor(rows))):
        results.append(value_and_gradients({"": outputs}, leaves))
    for grouped, looped in zip(*results, strict=True):
        assert (grouped - looped).abs().max() <= tolerance * max(looped.abs().max(), 1.0)


def test_an_expert_without_a_row_gets_no_gradient_from_grouped_products_either() -> None:
    pool = ExpertPool((Expert(16, 24, 8) for _ in range(3)), out_dim=8)
    weights = torch.randn(9, 8, generator=torch.Generator().manual_seed(0))  # grouped products want strides
    (grouped_experts(pool.experts, torch.randn(9, 16), torch.tensor([4, 0, 5])) * weights).sum().backward()
    assert [expert[0].weight.grad is None for expert in pool.experts] == [False, True, False]


def test_grouped_products_compute_in_autocasts_type() -> None:
    torch.manual_seed(3)
    pool = ExpertPool((Expert(16, 24, 8) for _ in range(2)), out_dim=8)
    frames = torch.randn(9, 16)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        grouped = grouped_experts(pool.experts, frames, torch.tensor([4, 5]))
        looped = pool.run(frames, torch.tensor([4, 5]))
    assert grouped.dtype == looped.dtype == torch.bfloat16
    assert torch.allclose(grouped.float(), looped.float(), atol=2e-2)


def test_grouped_products_are_kept_for_gpus() -> None:
    pool = ExpertPool((Expert(16, 24, 8) for _ in range(2)), out_dim=8).bfloat16()
    assert not can_group(pool.experts, torch.zeros(4, 16, dtype=torch.bfloat16))


@pytest.mark.gpu
@pytest.mark.parametrize("num_chosen", [1, 2])
def test_grouped_dispatch_on_a_gpu_equals_the_loop(num_chosen: int) -> None:
    if not torch.cuda.is_available():
        pytest.skip("no GPU")
    torch.manual_seed(0)
    pool = ExpertPool((Expert(64, 128, 32) for _ in range(4)), out_dim=32).cuda()
    routers = {task: Router(64, 4, experts_per_frame=num_chosen).cuda() for task in TASKS}
    fused = torch.randn(2, 50, 64, device="cuda")
    valid = torch.arange(50, device="cuda") < torch.tensor([[50], [31]], device="cuda")
    gates = {task: router(fused, valid) for task, router in routers.items()}
    with torch.autocast("cuda", dtype=torch.bfloat16):
        assert can_group(pool.experts, fused)
        grouped = pool(fused, gates, valid)
    looped = pool(fused, gates, valid)  # float32, without autocast
    for task in TASKS:
        assert (grouped[task] - looped[task]).abs().max() <= 2e-2 * looped[task].abs().max()
