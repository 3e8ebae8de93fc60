"""Routers choose and weigh as documented."""

import pytest
import torch

from merit_cli.models.routing import Router, choose_experts, gate_weights


def test_ties_go_to_the_lowest_index() -> None:
    logits = torch.tensor([[[0.0, 3.0, 3.0, 3.0], [1.0, 1.0, 1.0, 1.0]]])
    assert choose_experts(logits, experts_per_frame=2).tolist() == [[[1, 2], [0, 1]]]


def test_chosen_are_the_largest_logits() -> None:
    logits = torch.randn(3, 7, 5, generator=torch.Generator().manual_seed(0))
    chosen = choose_experts(logits, experts_per_frame=3)
    assert torch.equal(logits.gather(-1, chosen), logits.topk(3).values)


@pytest.mark.parametrize("num_chosen", [1, 2])
def test_straight_through_has_hard_values_and_soft_gradients(num_chosen: int) -> None:
    logits = torch.randn(1, 6, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64, requires_grad=True)
    probabilities = logits.softmax(-1)
    chosen = choose_experts(logits, experts_per_frame=num_chosen)
    hard = gate_weights(probabilities, chosen, "straight_through")
    soft = gate_weights(probabilities, chosen, "prob_scaled")
    assert torch.allclose(hard, torch.full_like(hard, 1.0 / num_chosen))
    (of_hard,) = torch.autograd.grad(hard[..., 0].sum(), logits, retain_graph=True)
    (of_soft,) = torch.autograd.grad(soft[..., 0].sum(), logits)
    assert torch.allclose(of_hard, of_soft)
    assert of_soft.abs().max() > 0


def test_no_router_gradient_means_none() -> None:
    probabilities = torch.tensor([[[0.7, 0.3]]], requires_grad=True)
    assert not gate_weights(probabilities, torch.tensor([[[0]]]), "none").requires_grad


def test_two_chosen_weights_sum_to_one() -> None:
    probabilities = torch.tensor([[[0.5, 0.2, 0.3]]])
    weights = gate_weights(probabilities, torch.tensor([[[0, 2]]]), "prob_scaled")
    assert torch.allclose(weights, torch.tensor([[[0.625, 0.375]]]))


def test_logits_are_float32_under_autocast() -> None:
    router = Router(8, 3)
    fused = torch.randn(2, 5, 8, generator=torch.Generator().manual_seed(2))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        gates = router(fused.bfloat16(), torch.ones(2, 5, dtype=torch.bool))
    assert gates.routing.logits_BTE.dtype == torch.float32
    expected = fused.bfloat16().float() @ router.linear.weight.T + router.linear.bias
    assert torch.allclose(gates.routing.logits_BTE, expected, atol=1e-6)


def test_standardised_input_ignores_a_constant_offset() -> None:
    generator = torch.Generator().manual_seed(3)
    fused = torch.randn(4, 50, 6, generator=generator)
    valid = torch.ones(4, 50, dtype=torch.bool)
    plain, shifted = (Router(6, 3, router_input="standardised") for _ in range(2))
    shifted.load_state_dict(plain.state_dict())
    offset = torch.tensor([100.0, 0.0, -30.0, 5.0, 0.0, 1.0])
    first, second = plain(fused, valid), shifted(fused + offset, valid)
    assert torch.allclose(first.routing.logits_BTE, second.routing.logits_BTE, atol=1e-3)
    assert torch.equal(first.routing.chosen_BTK, second.routing.chosen_BTK)
