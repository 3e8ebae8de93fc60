"""Targets of the discriminator are bounded and failures counted; losses equal their formulas."""

from collections.abc import Sequence

import numpy as np
import pytest
import torch

from merit_cli.losses.adversarial import (
    SILENT_REFERENCE,
    MetricTargets,
    bounded_pesq,
    bounded_si_sdr,
    discriminator_loss_sum,
    generator_loss_sum,
    metric_targets,
)
from merit_cli.metrics.signal import si_sdr_db

LENGTHS = torch.tensor([800, 500])


def pair() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    clean = torch.randn(2, 800, generator=generator)
    return clean + 0.3 * torch.randn(2, 800, generator=generator), clean


@pytest.mark.parametrize(("value", "expected"), [(-10.0, 0.0), (-40.0, 0.0), (0.0, 0.25), (30.0, 1.0), (80.0, 1.0)])
def test_si_sdr_is_bounded_to_forty_decibels(value: float, expected: float) -> None:
    assert bounded_si_sdr(value) == expected


@pytest.mark.parametrize(("value", "expected"), [(1.0, 0.0), (1.35, 0.1), (4.5, 1.0), (4.64, 1.0)])
def test_pesq_is_bounded_to_its_scale(value: float, expected: float) -> None:
    assert bounded_pesq(value) == pytest.approx(expected)


def test_si_sdr_targets_are_those_of_the_metric_on_valid_samples() -> None:
    enhanced, clean = pair()
    targets = metric_targets(enhanced.requires_grad_(), clean, LENGTHS)
    for row, length in enumerate(LENGTHS.tolist()):
        reference, estimate = (wave[row, :length].detach().numpy() for wave in (clean, enhanced))
        expected = (si_sdr_db(reference, estimate, sample_rate=16_000) + 10.0) / 40.0
        assert targets.target_B[row].item() == pytest.approx(expected, abs=1e-4)
    assert not targets.target_B.requires_grad
    assert targets.num_failed == 0


def test_silent_clean_speech_is_counted_as_a_failure() -> None:
    enhanced, clean = pair()
    clean[0] = 0.0
    targets = metric_targets(enhanced, clean, LENGTHS)
    assert targets.reasons == (SILENT_REFERENCE,)
    assert targets.scored_B.tolist() == [False, True]


def test_the_scorer_gets_valid_samples_and_its_failures_are_counted() -> None:
    enhanced, clean = pair()
    seen: list[tuple[int, ...]] = []

    def scorer(references: Sequence[np.ndarray], estimates: Sequence[np.ndarray]) -> Sequence[float | str]:
        seen.append(tuple(len(wave) for wave in (*references, *estimates)))
        np.testing.assert_array_equal(references[1], clean[1, :500].numpy())
        return [2.75, "PESQ refuses the pair"]

    targets = metric_targets(enhanced, clean, LENGTHS, target="pesq", scorer=scorer)
    assert seen == [(800, 500, 800, 500)]
    assert targets.target_B.tolist() == [0.5, 0.0]
    assert targets.num_failed == 1
    assert targets.reasons == ("PESQ refuses the pair",)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_number_that_is_not_finite_is_a_failure(value: float) -> None:
    enhanced, clean = pair()
    targets = metric_targets(enhanced, clean, LENGTHS, target="pesq", scorer=lambda *_: [value, 2.0])
    assert targets.scored_B.tolist() == [False, True]
    assert targets.num_failed == 1


def test_discriminator_loss_leaves_failures_out_with_their_weight() -> None:
    targets = MetricTargets(torch.tensor([0.2, 0.0, 0.9]), torch.tensor([True, False, True]), ("failed",))
    clean_score = torch.tensor([0.8, 0.3, 1.0], requires_grad=True)
    enhanced_score = torch.tensor([0.5, 0.7, 0.9], requires_grad=True)
    total, weight = discriminator_loss_sum(clean_score, enhanced_score, targets)
    assert weight.item() == 2.0
    assert total.item() == pytest.approx((0.2**2 + 0.3**2) + 0.0, rel=1e-5)
    total.backward()
    assert clean_score.grad[1] == enhanced_score.grad[1] == 0.0


def test_a_batch_without_any_target_has_no_discriminator_loss() -> None:
    targets = MetricTargets(torch.zeros(2), torch.zeros(2, dtype=torch.bool), ("failed", "failed"))
    score = torch.tensor([0.5, 0.7], requires_grad=True)
    total, weight = discriminator_loss_sum(score, score, targets)
    total.backward()
    assert total.item() == weight.item() == 0.0
    assert torch.isfinite(score.grad).all()


def test_generator_loss_is_the_squared_distance_from_one() -> None:
    total, weight = generator_loss_sum(torch.tensor([1.0, 0.5, 0.0]))
    assert (total / weight).item() == pytest.approx(1.25 / 3)
