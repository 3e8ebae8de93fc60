from pathlib import Path

import pytest
import yaml

from merit_cli.config.load import load_recipe, resolved
from merit_cli.errors import NoInput, UsageError
from merit_cli.workflows.recipes import (
    check_recipes,
    copy_recipe,
    diff_recipes,
    find_any_recipe,
    kind_of,
    list_recipes,
    show_recipe,
)
from merit_cli.workflows.train.recipe import TrainRecipe


def test_every_bundled_recipe_of_a_command_is_listed_and_holds() -> None:
    entries = list_recipes()
    kinds = {entry.kind for entry in entries}
    verdicts = list(check_recipes())
    assert kinds >= {"mix", "train", "breath", "script"}
    assert len(verdicts) == sum(entry.kind != "script" for entry in entries) > 60
    assert [verdict for verdict in verdicts if verdict.fault] == []


def test_a_recipe_is_listed_with_its_parent_and_what_it_is() -> None:
    (entry,) = [one for one in list_recipes("train") if one.name == "train/sparse_merit"]
    assert entry.extends == "small.yaml"
    assert entry.about


def test_the_values_shown_are_those_that_a_run_takes() -> None:
    shown = {one.key: one for one in show_recipe("train/sparse_merit", overrides=("epochs=3",))}
    recipe = load_recipe(TrainRecipe, find_any_recipe("train/sparse_merit"), overrides=("epochs=3",))
    assert shown["epochs"].value == 3
    assert shown["epochs"].origin == "--set epochs"
    assert shown["model.trunk_width"].value == resolved(recipe)["model"]["trunk_width"]
    assert shown["model.trunk_width"].origin == "small.yaml"
    assert shown["precision"].origin == "default"


def test_a_copy_stands_alone_and_says_the_same(tmp_path: Path) -> None:
    copied = copy_recipe("train/sparse_merit", tmp_path / "mine.yaml")
    assert "extends" not in yaml.safe_load(copied.read_text())
    assert copied.read_text().startswith("#")
    assert diff_recipes("train/sparse_merit", str(copied)) == []


def test_a_copy_replaces_nothing_unasked(tmp_path: Path) -> None:
    (tmp_path / "small.yaml").write_text("mine")
    with pytest.raises(UsageError, match="there already"):
        copy_recipe("train/small", tmp_path)
    assert (tmp_path / "small.yaml").read_text() == "mine"
    copy_recipe("train/small", tmp_path, overwrite=True)
    assert diff_recipes("train/small", str(tmp_path / "small.yaml")) == []


def test_a_difference_has_both_values(tmp_path: Path) -> None:
    copied = copy_recipe("train/small", tmp_path)
    copied.write_text(copied.read_text().replace("epochs: 48", "epochs: 7"))
    assert [(one.key, one.first, one.second) for one in diff_recipes("train/small", str(copied))] == [("epochs", 48, 7)]


def test_a_key_that_one_recipe_lacks_is_not_taken_for_null() -> None:
    sides = {one.key: one.only_in for one in diff_recipes("train/sparse_merit", "train/naive_mtl")}
    assert (sides["model.num_experts"], sides["model.name"]) == ("first", "")


def test_recipes_of_different_kinds_are_not_compared() -> None:
    with pytest.raises(UsageError, match="train/small is a recipe to train, mix/telephone to mix"):
        diff_recipes("train/small", "mix/telephone")


def test_a_name_that_several_end_in_asks_which_unless_the_kind_says_it() -> None:
    with pytest.raises(UsageError, match="mix/sparse_merit, train/sparse_merit"):
        find_any_recipe("sparse_merit")
    assert find_any_recipe("sparse_merit", "mix").parent.name == "mix"


def test_an_unknown_name_is_refused_with_the_nearest() -> None:
    with pytest.raises(NoInput, match="did you mean 'telephone'"):
        find_any_recipe("telefone")


def test_the_plan_of_a_script_says_that_it_is_one() -> None:
    with pytest.raises(UsageError, match="the plan of a script"):
        show_recipe("polish/study")


@pytest.mark.parametrize(
    ("text", "kind"), [("snr: '-5'\nvariants: 2\n", "mix"), ("epochs: 3\nbatch_size: 2\nadversary: null\n", "train")]
)
def test_the_kind_of_a_users_file_is_known_by_its_keys(tmp_path: Path, text: str, kind: str) -> None:
    (tmp_path / "mine.yaml").write_text(text)
    assert kind_of(tmp_path / "mine.yaml") == kind


def test_a_fault_is_told_and_the_other_recipes_are_checked_too(tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text("epochs: 0\nbatch_sise: 2\nadversary: null\n")
    bad, gone, good = check_recipes([str(tmp_path / "bad.yaml"), "nowhere", "train/small"])
    assert "epochs = 0" in bad.fault
    assert "did you mean 'batch_size'?" in bad.hint
    assert "there is no recipe 'nowhere'" in gone.fault
    assert good.fault == ""


def test_a_file_with_no_commands_keys_is_refused(tmp_path: Path) -> None:
    (tmp_path / "odd.yaml").write_text("colour: red\n")
    with pytest.raises(UsageError, match=r"no command.s recipe has such keys.*colour"):
        kind_of(tmp_path / "odd.yaml")
