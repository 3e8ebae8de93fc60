"""``merit recipes``: what recipes there are, what each says and why, whether they hold, and how two differ."""

from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from merit_cli.assets import bundled, bundled_recipes
from merit_cli.config.frozen import FrozenConfig
from merit_cli.config.load import Tree, load_recipe, read_recipe_tree, resolved
from merit_cli.config.origins import KeyPath, Origin, leaves, origins_of
from merit_cli.errors import MeritError, NoInput, UsageError, nearest_name, unknown_name
from merit_cli.io.atomic import write_text

_ORDER = ("mix", "enhance", "train", "breath", "evaluate")
_SCRIPTED = {"study.yaml", "strategies", "mix_back_sweep.yaml", "mix_back_sweep_breath.yaml"}
"""Plans of scripts in recipes/, which check them themselves."""


@dataclass(frozen=True)
class RecipeEntry:
    """One bundled recipe.

    Args:
        name: Its path below ``recipes`` without the suffix.
        kind: The command it is for; ``script`` for the plan of a script in ``recipes``.
        extends: Its parent's file; empty without one.
        about: The first line of its comment.
    """

    name: str
    kind: str
    extends: str
    about: str


def list_recipes(kind: str | None = None) -> list[RecipeEntry]:
    """The bundled recipes, of one kind or all.

    Raises:
        UsageError: The kind is unknown.
    """
    if kind is not None and kind not in (*_ORDER, "script"):
        raise unknown_name("kind of recipe", kind, (*_ORDER, "script"), place="--kind")
    entries = [_entry(path) for path in bundled_recipes()]
    return [entry for entry in entries if kind in (None, entry.kind)]


def _entry(path: Path) -> RecipeEntry:
    text = path.read_text(encoding="utf-8")
    comment = text.splitlines()[0].removeprefix("#").strip() if text.startswith("#") else ""
    parent = yaml.safe_load(text).get("extends", "")
    return RecipeEntry(_bundled_name(path), _bundled_kind(path) or "script", parent, comment)


def _bundled_name(path: Path) -> str:
    return path.relative_to(bundled("recipes")).with_suffix("").as_posix()


def _bundled_kind(path: Path) -> str | None:
    """The kind of a bundled recipe by its folder; None for the plan of a script."""
    if _SCRIPTED & set(path.parts):
        return None
    return next((part for part in reversed(path.parts[:-1]) if part in _ORDER), None)


def find_any_recipe(name: str, kind: str | None = None) -> Path:
    """The recipe file that ``name`` means: a file, a run folder, or a bundled recipe by its name or the end of it.

    Of several that end so, the one of ``kind`` is meant, then the one with the fewest folders.

    Raises:
        NoInput: There is none; the nearest is named.
        UsageError: Several bundled recipes end so.
    """
    path = Path(name)
    if path.is_dir() and (path / "recipe.yaml").is_file():
        return path / "recipe.yaml"
    if path.is_file():
        return path
    known = {_bundled_name(one): one for one in bundled_recipes()}
    wanted = name.removesuffix(".yaml")
    found = [one for one in known if one == wanted or one.endswith(f"/{wanted}")]
    found = [one for one in found if kind in (None, _bundled_kind(known[one]))]
    short = [one for one in found if one.count("/") == min(other.count("/") for other in found)]
    if len(short) > 1:
        raise UsageError(f"several recipes are called {name!r}", hint=f"say which, or --kind: {', '.join(short)}")
    if not short:
        near = nearest_name(wanted, [*known, *(one.rpartition("/")[2] for one in known)])
        guess = f"did you mean {near!r}? " if near else ""
        raise NoInput(f"there is no recipe {name!r}", hint=f"{guess}merit recipes list shows all")
    return known[short[0]]


def kind_of(path: Path, kind: str | None = None) -> str:
    """The kind of a recipe: as said, by its folder among the bundled ones, or by the keys that it has.

    Raises:
        UsageError: It is a script's plan, or its keys fit several kinds alike.
    """
    if kind is not None:
        if kind not in _ORDER:
            raise unknown_name("kind of recipe", kind, _ORDER, place="--kind")
        return kind
    if bundled("recipes") in path.resolve().parents:
        found = _bundled_kind(path.resolve())
        if found is None:
            raise UsageError(
                "this is the plan of a script, not a command's recipe", place=str(path), hint="recipes/README.md"
            )
        return found
    keys = set(read_recipe_tree(path))
    unknown = {one: len(keys - set(_schema(one).model_fields)) for one in _ORDER}
    if keys and min(unknown.values()) == len(keys):
        raise UsageError(
            "no command's recipe has such keys",
            place=str(path),
            hint=f"there: {', '.join(sorted(keys))}; or say --kind",
        )
    best = [one for one in _ORDER if unknown[one] == min(unknown.values())]
    if len(best) > 1:
        raise UsageError(f"the keys fit several kinds: {', '.join(best)}", place=str(path), hint="say which by --kind")
    return best[0]


