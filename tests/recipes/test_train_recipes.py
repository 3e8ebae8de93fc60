"""Every bundled training recipe loads; the paper-size ones have the parameters of the specification."""

import pytest
import torch
from torch import nn

from merit_cli.assets import bundled_recipes, find_recipe
from merit_cli.backbones.model_folder import build_parts
from merit_cli.carriers import EncoderShape
from merit_cli.config.load import load_recipe
from merit_cli.models import MODELS
from merit_cli.workflows.train import TrainRecipe

RECIPES = bundled_recipes("train")
WAVLM_LARGE = EncoderShape(25, 1024, (10, 3, 3, 3, 3, 2, 2), (5, 2, 2, 2, 2, 2, 2))
WAVLM_LARGE_PARAMETERS = 315_453_120


def load(name: str) -> TrainRecipe:
    return load_recipe(TrainRecipe, find_recipe("train", name))


def num_parameters(recipe: TrainRecipe) -> int:
    with torch.device("meta"):
        model: nn.Module = recipe.model.build(WAVLM_LARGE, 4)  # type: ignore[attr-defined]
    return sum(parameter.numel() for parameter in model.parameters())


def test_every_recipe_loads() -> None:
    assert len(RECIPES) == 20
    for path in RECIPES:
        assert load_recipe(TrainRecipe, path).epochs > 0, path


def test_every_model_has_a_small_recipe() -> None:
    for name in MODELS.table:
        assert load(name.replace("-", "_")).model.model_dump()["name"] == name


def test_the_small_recipes_differ_in_their_model_only() -> None:
    reference = load("sparse_merit").model_dump(exclude={"name", "model"})
    for name in ("naive_mtl", "se", "ser"):
        assert load(name).model_dump(exclude={"name", "model"}) == reference


@pytest.mark.parametrize(("name", "expected"), [("sparse_merit_paper", 648_979_091), ("naive_mtl_paper", 321_705_663)])
def test_paper_recipes_have_the_parameters_of_the_specification(name: str, expected: int) -> None:
    assert num_parameters(load(name)) + WAVLM_LARGE_PARAMETERS == expected


def test_the_two_halves_of_preprocessing_have_the_parameters_of_the_specification() -> None:
    both = num_parameters(load("se_paper")) + num_parameters(load("ser_paper"))
    assert both + 2 * WAVLM_LARGE_PARAMETERS == 637_158_783


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
