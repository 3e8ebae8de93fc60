from pathlib import Path
from typing import Self

import pytest
from pydantic import model_validator

from merit_cli.config.frozen import FrozenConfig
from merit_cli.config.load import fingerprint, load_recipe, parse_override, read_yaml
from merit_cli.errors import BadData, NoInput, UsageError


class Optimiser(FrozenConfig):
    learning_rate: float = 1e-3
    steps: int = 10


class Recipe(FrozenConfig):
    name: str = "r"
    optimiser: Optimiser = Optimiser()
    layers: tuple[int, ...] = (1, 2)


def test_flags_stand_over_yaml_and_overrides_over_flags(tmp_path: Path) -> None:
    (tmp_path / "parent.yaml").write_text("optimiser: {learning_rate: 0.1, steps: 1}\nname: parent\n")
    (tmp_path / "child.yaml").write_text("extends: parent.yaml\noptimiser: {steps: 2}\n")
    recipe = load_recipe(
        Recipe, tmp_path / "child.yaml", flags={"name": "flag", "layers": None}, overrides=["optimiser.steps=3"]
    )
    assert (recipe.name, recipe.optimiser.learning_rate, recipe.optimiser.steps) == ("flag", 0.1, 3)


def test_a_grandparent_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("name: a\n")
    (tmp_path / "b.yaml").write_text("extends: a.yaml\n")
    (tmp_path / "c.yaml").write_text("extends: b.yaml\n")
    with pytest.raises(UsageError, match="may not extend another"):
        load_recipe(Recipe, tmp_path / "c.yaml")


def test_every_fault_is_named_at_once_with_the_nearest_key() -> None:
    with pytest.raises(UsageError) as caught:
        load_recipe(Recipe, overrides=["optimiser.learning_rte=1", "layers=x"])
    assert "optimiser.learning_rte" in caught.value.message
    assert "layers" in caught.value.message
    assert "did you mean 'optimiser.learning_rate'?" in caught.value.hint


@pytest.mark.parametrize(
    ("text", "value"), [("a=b=c", "b=c"), ("a=1e-3", 0.001), ("a=[1, 2]", [1, 2]), ("a=no", False)]
)
def test_an_override_is_split_at_the_first_equals_and_read_as_yaml(text: str, value: object) -> None:
    assert parse_override(text) == (("a",), value)


@pytest.mark.parametrize("text", ["a", "=1", "a..b=1", "a={"])
def test_an_override_without_key_or_value_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_override(text)


def test_a_recipe_is_frozen() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Recipe().name = "other"  # type: ignore[misc]


@pytest.mark.parametrize("value", [".nan", ".inf"])
def test_a_number_that_is_not_finite_is_refused(value: str) -> None:
    with pytest.raises(UsageError):
        load_recipe(Recipe, overrides=[f"optimiser.learning_rate={value}"])


def test_a_missing_recipe_is_no_input(tmp_path: Path) -> None:
    with pytest.raises(NoInput):
        load_recipe(Recipe, tmp_path / "none.yaml")


@pytest.mark.parametrize("text", ["a: [", "- 1\n- 2\n", "\x00"])
def test_a_recipe_that_is_not_a_mapping_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "bad.yaml").write_text(text)
    with pytest.raises(UsageError):
        load_recipe(Recipe, tmp_path / "bad.yaml")
    with pytest.raises(BadData):  # as the card of a corpus
        read_yaml(tmp_path / "bad.yaml")


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("name: a\nname: b\n", 2, "the key 'name' stands twice"),
        ("name: a\noptimiser:\n  steps: 1\n  steps: 2\n", 4, "the key 'steps' stands twice"),
        ("name: [a\nb: 1\n", 2, "not valid YAML"),
        ("name: a\n\tb: 1\n", 2, "not valid YAML"),
    ],
)
def test_a_fault_in_a_recipe_is_named_with_its_line(tmp_path: Path, text: str, line: int, words: str) -> None:
    (tmp_path / "bad.yaml").write_text(text)
    with pytest.raises(UsageError, match=words) as caught:
        load_recipe(Recipe, tmp_path / "bad.yaml")
    assert caught.value.place == f"{tmp_path / 'bad.yaml'}:{line}"


def test_the_fingerprint_depends_on_recipe_and_inputs_only() -> None:
    base = fingerprint(Recipe(), {"speech": "1"})
    assert base == fingerprint(Recipe(), {"speech": "1"})
    assert base != fingerprint(Recipe(), {"speech": "2"})
    assert base != fingerprint(Recipe(name="s"), {"speech": "1"})


class Encoder(FrozenConfig):
    name: str = "log-mel"
    num_mels: int | None = None
    path: str = ""


class Whole(FrozenConfig):
    encoder: Encoder = Encoder()
    epochs: int = 1
    rows: tuple[int, ...] = ()

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.epochs > 5:
            raise ValueError("epochs does not fit encoder.name")
        return self


def test_a_fault_of_the_whole_recipe_names_its_keys_and_not_the_tree() -> None:
    with pytest.raises(UsageError) as caught:
        load_recipe(Whole, overrides=("epochs=7", "encoder.name=mel", "rows=[1, 2, 3]"))
    assert caught.value.message == "epochs does not fit encoder.name"
    assert caught.value.hint == "epochs is 7; encoder.name is mel"


def test_a_component_by_another_name_leaves_the_old_ones_keys_behind(tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text("encoder: {name: log-mel, num_mels: 64}")
    assert load_recipe(Whole, path, overrides=("encoder={name: hub, path: x}",)).encoder == Encoder(
        name="hub", path="x"
    )
    assert load_recipe(Whole, path, overrides=("encoder={path: x}",)).encoder.num_mels == 64
    assert load_recipe(Whole, path, overrides=("encoder={name: log-mel}",)).encoder.num_mels == 64
