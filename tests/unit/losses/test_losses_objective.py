"""The objective of a batch is the sum of its parts', in value and in gradient."""

import dataclasses

import pytest
import torch
from torch import Tensor

from merit_cli.carriers import NO_LABEL, MultiTaskOutput, Routing
from merit_cli.losses.enhancement import EnhancementTerms
from merit_cli.losses.objective import (
    ObjectiveConfig,
    ObjectiveSums,
    add_objective_sums,
    loss_terms,
    objective_sums,
)
from merit_cli.losses.spectrum import istft, log1p_magnitude, stft

LENGTHS = torch.tensor([3200, 1700, 2400, 900])
LABELS = torch.tensor([0, NO_LABEL, 2, 1])
WEIGHTS = torch.tensor([0.5, 2.0, 1.0], dtype=torch.float64)


def sums_of(rows: slice, leaves: dict[str, Tensor]) -> ObjectiveSums:
    lengths = LENGTHS[rows]
    spectrum = stft(leaves["wave"][rows], lengths)
    routing = {}
    for task in ("enhancement", "emotion"):
        logits = leaves[task][rows]
        valid = torch.arange(logits.shape[1]) < (lengths // 400).unsqueeze(1)
        routing[task] = Routing(logits, logits.softmax(-1), logits.argmax(-1, keepdim=True), valid)
    output = MultiTaskOutput(
        enhanced_BN=istft(spectrum, lengths, num_samples=3200),
        enhanced_log1p_BTF=log1p_magnitude(spectrum),
        emotion_logits_BC=leaves["logits"][rows],
        routing=routing,
    )
    return objective_sums(
        output,
        lengths_B=lengths,
        clean_BN=leaves["clean"][rows],
        emotion_B=LABELS[rows],
        class_weight_C=WEIGHTS,
        terms=EnhancementTerms(snr=1.0),
    )


def make_leaves() -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(0)
    shapes = {
        "wave": (4, 3200),
        "clean": (4, 3200),
        "logits": (4, 3),
        "enhancement": (4, 8, 5),
        "emotion": (4, 8, 5),
    }
    return {
        key: torch.randn(shape, generator=generator, dtype=torch.float64).requires_grad_(key != "clean")
        for key, shape in shapes.items()
    }


@pytest.mark.parametrize("balance_over", ["per_router", "pooled"])
def test_unequal_parts_add_up_to_the_whole_in_value_and_gradient(balance_over: str) -> None:
    terms = EnhancementTerms(snr=0.05)
    config = ObjectiveConfig(enhancement=terms, balance_weight=0.3, router_z_weight=0.2, balance_over=balance_over)
    leaves = make_leaves()
    trained = [leaf for leaf in leaves.values() if leaf.requires_grad]
    whole = loss_terms(sums_of(slice(0, 4), leaves), config).total
    expected = torch.autograd.grad(whole, trained)
    parts = [sums_of(slice(0, 1), leaves), sums_of(slice(1, 4), leaves)]
    together = add_objective_sums(*parts)
    split = torch.stack([loss_terms(part, config, whole=together).total for part in parts]).sum()
    found = torch.autograd.grad(split, trained)
    assert split.item() == pytest.approx(whole.item(), rel=1e-12)
    for mine, theirs in zip(found, expected, strict=True):
        assert torch.allclose(mine, theirs, rtol=1e-9, atol=1e-12)


def test_total_is_the_weighted_sum_of_the_terms() -> None:
    config = ObjectiveConfig(enhancement_weight=0.7, emotion_weight=1.3, balance_weight=0.2, router_z_weight=0.1)
    terms = loss_terms(sums_of(slice(0, 4), make_leaves()), config)
    expected = 0.7 * terms.enhancement + 1.3 * terms.emotion + 0.2 * terms.load_balance + 0.1 * terms.router_z
    assert terms.total.item() == pytest.approx(expected.item())
    names = [field.name for field in dataclasses.fields(terms) if field.name != "attributes"]
    assert all(getattr(terms, name).item() != 0.0 for name in names)


def test_a_missing_task_counts_as_zero() -> None:
    logits = torch.zeros(2, 4, requires_grad=True)
    sums = objective_sums(
        MultiTaskOutput(emotion_logits_BC=logits), lengths_B=LENGTHS[:2], emotion_B=torch.tensor([1, 2])
    )
    terms = loss_terms(sums, ObjectiveConfig())
    assert terms.total.item() == pytest.approx(torch.log(torch.tensor(4.0)).item())
    assert terms.enhancement.item() == terms.load_balance.item() == terms.router_z.item() == 0.0