def _schema(kind: str) -> type[FrozenConfig]:
    from merit_cli.mixing.recipe import MixRecipe
    from merit_cli.workflows.classify_breath.recipe import BreathRecipe
    from merit_cli.workflows.enhance.recipe import EnhanceRecipe
    from merit_cli.workflows.evaluate.run import EvaluateRecipe
    from merit_cli.workflows.train.recipe import TrainRecipe

    schemas: tuple[type[FrozenConfig], ...] = (MixRecipe, EnhanceRecipe, TrainRecipe, BreathRecipe, EvaluateRecipe)
    return dict(zip(_ORDER, schemas, strict=True))[kind]


def show_recipe(name: str, *, kind: str | None = None, overrides: Sequence[str] = ()) -> list[Origin]:
    """Every value of a recipe with what said so.

    Raises:
        UsageError: The recipe does not hold.
        NoInput: There is none.
    """
    path = find_any_recipe(name, kind)
    recipe = load_recipe(_schema(kind_of(path, kind)), path, overrides=overrides)
    return origins_of(resolved(recipe), path, overrides)


def copy_recipe(name: str, target: Path, *, overwrite: bool = False) -> Path:
    """Write a recipe to a file of one's own, whole: with the parent it extends laid under it; returns the file.

    Raises:
        NoInput: There is no such recipe.
        UsageError: The target is there and may not be overwritten.
    """
    path = find_any_recipe(name)
    target = target / path.name if target.is_dir() else target
    if target.exists() and not overwrite:
        raise UsageError("the file is there already", place=str(target), hint="another name, or --overwrite")
    text = path.read_text(encoding="utf-8")
    if "extends" in yaml.safe_load(text):
        head = [line for line in text.splitlines() if line.startswith("#")]
        body = yaml.safe_dump(read_recipe_tree(path), sort_keys=False, allow_unicode=True)
        text = "".join(f"{line}\n" for line in head) + body
    write_text(target, text)
    return target


@dataclass(frozen=True)
class Verdict:
    """Whether a recipe holds.

    Args:
        name: As asked.
        kind: Of the recipe; empty where it is not known.
        fault: What is wrong; empty where nothing is.
        hint: What to do about it.
    """

    name: str
    kind: str
    fault: str = ""
    hint: str = ""


def check_recipes(names: Sequence[str] = (), *, kind: str | None = None) -> Iterator[Verdict]:
    """A verdict on each recipe; without names on every bundled one that is a command's."""
    for name in names or [entry.name for entry in list_recipes() if entry.kind != "script"]:
        found = ""
        try:
            path = find_any_recipe(name, kind)
            found = kind_of(path, kind)
            load_recipe(_schema(found), path)
        except MeritError as error:
            fault = f"{error.place}: {error.message}".removeprefix(": ").removeprefix(f"{name}: ")
            yield Verdict(name, found, fault, error.hint)
        else:
            yield Verdict(name, found)


@dataclass(frozen=True)
class Difference:
    """One key whose values differ.

    Args:
        key: Its path, joined by dots.
        first: Value in the first recipe.
        second: Value in the second.
        only_in: ``first`` or ``second`` where the other has no such key, and None for it; else empty.
    """

    key: str
    first: Any
    second: Any
    only_in: str = ""


def diff_recipes(first: str, second: str, *, kind: str | None = None) -> list[Difference]:
    """The keys in which two resolved recipes differ.

    Raises:
        UsageError: One does not hold, or they are of different kinds.
        NoInput: There is none.
    """
    paths = [find_any_recipe(name, kind) for name in (first, second)]
    kinds = [kind_of(path, kind) for path in paths]
    if kinds[0] != kinds[1]:
        raise UsageError(f"{first} is a recipe to {kinds[0]}, {second} to {kinds[1]}", hint="compare two of one kind")
    trees: list[Tree] = [resolved(load_recipe(_schema(kinds[0]), path)) for path in paths]
    left, right = (dict(leaves(tree)) for tree in trees)
    keys = [*left, *(key for key in right if key not in left)]
    return [
        Difference(".".join(key), left.get(key), right.get(key), _only_in(key, left, right))
        for key in keys
        if left.get(key) != right.get(key) or (key in left) != (key in right)
    ]


def _only_in(key: KeyPath, left: Container[KeyPath], right: Container[KeyPath]) -> str:
    return "second" if key not in left else "first" if key not in right else ""
