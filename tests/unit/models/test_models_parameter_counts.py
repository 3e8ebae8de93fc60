"""The paper-size models have the parameter counts of the specification, on the meta device."""

import pytest
import torch
from torch import nn

from merit_cli.carriers import EncoderShape
from merit_cli.models.naive_multitask import EmotionConfig, EnhancementConfig, NaiveMultitaskConfig
from merit_cli.models.sizes import BranchSizes
from merit_cli.models.sparse_merit import SparseMeritConfig

WAVLM_LARGE = EncoderShape(25, 1024, (10, 3, 3, 3, 3, 2, 2), (5, 2, 2, 2, 2, 2, 2))
WAVLM_LARGE_PARAMETERS = 315_453_120
PAPER = {"trunk_blocks": None, "blstm_hidden": 256, "ser_hidden": 1024}
EXPERTS = {"expert_hidden": 4096, "expert_dim": 1024, "router_input": "raw"}


def count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def build(config: BranchSizes) -> nn.Module:
    with torch.device("meta"):
        return config.build(WAVLM_LARGE, num_classes=4)


@pytest.mark.parametrize(
    ("num_experts", "expected"),
    [(1, 109_159_426), (2, 218_267_652), (3, 327_375_878), (4, 436_484_104), (5, 545_592_330)],
)
def test_expert_block_has_the_parameters_of_the_specification(num_experts: int, expected: int) -> None:
    model = build(SparseMeritConfig(num_experts=num_experts, **PAPER, **EXPERTS))
    assert count(model.block) == expected
    assert count(model.block.experts.experts[0]) == 109_057_024


def test_weighted_sum_block_has_the_parameters_of_the_specification() -> None:
    assert count(build(SparseMeritConfig(fusion="weighted_sum", **PAPER, **EXPERTS)).block) == 25_238_559


def test_layer_sum_block_has_the_parameters_of_the_specification() -> None:
    assert count(build(SparseMeritConfig(expert_kind="layer_sum", router_input="raw", **PAPER)).block) == 204_881


@pytest.mark.parametrize(
    "changes",
    [
        {"experts_per_frame": 2},
        {"experts_per_frame": 3},
        {"router_grad": "straight_through"},
        {"router_grad": "straight_through_dense"},
        {"router_grad": "none"},
        {"attention_init": "unit"},
        {"router_input": "standardised"},
    ],
)
def test_how_experts_are_chosen_and_started_costs_no_parameter(changes: dict[str, object]) -> None:
    assert count(build(SparseMeritConfig(**{**PAPER, **EXPERTS, **changes}))) + WAVLM_LARGE_PARAMETERS == 648_979_091


def test_an_expert_a_task_is_the_pool_of_two_without_routers() -> None:
    model = build(SparseMeritConfig(num_experts=2, routing="by_task", **PAPER, **EXPERTS))
    assert count(model.block) == 218_267_652 - 2 * (25_600 * 2 + 2)


def test_a_task_of_its_own_layers_adds_what_they_hold() -> None:
    added = count(build(NaiveMultitaskConfig(task_mlp_hidden=10, **PAPER))) - count(
        build(NaiveMultitaskConfig(**PAPER))
    )
    assert added == 2 * (1024 * 10 + 10 + 10 * 1024 + 1024)


def test_heads_have_the_parameters_of_the_specification() -> None:
    model = build(SparseMeritConfig(**PAPER, **EXPERTS))
    assert count(model.emotion_head.pool) == 1_050_624
    assert count(model.emotion_head.classify) == 2_104_324
    assert count(model.mask_head) == 2_995_145


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (SparseMeritConfig(**PAPER, **EXPERTS), 648_979_091),
        (NaiveMultitaskConfig(**PAPER), 321_705_663),
    ],
)
def test_whole_model_has_the_parameters_of_the_specification(config: BranchSizes, expected: int) -> None:
    assert count(build(config)) + WAVLM_LARGE_PARAMETERS == expected


def test_two_single_task_models_make_the_preprocessing_baseline() -> None:
    both = count(build(EnhancementConfig(**PAPER))) + count(build(EmotionConfig(**PAPER)))
    assert both + 2 * WAVLM_LARGE_PARAMETERS == 637_158_783
