"""The losses of mixtures against formulas written out."""

import math

import pytest
import torch

from merit_cli.losses.patch_mix import mixed_contrastive_loss, mixed_cross_entropy

GENERATOR = torch.Generator().manual_seed(4)
ORDER_B = torch.tensor([2, 0, 3, 1])


def test_cross_entropy_is_by_the_shares_of_both_labels() -> None:
    logits_BC = torch.randn(4, 3, generator=GENERATOR)
    labels_B, weights_C = torch.tensor([0, 2, 1, 2]), torch.tensor([1.0, 0.5, 2.0])

    def entropy(labels: list[int]) -> float:
        total = weight = 0.0
        for row, label in enumerate(labels):
            scores = [math.exp(float(value)) for value in logits_BC[row]]
            total -= float(weights_C[label]) * math.log(scores[label] / sum(scores))
            weight += float(weights_C[label])
        return total / weight

    others = [int(labels_B[index]) for index in ORDER_B]
    expected = 0.3 * entropy(labels_B.tolist()) + 0.7 * entropy(others)
    found = mixed_cross_entropy(logits_BC, labels_B, ORDER_B, 0.3, weights_C)
    assert float(found) == pytest.approx(expected, rel=1e-5)


def test_the_contrastive_loss_is_the_formula() -> None:
    mixed_BD, clips_BD = torch.randn(4, 5, generator=GENERATOR), torch.randn(4, 5, generator=GENERATOR)
    total = 0.0
    for row in range(4):
        cosines = [
            float(mixed_BD[row] @ clips_BD[other]) / float(mixed_BD[row].norm() * clips_BD[other].norm())
            for other in range(4)
        ]
        scores = [math.exp(cosine / 0.2) for cosine in cosines]
        own, other = scores[row] / sum(scores), scores[int(ORDER_B[row])] / sum(scores)
        total -= 0.6 * math.log(own) + 0.4 * math.log(other)
    found = mixed_contrastive_loss(mixed_BD, clips_BD, ORDER_B, 0.6, temperature=0.2)
    assert float(found) == pytest.approx(total / 4, rel=1e-5)


def test_a_mixture_that_points_at_its_clips_costs_least() -> None:
    clips_BD = torch.eye(4)
    right = mixed_contrastive_loss(0.5 * clips_BD + 0.5 * clips_BD[ORDER_B], clips_BD, ORDER_B, 0.5, temperature=0.06)
    wrong = mixed_contrastive_loss(clips_BD[[1, 2, 0, 0]], clips_BD, ORDER_B, 0.5, temperature=0.06)
    assert float(right) == pytest.approx(math.log(2), abs=1e-3)
    assert float(wrong) > 5.0
