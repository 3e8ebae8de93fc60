"""Weightings against closed forms, and against a search over all allowed steps."""

import math

import numpy as np
import pytest
from pydantic import ValidationError

from merit_cli.losses.objective import ObjectiveConfig
from merit_cli.losses.weighting import (
    LossKind,
    cagrad_coefficients,
    gradnorm_slopes,
    pcgrad_coefficients,
    uncertainty_factor,
    uncertainty_slope,
)


def gram(first: np.ndarray, second: np.ndarray) -> list[list[float]]:
    both = np.stack([first, second])
    return (both @ both.T).tolist()  # type: ignore[no-any-return]


def mixed(coefficients: list[float], first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return coefficients[0] * first + coefficients[1] * second


def test_pcgrad_takes_the_conflicting_part_out_of_each_gradient() -> None:
    first, second = np.array([1.0, 0.0]), np.array([-1.0, 1.0])
    first_projected = first - (first @ second) / (second @ second) * second  # (1/2, 1/2)
    second_projected = second - (first @ second) / (first @ first) * first  # (0, 1)
    np.testing.assert_allclose(first_projected, [0.5, 0.5])
    np.testing.assert_allclose(second_projected, [0.0, 1.0])
    step = mixed(pcgrad_coefficients(gram(first, second)), first, second)
    np.testing.assert_allclose(step, [0.5, 1.5])


def test_pcgrad_leaves_gradients_that_agree() -> None:
    assert pcgrad_coefficients(gram(np.array([1.0, 0.0]), np.array([3.0, 1.0]))) == [1.0, 1.0]
    assert pcgrad_coefficients(gram(np.array([1.0, 0.0]), np.array([0.0, 1.0]))) == [1.0, 1.0]


def test_pcgrad_of_opposite_gradients_stands_still() -> None:
    first, second = np.array([3.0, 4.0]), np.array([-6.0, -8.0])
    step = mixed(pcgrad_coefficients(gram(first, second)), first, second)
    np.testing.assert_allclose(step, [0.0, 0.0], atol=1e-12)


def test_pcgrad_of_a_missing_gradient_is_the_other_one() -> None:
    assert pcgrad_coefficients([[4.0, 0.0], [0.0, 0.0]]) == [1.0, 1.0]


def test_cagrad_of_orthogonal_equal_gradients_goes_on_along_their_mean() -> None:
    assert cagrad_coefficients([[1.0, 0.0], [0.0, 1.0]], 0.5) == pytest.approx([1.5, 1.5])


def test_cagrad_of_opposite_gradients_serves_the_smaller_one_as_far_as_it_may() -> None:
    first, second = np.array([1.0]), np.array([-2.0])  # mean -1/2: steps within [-(1 + c), -(1 - c)] / 2
    step = mixed(cagrad_coefficients(gram(first, second), 0.4), first, second) / 2.0
    assert step == pytest.approx(-0.5 * (1.0 - 0.4))


def test_cagrad_without_a_radius_is_the_plain_sum() -> None:
    assert cagrad_coefficients(gram(np.array([1.0, 2.0]), np.array([-3.0, 1.0])), 0.0) == [1.0, 1.0]


def test_cagrad_of_gradients_that_cancel_is_the_plain_sum() -> None:
    assert cagrad_coefficients(gram(np.array([1.0, 2.0]), np.array([-1.0, -2.0])), 0.5) == [1.0, 1.0]


@pytest.mark.parametrize("c", [0.1, 0.4, 0.9])
def test_cagrad_is_the_best_step_for_the_worse_served_task(c: float) -> None:
    generator = np.random.default_rng(0)
    angles = np.linspace(0.0, 2.0 * np.pi, 100_001)
    for _ in range(20):
        first, second = generator.normal(size=2), generator.normal(size=2) * 4.0 ** generator.normal()
        mean = 0.5 * (first + second)
        step = mixed(cagrad_coefficients(gram(first, second), c), first, second) / 2.0
        radius = c * np.linalg.norm(mean)
        assert np.linalg.norm(step - mean) <= radius * (1.0 + 1e-6)
        rim = mean + radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)
        best = np.minimum(rim @ first, rim @ second).max()  # the least of two linear functions is best on the rim
        grid = radius * angles[1] * max(np.linalg.norm(first), np.linalg.norm(second))  # what the search may miss
        assert -1e-9 <= min(step @ first, step @ second) - best <= grid


@pytest.mark.parametrize(("kind", "variance"), [("regression", 3.0), ("classification", 6.0)])
def test_the_best_variance_is_the_loss_and_twice_it_for_classification(kind: LossKind, variance: float) -> None:
    s, loss = math.log(variance), 3.0
    assert uncertainty_slope(s, loss, kind) == pytest.approx(0.0, abs=1e-12)
    assert uncertainty_slope(s - 0.1, loss, kind) < 0.0 < uncertainty_slope(s + 0.1, loss, kind)


@pytest.mark.parametrize("kind", ["regression", "classification"])
def test_the_slope_is_the_derivative_of_the_uncertainty_objective(kind: LossKind) -> None:
    def objective(s: float) -> float:
        return uncertainty_factor(s, kind) * 2.5 + 0.5 * s

    found = (objective(0.3 + 1e-5) - objective(0.3 - 1e-5)) / 2e-5
    assert uncertainty_slope(0.3, 2.5, kind) == pytest.approx(found, rel=1e-6)


def test_gradnorm_asks_more_for_the_task_that_learned_less() -> None:
    # shares of the first loss 1/2 and 1: r = 2/3 and 4/3, so the first is to have half the norm of the second
    slopes = gradnorm_slopes([1.0, 1.0], [3.0, 3.0], losses=[1.0, 2.0], first_losses=[2.0, 2.0], alpha=1.0)
    assert slopes == [3.0, -3.0]
    at_rest = gradnorm_slopes([2 / 3, 4 / 3], [3.0, 3.0], losses=[1.0, 2.0], first_losses=[2.0, 2.0], alpha=1.0)
    assert at_rest == [0.0, 0.0]


def test_a_bare_name_takes_the_defaults_and_parameters_are_its_own() -> None:
    assert ObjectiveConfig.model_validate({"weighting": "cagrad"}).weighting.model_dump() == {
        "name": "cagrad",
        "c": 0.4,
    }
    with pytest.raises(ValidationError, match="alpha"):
        ObjectiveConfig.model_validate({"weighting": {"name": "pcgrad", "alpha": 1.0}})


@pytest.mark.parametrize("name", ["uncertainty", "gradnorm"])
def test_losses_that_fall_below_zero_are_refused(name: str) -> None:
    with pytest.raises(ValidationError, match="leave out si_sdr"):
        ObjectiveConfig.model_validate({"weighting": name, "enhancement": {"si_sdr": 1.0}})


@pytest.mark.parametrize("name", ["uncertainty", "gradnorm", "pcgrad", "cagrad"])
def test_a_weighting_of_one_task_is_refused(name: str) -> None:
    with pytest.raises(ValidationError, match="both a weight over 0"):
        ObjectiveConfig.model_validate({"weighting": name, "emotion_weight": 0.0})
