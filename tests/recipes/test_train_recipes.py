"""Every bundled training recipe loads; the paper-size ones have the parameters of the specification."""

from pathlib import Path

import pytest
import torch
from torch import nn

from merit_cli.assets import bundled_recipes, find_recipe
from merit_cli.backbones.model_folder import build_parts
from merit_cli.carriers import EncoderShape
from merit_cli.config.load import load_recipe
from merit_cli.models import MODELS
from merit_cli.models.cost import cost_of
from merit_cli.workflows.train import TrainRecipe

RECIPES = bundled_recipes("train")
REFERENCE = find_recipe("train", "sparse_merit")
SMALL_ARMS = [path for path in RECIPES if path.parent.name == "arms" and path.stem != "sparse_merit_released"]
LOG_MEL = EncoderShape(1, 64, (400,), (320,))
WAVLM_LARGE = EncoderShape(25, 1024, (10, 3, 3, 3, 3, 2, 2), (5, 2, 2, 2, 2, 2, 2))
WAVLM_LARGE_PARAMETERS = 315_453_120


def load(name: str) -> TrainRecipe:
    return load_recipe(TrainRecipe, find_recipe("train", name))


def num_parameters(recipe: TrainRecipe) -> int:
    with torch.device("meta"):
        model: nn.Module = recipe.model.build(WAVLM_LARGE, 4)  # type: ignore[attr-defined]
    return sum(parameter.numel() for parameter in model.parameters())


def test_every_recipe_loads() -> None:
    assert len(RECIPES) == 43
    for path in RECIPES:
        assert load_recipe(TrainRecipe, path).epochs > 0, path


def test_every_model_has_a_small_recipe() -> None:
    for name in MODELS.table:
        assert load(name.replace("-", "_")).model.model_dump()["name"] == name


def test_the_small_recipes_differ_in_their_model_only() -> None:
    reference = load("sparse_merit").model_dump(exclude={"name", "model"})
    for name in ("naive_mtl", "se", "ser"):
        assert load(name).model_dump(exclude={"name", "model"}) == reference


@pytest.mark.parametrize("path", SMALL_ARMS, ids=lambda path: path.stem)
def test_the_arms_of_the_comparison_differ_in_their_model_and_its_router_losses_only(path: Path) -> None:
    apart = {"name": True, "model": True, "objective": {"balance_weight", "router_z_weight"}}
    arm, reference = (load_recipe(TrainRecipe, one).model_dump(exclude=apart) for one in (path, REFERENCE))
    assert arm == reference


@pytest.mark.parametrize(
    "name", ["one_expert", "expert_by_task", "frozen_router", "naive_mtl_mlp", "se_mlp", "ser_mlp"]
)
def test_controls_have_as_many_parameters_at_work_as_sparse_merit(name: str) -> None:
    reference = cost_of(load("sparse_merit").model, LOG_MEL, num_classes=4).active_parameters
    for task, active in cost_of(load(name).model, LOG_MEL, num_classes=4).active_parameters.items():
        assert active == pytest.approx(reference[task], rel=0.006)  # a router more or less is 0.6 %


def test_the_paper_size_control_has_as_many_parameters_at_work_as_its_comment_says() -> None:
    mlp = load_recipe(TrainRecipe, find_recipe("train", "naive_mtl_paper"), flags={"model": {"task_mlp_hidden": 53261}})
    sparse, naive = (cost_of(recipe.model, WAVLM_LARGE, num_classes=4) for recipe in (load("sparse_merit_paper"), mlp))
    assert naive.active_parameters == pytest.approx(sparse.active_parameters, rel=1e-5)


def test_the_released_recipe_is_the_papers_model_with_the_releases_choices() -> None:
    recipe = load("sparse_merit_released")
    assert num_parameters(recipe) + WAVLM_LARGE_PARAMETERS == 648_979_091
    assert recipe.data.level == "natural"
    assert recipe.model.model_dump()["attention_init"] == "unit"
    assert recipe.model.model_dump()["router_grad"] == "none"


@pytest.mark.parametrize(("name", "expected"), [("sparse_merit_paper", 648_979_091), ("naive_mtl_paper", 321_705_663)])
def test_paper_recipes_have_the_parameters_of_the_specification(name: str, expected: int) -> None:
    assert num_parameters(load(name)) + WAVLM_LARGE_PARAMETERS == expected


def test_the_two_halves_of_preprocessing_have_the_parameters_of_the_specification() -> None:
    both = num_parameters(load("se_paper")) + num_parameters(load("ser_paper"))
    assert both + 2 * WAVLM_LARGE_PARAMETERS == 637_158_783


def test_the_papers_first_step_is_its_second_one_with_a_frozen_encoder() -> None:
    first, second = load("sparse_merit_paper_step1"), load("sparse_merit_paper")
    apart = {"name": True, "backbone": {"trainable"}, "optimiser": {"warmup_steps", "clip_norm"}}
    assert first.model_dump(exclude=apart) == second.model_dump(exclude=apart)
    trainable = [recipe.backbone.model_dump()["trainable"] for recipe in (first, second)]
    assert trainable == [False, True]


def test_the_paper_recipe_has_the_papers_settings() -> None:
    recipe = load("sparse_merit_paper")
    assert recipe.batch_size * recipe.accumulation == 32
    assert (recipe.optimiser.learning_rate, recipe.optimiser.backbone_learning_rate) == (5e-5, 2.5e-5)
    assert (recipe.epochs, recipe.seed, recipe.data.max_duration) == (20, 7, 12.0)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("wave_u_net_paper", 10_132_802),
        ("manner_paper", 24_068_671),
        ("phasen_paper", 14_987_203),
        ("cmgan_paper", 1_834_833),
    ],
)
def test_paper_recipes_of_waveform_networks_have_the_parameters_of_the_specification(name: str, expected: int) -> None:
    parts = build_parts(load(name).model, load(name).backbone, num_classes=0)
    assert sum(parameter.numel() for parameter in parts.model.parameters()) == expected
