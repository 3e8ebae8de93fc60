"""The concordance loss is that of the true batch, however the batch is cut."""

import numpy as np
import pytest
import torch

from merit_cli.carriers import MultiTaskOutput
from merit_cli.losses.attributes import add_attribute_sums, attribute_sums, concordance, concordance_loss
from merit_cli.losses.objective import ObjectiveConfig, ObjectiveSums, add_objective_sums, loss_terms, objective_sums
from merit_cli.metrics.attributes import ccc, moment_sums


def ratings(num: int = 13) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    true = torch.rand(num, 3, generator=generator, dtype=torch.float64)
    true[2, 1] = true[5, 1] = float("nan")
    return true, (0.5 + 0.3 * torch.randn(num, 3, generator=generator, dtype=torch.float64)).requires_grad_()


def naive(predicted: np.ndarray, true: np.ndarray) -> float:
    """Lin's coefficient by its definition."""
    kept = np.isfinite(true)
    t, p = true[kept], predicted[kept]
    covariance = np.mean((t - t.mean()) * (p - p.mean()))
    return float(2.0 * covariance / (t.var() + p.var() + (t.mean() - p.mean()) ** 2))


def test_concordance_equals_its_definition_attribute_by_attribute() -> None:
    true, predicted = ratings()
    found = concordance(attribute_sums(predicted, true)).tolist()
    expected = [naive(predicted.detach().numpy()[:, n], true.numpy()[:, n]) for n in range(3)]
    assert found == pytest.approx(expected, rel=1e-6)


def test_the_loss_is_what_the_metric_scores() -> None:
    true, predicted = ratings()
    t, p = true.numpy()[:, 0], predicted.detach().numpy()[:, 0]
    metric = ccc(moment_sums(t, p, np.zeros(len(t), dtype=np.int64), 1)[0])
    assert concordance(attribute_sums(predicted, true))[0].item() == pytest.approx(float(metric), rel=1e-6)


@pytest.mark.parametrize("cuts", [(1, 12), (4, 4, 5), (13,)])
def test_unequal_parts_add_up_to_the_whole_in_value_and_gradient(cuts: tuple[int, ...]) -> None:
    true, predicted = ratings()
    whole = concordance_loss(attribute_sums(predicted, true), attribute_sums(predicted, true))
    (expected,) = torch.autograd.grad(whole, predicted)
    rows = torch.split(torch.arange(13), list(cuts))
    parts = [attribute_sums(predicted[row], true[row]) for row in rows]
    together = add_attribute_sums(*parts)
    cut = torch.stack([concordance_loss(part, together) for part in parts]).sum()
    (found,) = torch.autograd.grad(cut, predicted)
    assert cut.item() == pytest.approx(whole.item(), rel=1e-9)
    assert torch.allclose(found, expected, rtol=1e-7, atol=1e-10)


def test_a_concordance_of_each_part_alone_is_another_one() -> None:
    true, predicted = ratings()
    whole = attribute_sums(predicted, true)
    alone = [
        concordance_loss(one, one)
        for one in (attribute_sums(predicted[:6], true[:6]), attribute_sums(predicted[6:], true[6:]))
    ]
    assert (alone[0] + alone[1]).item() / 2 != pytest.approx(concordance_loss(whole, whole).item(), rel=1e-2)


def test_the_gradient_is_that_of_finite_differences() -> None:
    true, predicted = ratings(6)
    true = torch.nan_to_num(true, nan=0.4)

    def loss(values: torch.Tensor) -> torch.Tensor:
        sums = attribute_sums(values, true)
        return 3.0 - concordance(sums).sum()

    assert torch.autograd.gradcheck(loss, (predicted,))


def test_a_constant_prediction_scores_0_and_learns_all_the_same() -> None:
    true, _ = ratings()
    constant = torch.full((13, 3), 0.7, dtype=torch.float64, requires_grad=True)
    sums = attribute_sums(constant, true)
    loss = concordance_loss(sums, sums)
    loss.backward()
    assert concordance(sums).detach().tolist() == pytest.approx([0.0] * 3, abs=1e-6)
    assert loss.item() == pytest.approx(3.0, abs=1e-6)
    assert (constant.grad.abs().sum(0) > 0).all()


def test_a_perfect_prediction_scores_1_and_its_mirror_minus_1() -> None:
    true, _ = ratings()
    assert concordance(attribute_sums(true.nan_to_num(0.5), true)).tolist() == pytest.approx([1.0] * 3, abs=1e-6)
    centred = true[:, :1] - true[:, :1].mean()
    assert concordance(attribute_sums(0.5 - centred, 0.5 + centred)).item() == pytest.approx(-1.0, abs=1e-6)


def test_an_attribute_that_nobody_rated_counts_for_nothing() -> None:
    true, predicted = ratings()
    true[:, 2] = float("nan")
    sums = attribute_sums(predicted, true)
    loss = concordance_loss(sums, sums)
    loss.backward()
    assert loss.item() == pytest.approx((2.0 - concordance(sums)[:2].sum()).item())
    assert predicted.grad[:, 2].abs().max().item() == 0.0


def sums_of(rows: slice, true: torch.Tensor, predicted: torch.Tensor, logits: torch.Tensor) -> ObjectiveSums:
    labels = torch.arange(13) % 3
    output = MultiTaskOutput(emotion_logits_BC=logits[rows], attributes_BA=predicted[rows])
    return objective_sums(output, lengths_B=labels[rows], emotion_B=labels[rows], attributes_BA=true[rows])


def test_classes_and_attributes_together_are_accumulated_exactly() -> None:
    true, predicted = ratings()
    logits = torch.randn(13, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64, requires_grad=True)
    config = ObjectiveConfig(emotion_weight=0.7, attributes_weight=0.4)
    terms = loss_terms(sums_of(slice(0, 13), true, predicted, logits), config)
    assert terms.attributes is not None
    assert terms.total.item() == pytest.approx(0.7 * terms.emotion.item() + 0.4 * terms.attributes.item())
    expected = torch.autograd.grad(terms.total, (predicted, logits))
    parts = [sums_of(rows, true, predicted, logits) for rows in (slice(0, 3), slice(3, 13))]
    whole = add_objective_sums(*parts)
    found = torch.autograd.grad(sum(loss_terms(part, config, whole=whole).total for part in parts), (predicted, logits))
    for mine, theirs in zip(found, expected, strict=True):
        assert torch.allclose(mine, theirs, rtol=1e-7, atol=1e-10)


def test_a_model_of_attributes_alone_has_an_objective() -> None:
    true, predicted = ratings()
    sums = objective_sums(MultiTaskOutput(attributes_BA=predicted), lengths_B=torch.ones(13), attributes_BA=true)
    terms = loss_terms(sums, ObjectiveConfig())
    terms.total.backward()
    assert terms.attributes is not None
    assert terms.total.item() == pytest.approx(terms.attributes.item())
    assert predicted.grad.abs().sum().item() > 0.0
