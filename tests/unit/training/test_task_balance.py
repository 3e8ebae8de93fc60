"""Steps of two tasks on toys whose gradients are known; parts of a batch add up; a state goes on to the bit."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.amp.grad_scaler import GradScaler

from merit_cli.carriers import LossTerms
from merit_cli.losses.objective import ObjectiveConfig
from merit_cli.training.resume import load_state, save_state
from merit_cli.training.task_balance import TaskBalance

Parameters = dict[str, nn.Parameter]
METHODS = ("fixed", "uncertainty", "gradnorm", "pcgrad", "cagrad")


def make_parameters() -> Parameters:
    values = {"model.trunk.w": [1.0, 1.0], "model.enhancement.w": [1.0], "model.emotion.w": [2.0]}
    return {name: nn.Parameter(torch.tensor(value, dtype=torch.float64)) for name, value in values.items()}


def make_balance(parameters: Parameters, weighting: Any, **objective: Any) -> TaskBalance:
    config = ObjectiveConfig.model_validate({"weighting": weighting, **objective})
    return TaskBalance(config, parameters, GradScaler("cpu", enabled=False))


def terms_of(parameters: Parameters, enhancement: list[float], emotion: list[float], share: float = 1.0) -> LossTerms:
    """Losses that are linear in the trunk, with these gradients; each task also reaches a head of its own."""
    trunk = parameters["model.trunk.w"]
    first = (trunk * torch.tensor(enhancement)).sum() + parameters["model.enhancement.w"].sum() + 10.0
    second = (trunk * torch.tensor(emotion)).sum() + 3.0 * parameters["model.emotion.w"].sum() + 10.0
    zero = torch.zeros((), dtype=torch.float64)
    return LossTerms(share * (first + second), share * first, share * second, zero, zero)


def step(
    balance: TaskBalance, parts: list[LossTerms], *, extra: Tensor | None = None, is_measured: bool = False
) -> Any:
    balance.start(is_measured=is_measured)
    for part in parts:
        balance.backward(part, extra)
    return balance.finish()


def grads(parameters: Parameters) -> dict[str, list[float]]:
    return {name: [] if one.grad is None else one.grad.tolist() for name, one in parameters.items()}


def test_pcgrad_steps_with_projected_gradients_and_leaves_the_heads() -> None:
    parameters = make_parameters()
    step(make_balance(parameters, "pcgrad"), [terms_of(parameters, [1.0, 0.0], [-1.0, 1.0])])
    assert grads(parameters) == {
        "model.trunk.w": [0.5, 1.5],
        "model.enhancement.w": [1.0],
        "model.emotion.w": [3.0],
    }


def test_projection_spans_only_what_both_tasks_reach() -> None:
    parameters = make_parameters()
    parameters["model.block.experts.w"] = expert = nn.Parameter(torch.ones(1, dtype=torch.float64))
    terms = terms_of(parameters, [1.0, 0.0], [-1.0, 1.0])
    used = 7.0 * expert.sum()  # by one task; the other's gradient is there, and all zero
    terms = LossTerms(terms.total, terms.enhancement + used, terms.emotion + 0.0 * expert.sum(), *[terms.router_z] * 2)
    report = step(make_balance(parameters, "pcgrad"), [terms], is_measured=True)
    assert grads(parameters)["model.trunk.w"] == [0.5, 1.5]
    assert grads(parameters)["model.block.experts.w"] == [7.0]
    assert report.shared_fraction == pytest.approx(2 / 5)


def test_cagrad_steps_along_the_mean_of_orthogonal_gradients() -> None:
    parameters = make_parameters()
    step(make_balance(parameters, {"name": "cagrad", "c": 0.5}), [terms_of(parameters, [1.0, 0.0], [0.0, 1.0])])
    assert grads(parameters)["model.trunk.w"] == pytest.approx([1.5, 1.5])
    assert grads(parameters)["model.emotion.w"] == [3.0]


@pytest.mark.parametrize("method", METHODS)
def test_parts_of_a_batch_step_as_the_whole_batch(method: str) -> None:
    # the parts' own gradients meet at other angles than those of the whole: first part agrees, second conflicts
    def run(shares: list[tuple[list[float], list[float]]]) -> tuple[dict[str, list[float]], Tensor]:
        parameters = make_parameters()
        balance = make_balance(parameters, method)
        weight = 1.0 / len(shares)
        for _ in range(3):
            for one in parameters.values():
                one.grad = None
            step(balance, [terms_of(parameters, first, second, weight) for first, second in shares])
        return grads(parameters), balance.learned

    parted, learned_parted = run([([2.0, 0.0], [2.0, 1.0]), ([0.0, 0.0], [-4.0, 1.0])])
    whole, learned_whole = run([([1.0, 0.0], [-1.0, 1.0])])
    for name, values in whole.items():
        assert parted[name] == pytest.approx(values, rel=1e-12)
    torch.testing.assert_close(learned_parted, learned_whole, rtol=1e-12, atol=0.0)


def test_fixed_weights_are_the_plain_backward_pass() -> None:
    parameters = make_parameters()
    balance = make_balance(parameters, "fixed", enhancement_weight=1.0)
    step(balance, [terms_of(parameters, [1.0, 0.0], [-1.0, 1.0])], is_measured=True)
    found = grads(parameters)
    for one in parameters.values():
        one.grad = None
    terms_of(parameters, [1.0, 0.0], [-1.0, 1.0]).total.backward()  # type: ignore[no-untyped-call]
    assert found == grads(parameters)
    assert balance.to_line() == {}


@pytest.mark.parametrize("method", METHODS)
def test_further_losses_are_added_as_they_are(method: str) -> None:
    steps = []
    for factor in (0.0, 1.0):
        parameters = make_parameters()
        extra = factor * 5.0 * parameters["model.trunk.w"][0]
        step(make_balance(parameters, method), [terms_of(parameters, [1.0, 0.0], [-1.0, 1.0])], extra=extra)
        steps.append(grads(parameters)["model.trunk.w"])
    assert steps[1] == pytest.approx([steps[0][0] + 5.0, steps[0][1]])


def test_uncertainty_settles_where_the_variance_is_the_loss_and_twice_it_for_emotion() -> None:
    parameters = make_parameters()
    balance = make_balance(parameters, {"name": "uncertainty", "learning_rate": 0.05})
    zero = torch.zeros((), dtype=torch.float64)
    head, other = parameters["model.enhancement.w"].sum(), parameters["model.emotion.w"].sum()
    for _ in range(800):
        step(balance, [LossTerms(zero, 0.3 * head, 2.0 * other, zero, zero)])  # losses 0.3 and 4
    assert balance.learned.exp().tolist() == pytest.approx([0.3, 8.0], rel=1e-3)
    assert list(balance.to_line().values()) == pytest.approx([0.5 / 0.3, 1.0 / 8.0], rel=1e-3)


def test_gradnorm_brings_gradients_of_different_scale_to_one_norm() -> None:
    parameters = make_parameters()
    balance = make_balance(parameters, {"name": "gradnorm", "alpha": 0.0, "learning_rate": 0.01})
    for _ in range(500):
        step(balance, [terms_of(parameters, [3.0, 4.0], [0.5, 0.0])])
    weights = balance.learned.tolist()
    assert sum(weights) == pytest.approx(2.0)
    assert weights[0] * 5.0 == pytest.approx(weights[1] * 0.5, rel=0.1)  # Adam stays within a step of the kink


def test_gradnorm_multiplies_heads_too() -> None:
    parameters = make_parameters()
    balance = make_balance(parameters, "gradnorm")
    step(balance, [terms_of(parameters, [3.0, 4.0], [0.5, 0.0])])
    before = balance.learned.tolist()
    for one in parameters.values():
        one.grad = None
    step(balance, [terms_of(parameters, [3.0, 4.0], [0.5, 0.0])])
    assert before[0] != before[1]
    assert grads(parameters)["model.emotion.w"] == pytest.approx([3.0 * before[1]])


@pytest.mark.parametrize("method", METHODS)
def test_a_balance_goes_on_from_its_state_to_the_bit(method: str, tmp_path: Path) -> None:
    def run(balance: TaskBalance, parameters: Parameters, steps: range) -> None:
        for number in steps:
            step(balance, [terms_of(parameters, [1.0, float(number)], [-1.0, 1.0])])

    parameters = make_parameters()
    through = make_balance(parameters, method)
    run(through, parameters, range(7))
    stopped = make_balance(parameters, method)
    run(stopped, parameters, range(3))
    save_state(stopped.state(), tmp_path / "state")
    resumed = make_balance(parameters, method)
    resumed.restore(load_state(tmp_path / "state"))
    run(resumed, parameters, range(3, 7))
    assert torch.equal(resumed.learned, through.learned)
    assert resumed.first_losses == through.first_losses


@pytest.mark.parametrize("method", METHODS)
def test_a_batch_without_labels_trains_the_other_task_and_learns_nothing(method: str) -> None:
    parameters = make_parameters()
    balance = make_balance(parameters, method)
    terms, zero = terms_of(parameters, [1.0, 2.0], [0.0, 0.0]), torch.zeros((), dtype=torch.float64)
    before = balance.learned.clone()
    report = step(balance, [LossTerms(terms.enhancement, terms.enhancement, zero, zero, zero)], is_measured=True)
    assert report is None
    assert torch.equal(balance.learned, before)
    factor = 0.5 if method == "uncertainty" else 1.0
    assert grads(parameters)["model.trunk.w"] == [factor, 2.0 * factor]


def test_measuring_leaves_the_step_as_it_is() -> None:
    for method in METHODS:
        found = []
        for is_measured in (False, True):
            parameters = make_parameters()
            parts = [terms_of(parameters, [1.0, 0.3], [-1.0, 1.0], 0.5) for _ in range(2)]
            step(make_balance(parameters, method), parts, is_measured=is_measured)
            found.append(grads(parameters))
        assert found[0] == found[1]


def test_the_report_says_cosine_and_norms_of_each_group_of_layers() -> None:
    parameters = make_parameters()
    terms = terms_of(parameters, [1.0, 0.0], [-3.0, 4.0])
    report = step(make_balance(parameters, "fixed"), [terms], is_measured=True)
    line = report.to_line()
    assert line["cosine"] == pytest.approx(-3.0 / 5.0)
    assert line["shared_fraction"] == 0.5
    assert line["groups"]["trunk"] == pytest.approx(
        {"cosine": -0.6, "shared_fraction": 1.0, "enhancement_norm": 1.0, "emotion_norm": 5.0}
    )
    assert line["groups"]["emotion"] == {"shared_fraction": 0.0, "enhancement_norm": 0.0, "emotion_norm": 3.0}


def test_a_scaled_loss_has_the_same_report_and_weights() -> None:
    found = []
    for is_scaled in (False, True):
        parameters = make_parameters()
        config = ObjectiveConfig.model_validate({"weighting": "gradnorm"})
        balance = TaskBalance(config, parameters, GradScaler("cpu", init_scale=1024.0, enabled=is_scaled))
        report = step(balance, [terms_of(parameters, [3.0, 4.0], [-0.5, 0.0])], is_measured=True)
        found.append((report.to_line(), balance.learned.tolist()))
    assert found[0] == found[1]
