"""Parameters at work and operations equal what is counted by hand."""

import pytest
import torch
from torch import nn

from merit_cli.carriers import EncoderShape
from merit_cli.models.cost import TOGETHER, cost_of, cost_table, expected_union, measure_cost
from merit_cli.models.naive_multitask import EmotionConfig, NaiveMultitaskConfig
from merit_cli.models.operations import counted
from merit_cli.models.sparse_merit import SparseMeritConfig
from merit_cli.units import Seconds

LAYERS = EncoderShape(2, 8, (400,), (320,))
SIZES = {"trunk_blocks": None, "blstm_hidden": 4, "ser_hidden": 5}
EXPERTS = {"expert_hidden": 7, "expert_dim": 6, "router_input": "raw"}
EXPERT = 16 * 7 + 7 + 7 * 6 + 6
ROUTER = 16 * 3 + 3
NORM = 2 * 2 * 8
HEAD = (6 * 6 + 6 + 6) + (12 * 5 + 5) + 2 * 5 + (5 * 4 + 4)


def frames_per_second() -> float:
    return LAYERS.num_frames(64_000) / 4.0


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, NORM + ROUTER + EXPERT + HEAD),
        ({"experts_per_frame": 2}, NORM + ROUTER + 2 * EXPERT + HEAD),
        ({"router_grad": "none"}, NORM + ROUTER + EXPERT + HEAD),
        ({"router_grad": "straight_through_dense"}, NORM + ROUTER + 3 * EXPERT + HEAD),
        ({"num_experts": 2, "routing": "by_task"}, NORM + EXPERT + HEAD),
    ],
)
def test_active_parameters_are_those_that_work_on_a_frame(changes: dict[str, object], expected: int) -> None:
    cost = cost_of(SparseMeritConfig(**{**SIZES, **EXPERTS, **changes}), LAYERS, num_classes=4)
    assert cost.active_parameters["emotion"] == expected


def test_operations_of_an_emotion_model_are_those_of_its_formulas() -> None:
    cost = cost_of(EmotionConfig(**SIZES), LAYERS, num_classes=4)
    layer_sum, attention = 2 * 16, 2 * 8 * 8
    head = 2 * (16 * 5 + 5 * 4) / 4.0  # once for the 4 s
    assert cost.flops_per_second["emotion"] == pytest.approx(frames_per_second() * (layer_sum + attention) + head)


def test_together_an_expert_runs_once_for_a_frame_of_both_tasks() -> None:
    cost = cost_of(SparseMeritConfig(**SIZES, **EXPERTS), LAYERS, num_classes=4).flops_per_second
    shared = frames_per_second() * 2 * (16 * 7 + 7 * 6) * (2 - expected_union(3, [1, 1]))
    assert cost[TOGETHER] == pytest.approx(cost["enhancement"] + cost["emotion"] - shared)


def test_expected_union_is_that_of_drawn_routers() -> None:
    drawn = torch.rand(2, 20_000, 5, generator=torch.Generator().manual_seed(0)).topk(2).indices
    union = torch.zeros(20_000, 5).scatter(1, torch.cat([*drawn], 1), 1.0).sum(1).mean().item()
    assert expected_union(5, [2, 2]) == pytest.approx(union, rel=0.01)


def test_cost_of_a_config_is_that_of_the_model_it_builds() -> None:
    config = NaiveMultitaskConfig(**SIZES)
    assert cost_of(config, LAYERS, num_classes=4) == measure_cost(config.build(LAYERS, 4).eval(), LAYERS)


def test_what_an_utterance_needs_once_is_spread_over_it() -> None:
    config = EmotionConfig(**SIZES)
    short, long = (cost_of(config, LAYERS, num_classes=4, duration=Seconds(s)) for s in (1.0, 100.0))
    assert short.flops_per_second["emotion"] > long.flops_per_second["emotion"]


@pytest.mark.parametrize(
    ("layer", "shape", "expected"),
    [
        (nn.Conv1d(4, 6, 3, groups=2), (1, 4, 10), 2 * 8 * 6 * 2 * 3),
        (nn.ConvTranspose1d(4, 6, 3, stride=2), (1, 4, 10), 2 * 10 * 4 * 6 * 3),
        (nn.Conv2d(2, 3, (3, 1)), (1, 2, 5, 7), 2 * 3 * 7 * 3 * 2 * 3),
        (nn.LSTM(3, 4, batch_first=True), (2, 5, 3), 2 * 10 * 4 * 4 * (3 + 4)),
    ],
)
def test_operations_of_a_layer_are_two_for_each_product(
    layer: nn.Module, shape: tuple[int, ...], expected: int
) -> None:
    with counted(layer) as calls:
        layer(torch.zeros(shape))
    assert [count for _, count in calls] == [expected]


def test_table_has_a_row_for_each_model() -> None:
    costs = {name: cost_of(EmotionConfig(**SIZES), LAYERS, num_classes=4) for name in ("a", "b")}
    assert [line.split()[1] for line in cost_table(costs).splitlines()[2:]] == ["a", "b"]
