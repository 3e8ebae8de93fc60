"""The schema of a grid: axes of settings over one training recipe, and every strategy that they span."""

import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple, Self

from pydantic import Field, model_validator

from merit_cli.backbones.model_folder import tasks_of
from merit_cli.config.frozen import FrozenConfig
from merit_cli.config.load import load_recipe, merge, parse_override, read_recipe_tree, validated
from merit_cli.errors import UsageError, unknown_name
from merit_cli.workflows.train import TrainRecipe

Settings = dict[str, Any]  # a tree of keys of a training recipe, as YAML gives it


class Grid(FrozenConfig):
    """What is tried; a YAML file beside ``run.py``.

    Args:
        name: Of the grid.
        train: Training recipe that every strategy begins with, relative to the file.
        settings: Laid over it for all strategies.
        axes: Name to choices, each a name to the settings that it lays over the recipe.
        reference: The choice on each axis that the others are compared with.
        design: ``full`` tries every combination; ``one_at_a_time`` leaves the reference on one axis only.
        seeds: Of training, two at least: one says nothing of chance.
    """

    name: str
    train: str
    settings: Settings = Field(default_factory=dict)
    axes: dict[str, dict[str, Settings]] = Field(min_length=1)
    reference: dict[str, str]
    design: Literal["full", "one_at_a_time"] = "full"
    seeds: tuple[int, ...] = Field(default=(1, 2, 3), min_length=2)

    @model_validator(mode="after")
    def _reference_is_there(self) -> Self:
        if set(self.reference) != set(self.axes):
            raise ValueError(f"reference names {sorted(self.reference)}, the axes are {sorted(self.axes)}")
        for axis, choice in self.reference.items():
            if choice not in self.axes[axis]:
                raise ValueError(f"reference {axis} is {choice!r}, which is none of {', '.join(self.axes[axis])}")
        if len(set(self.seeds)) < len(self.seeds):
            raise ValueError(f"a seed stands twice in {list(self.seeds)}")
        return self


class Strategy(NamedTuple):
    """One way to train.

    Args:
        choices: Axis to choice.
        recipe: What it comes to, with the seed of the file; a trial sets its own.
    """

    choices: Mapping[str, str]
    recipe: TrainRecipe

    @property
    def name(self) -> str:
        """Its choices in words: a row of the tables, and its folder."""
        return ", ".join(self.choices.values())


def load_grid(path: Path, *, seeds: tuple[int, ...] = ()) -> Grid:
    """The grid in a file, with other seeds where some are given."""
    return load_recipe(Grid, path, flags={"seeds": list(seeds) or None})


def strategies(grid: Grid, folder: Path, *, overrides: tuple[str, ...] = ()) -> list[Strategy]:
    """Every strategy, the reference first; all are validated before the first is trained.

    Args:
        grid: What is tried.
        folder: Of its file.
        overrides: ``--set`` texts, laid over every strategy before its own choices.

    Raises:
        UsageError: A strategy is no valid recipe, has no emotion to score, or two have one name.
    """
    base = merge(read_recipe_tree(folder / grid.train), grid.settings)
    for text in overrides:
        path, value = parse_override(text)
        for part in reversed(path):
            value = {part: value}
        base = merge(base, value)
    found = [_strategy(grid, base, choices) for choices in _combinations(grid)]
    names = [one.name for one in found]
    if len(set(names)) < len(names):
        raise UsageError("two strategies have one name", place=grid.name, hint="name choices apart on all axes")
    return found


def only(found: list[Strategy], names: tuple[str, ...]) -> list[Strategy]:
    """The reference and the strategies of these names; all where none is named.

    Raises:
        UsageError: A name is unknown; the nearest is given.
    """
    known = [one.name for one in found]
    for name in names:
        if name not in known:
            raise unknown_name("strategy", name, known, place="--only")
    return [one for one in found if not names or one.name in (*names, known[0])]


def _combinations(grid: Grid) -> list[dict[str, str]]:
    every = [dict(zip(grid.axes, choices, strict=True)) for choices in itertools.product(*grid.axes.values())]
    if grid.design == "one_at_a_time":
        every = [one for one in every if sum(one[axis] != grid.reference[axis] for axis in one) <= 1]
    return sorted(every, key=lambda one: one != grid.reference)  # a stable sort: the reference first


def _strategy(grid: Grid, base: Mapping[str, Any], choices: dict[str, str]) -> Strategy:
    tree = dict(base)
    for axis, choice in choices.items():
        tree = merge(tree, grid.axes[axis][choice])
    named = ", ".join(choices.values())
    recipe = validated(TrainRecipe, {**tree, "name": named}, place=f"{grid.name}: {named}")
    if "emotion" not in tasks_of(recipe.model):
        raise UsageError("a strategy has no emotion to score", place=f"{grid.name}: {named}", hint="use ser or fusion")
    return Strategy(choices, recipe)
