import pytest

from merit_cli.config.component import component_config
from merit_cli.errors import UsageError
from merit_cli.models import MODELS
from merit_cli.models.sparse_merit import SparseMeritConfig


def test_a_name_a_mapping_and_a_config_mean_the_same() -> None:
    config = SparseMeritConfig()
    for value in ("sparse-merit", {"name": "sparse-merit"}, {}, config):
        assert component_config(MODELS, value, default="sparse-merit") == config


def test_a_null_in_a_recipe_is_kept() -> None:
    config = component_config(MODELS, {"name": "naive-mtl", "trunk_blocks": None}, default="sparse-merit")
    assert config.model_dump()["trunk_blocks"] is None


def test_an_unknown_key_is_refused_with_the_nearest() -> None:
    with pytest.raises(UsageError, match="'num_expert'") as caught:
        component_config(MODELS, {"num_expert": 2}, default="sparse-merit")
    assert "num_experts" in caught.value.hint
    assert caught.value.place == "model sparse-merit"


def test_an_unknown_name_is_refused_with_the_nearest() -> None:
    with pytest.raises(UsageError, match="sparse-mert") as caught:
        component_config(MODELS, "sparse-mert", default="sparse-merit")
    assert "'sparse-merit'" in caught.value.hint
