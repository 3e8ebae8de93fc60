"""Each loss over classes against a naive formula, another library and its limit cases."""

import math

import pytest
import torch
import torch.nn.functional as nnf
from pydantic import ValidationError

from merit_cli.carriers import NO_LABEL
from merit_cli.losses.emotion import (
    CrossEntropyLoss,
    FocalLoss,
    VectorScalingLoss,
    class_weights,
    emotion_sum,
    target_shares,
)
from merit_cli.losses.objective import ObjectiveConfig

COUNTS = (60, 25, 10, 5)
WEIGHTS = torch.tensor(class_weights(COUNTS), dtype=torch.float64)
LABELS = torch.tensor([0, 3, NO_LABEL, 1, 1, 2])
AnyLoss = CrossEntropyLoss | FocalLoss | VectorScalingLoss


def logits() -> torch.Tensor:
    return 2.0 * torch.randn(6, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def mean(loss: AnyLoss, scores: torch.Tensor, shares: torch.Tensor, weight: torch.Tensor | None = None) -> float:
    total, norm = emotion_sum(scores, shares, loss, weight_C=weight, class_counts=COUNTS)
    return float(total / norm)


def naive(loss: AnyLoss, scores: torch.Tensor, shares: torch.Tensor, weights: list[float]) -> float:
    """The definition, utterance by utterance and class by class, in plain numbers."""
    total = norm = 0.0
    for row, share in zip(scores.tolist(), shares.tolist(), strict=True):
        if sum(share) == 0.0:
            continue
        if isinstance(loss, VectorScalingLoss):
            scale = [(n / max(COUNTS)) ** loss.gamma for n in COUNTS]
            shift = [loss.tau * math.log(n / sum(COUNTS)) for n in COUNTS]
            row = [z * a + b for z, a, b in zip(row, scale, shift, strict=True)]
        probability = [math.exp(z) / sum(math.exp(other) for other in row) for z in row]
        for w, q, p in zip(weights, share, probability, strict=True):
            smooth = (1 - loss.label_smoothing) * q + loss.label_smoothing / len(row)
            factor = (1 - p) ** loss.gamma if isinstance(loss, FocalLoss) else 1.0
            total -= w * smooth * factor * math.log(p)
            norm += w * q
    return total / norm


@pytest.mark.parametrize("is_weighted", [False, True])
@pytest.mark.parametrize("is_soft", [False, True])
@pytest.mark.parametrize(
    "loss",
    [
        CrossEntropyLoss(),
        CrossEntropyLoss(label_smoothing=0.1),
        FocalLoss(gamma=2.0),
        FocalLoss(gamma=0.5, label_smoothing=0.2),
        VectorScalingLoss(gamma=0.15, tau=0.3),
    ],
)
def test_a_loss_equals_its_definition(loss: AnyLoss, *, is_weighted: bool, is_soft: bool) -> None:
    soft = torch.rand(6, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    soft = soft / soft.sum(1, keepdim=True)
    soft[3:] = 0.0
    shares = target_shares(LABELS, 4, soft if is_soft else None)
    weight = WEIGHTS if is_weighted else None
    expected = naive(loss, logits(), shares, WEIGHTS.tolist() if is_weighted else [1.0] * 4)
    assert mean(loss, logits(), shares, weight) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_cross_entropy_equals_torchs(smoothing: float) -> None:
    loss = CrossEntropyLoss(label_smoothing=smoothing)
    expected = nnf.cross_entropy(
        logits(), LABELS, weight=WEIGHTS, ignore_index=NO_LABEL, label_smoothing=smoothing
    ).item()
    assert mean(loss, logits(), target_shares(LABELS, 4), WEIGHTS) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("loss", [FocalLoss(gamma=0.0), VectorScalingLoss(gamma=0.0, tau=0.0)])
def test_focal_of_gamma_0_and_scaling_by_nothing_are_cross_entropy(loss: AnyLoss) -> None:
    shares = target_shares(LABELS, 4)
    assert mean(loss, logits(), shares, WEIGHTS) == mean(CrossEntropyLoss(), logits(), shares, WEIGHTS)


def test_weights_on_one_class_leave_only_that_class() -> None:
    only_1 = torch.tensor([0.0, 1.0, 0.0, 0.0])
    alone = mean(CrossEntropyLoss(), logits()[3:5], target_shares(LABELS[3:5], 4))
    assert mean(CrossEntropyLoss(), logits(), target_shares(LABELS, 4), only_1) == pytest.approx(alone)


def test_focal_takes_little_of_what_is_known() -> None:
    sure, unsure = torch.tensor([[6.0, 0.0]]), torch.tensor([[0.2, 0.0]])
    target = target_shares(torch.tensor([0]), 2)

    def kept(scores: torch.Tensor) -> float:
        focal, plain = (emotion_sum(scores, target, one).total for one in (FocalLoss(gamma=2.0), CrossEntropyLoss()))
        return float(focal / plain)

    assert kept(sure) == pytest.approx((1 - torch.sigmoid(torch.tensor(6.0)).item()) ** 2, rel=1e-3)
    assert kept(unsure) > 0.15 > 1e-4 > kept(sure)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_focal_has_finite_gradients_where_the_answer_is_certain(gamma: float) -> None:
    scores = torch.tensor([[200.0, 0.0], [0.0, 200.0]], requires_grad=True)
    emotion_sum(scores, target_shares(torch.tensor([0, 0]), 2), FocalLoss(gamma=gamma)).total.backward()
    assert torch.isfinite(scores.grad).all()


def test_vector_scaling_asks_a_rare_class_for_a_larger_margin() -> None:
    even = torch.zeros(1, 4, dtype=torch.float64)
    loss = VectorScalingLoss(tau=1.0)
    common, rare = (mean(loss, even, target_shares(torch.tensor([label]), 4)) for label in (0, 3))
    assert common == pytest.approx(-math.log(0.60))
    assert rare == pytest.approx(-math.log(0.05))


def test_shares_of_annotators_stand_in_for_a_label_that_is_missing() -> None:
    shares = target_shares(torch.tensor([NO_LABEL, 1]), 2, torch.tensor([[0.5, 0.5], [0.0, 0.0]]))
    assert shares.tolist() == [[0.5, 0.5], [0.0, 1.0]]


def test_no_label_means_no_loss_and_no_gradient() -> None:
    scores = torch.randn(2, 3, requires_grad=True)
    total, weight = emotion_sum(
        scores, target_shares(torch.full((2,), NO_LABEL), 3), CrossEntropyLoss(label_smoothing=0.1)
    )
    total.backward()
    assert (total.item(), weight.item(), scores.grad.abs().max().item()) == (0.0, 0.0, 0.0)


def test_a_loss_is_chosen_by_its_name_or_with_its_parameters() -> None:
    assert ObjectiveConfig.model_validate({"emotion_loss": "focal"}).emotion_loss == FocalLoss(gamma=2.0)
    chosen = ObjectiveConfig.model_validate({"emotion_loss": {"name": "cross_entropy", "label_smoothing": 0.1}})
    assert chosen.emotion_loss == CrossEntropyLoss(label_smoothing=0.1)
    with pytest.raises(ValidationError, match="focall"):
        ObjectiveConfig.model_validate({"emotion_loss": "focall"})


def test_vector_scaling_beside_class_weights_is_refused_unless_forced() -> None:
    with pytest.raises(ValidationError, match="both make up for unequal classes"):
        ObjectiveConfig.model_validate({"emotion_loss": "vector_scaling"})
    for mend in ({"class_weighting": "none"}, {"double_correction": True}):
        ObjectiveConfig.model_validate({"emotion_loss": "vector_scaling", **mend})
