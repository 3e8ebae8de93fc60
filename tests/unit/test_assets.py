"""What a recipe's name means."""

from pathlib import Path

import pytest

from merit_cli.assets import bundled_recipes, find_recipe
from merit_cli.errors import NoInput


def test_a_folder_of_that_name_does_not_hide_a_bundled_recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "ser").mkdir()
    monkeypatch.chdir(tmp_path)
    assert find_recipe("train", "ser") in bundled_recipes("train")


def test_a_file_of_that_name_comes_before_a_bundled_recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "ser").write_text("name: own")
    monkeypatch.chdir(tmp_path)
    assert find_recipe("train", "ser") == Path("ser")


def test_a_name_that_is_nothing_names_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(NoInput, match="no recipe") as caught:
        find_recipe("train", "sparse_merti")
    assert "did you mean 'sparse_merit'?" in caught.value.hint


def test_recipes_of_the_sweep_are_bundled() -> None:
    assert [path.stem for path in bundled_recipes("enhance")] == ["mix_back_sweep", "mix_back_sweep_breath"]
