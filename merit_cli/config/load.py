"""From YAML, flags and ``--set`` to one validated recipe, and its fingerprint.

Order: the recipe's YAML over its one ``extends`` parent, then flags, then ``--set key=value``,
then validation of the whole. Every fault is reported at once, with its key path.
"""

import hashlib
import json
import re
import textwrap
from collections.abc import Hashable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import UnionType
from typing import Any, TypeVar, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError

from merit_cli.config.frozen import FrozenConfig
from merit_cli.errors import BadData, NoInput, UsageError, nearest_name

SCHEMA_VERSION = 1
"""Part of every fingerprint; raised when the same recipe would give other output."""

Tree = dict[str, Any]  # YAML's own data model: nested mappings of plain values
RecipeT = TypeVar("RecipeT", bound=FrozenConfig)


class _OneOfAKey(yaml.SafeLoader):
    """Refuses a key that stands twice in a mapping, which YAML forbids and its library lets pass."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:  # noqa: FBT001, FBT002 - PyYAML's
        seen: set[tuple[str, str]] = set()
        for key in (one for one, _ in node.value if isinstance(one, yaml.ScalarNode)):
            if (key.tag, key.value) in seen:
                raise yaml.constructor.ConstructorError(
                    problem=f"the key {key.value!r} stands twice", problem_mark=key.start_mark
                )
            seen.add((key.tag, key.value))
        return super().construct_mapping(node, deep=deep)


def read_yaml(path: Path) -> Tree:
    """The mapping in a YAML file.

    Raises:
        NoInput: There is no such file.
        BadData: It is not YAML, or not a mapping at the top.
    """
    try:
        tree = yaml.load(path.read_text(encoding="utf-8"), _OneOfAKey)
    except FileNotFoundError:
        raise NoInput("the recipe does not exist", place=str(path), hint="check the path") from None
    except (yaml.YAMLError, UnicodeDecodeError, IsADirectoryError) as error:
        mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None)
        line, fault = f":{mark.line + 1}" if mark else "", f": {problem}" if problem else ""
        raise BadData(
            f"the file is not valid YAML{fault}", place=f"{path}{line}", hint="check indentation and quotes"
        ) from error
    if tree is None:
        return {}
    if not isinstance(tree, dict):
        raise BadData("a recipe must be a mapping of keys to values", place=str(path))
    return tree


def merge(parent: Mapping[str, Any], child: Mapping[str, Any]) -> Tree:
    """``child`` over ``parent``, mapping by mapping; lists are replaced whole.

    >>> merge({"a": {"x": 1, "y": 2}}, {"a": {"y": 3}})
    {'a': {'x': 1, 'y': 3}}
    """
    merged = dict(parent)
    for key, value in child.items():
        both = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
        merged[key] = merge(merged[key], value) if both else value
    return merged


def read_recipe_tree(path: Path) -> Tree:
    """A recipe file's mapping laid over its ``extends`` parent, which may not extend another.

    Raises:
        NoInput: There is no such file.
        UsageError: It is not YAML, or extends one that extends another.
    """
    tree = _read_as_recipe(path)
    parent_name = tree.pop("extends", None)
    if parent_name is None:
        return tree
    parent_path = path.parent / str(parent_name)
    parent = _read_as_recipe(parent_path)
    if "extends" in parent:
        raise UsageError(
            "a recipe's parent may not extend another", place=str(parent_path), hint="one level of extends"
        )
    return merge(parent, tree)


def _read_as_recipe(path: Path) -> Tree:
    try:
        return read_yaml(path)
    except BadData as error:
        raise UsageError(error.message, place=error.place, hint=error.hint) from error


def parse_override(text: str) -> tuple[tuple[str, ...], Any]:
    """Key path and value of one ``--set`` text, split at the first ``=``.

    >>> parse_override("optimiser.learning_rate=1e-3")
    (('optimiser', 'learning_rate'), 0.001)
    """
    key, separator, value_text = text.partition("=")
    path = tuple(part.strip() for part in key.split("."))
    if not separator or not all(path):
        raise UsageError(f"cannot read the override {text!r}", place="--set", hint="write --set dotted.key=value")
    try:
        value = yaml.load(value_text, _OneOfAKey)
    except yaml.YAMLError as error:
        raise UsageError(f"the value in {text!r} is not valid YAML", place=f"--set {key}", hint="quote it") from error
    if isinstance(value, str):  # YAML 1.1 reads 1e-3 as text; nobody who types it means text
        with suppress(ValueError):
            value = float(value)
    return path, value


def _nested(path: tuple[str, ...], value: Any) -> Tree:
    for part in reversed(path):
        value = {part: value}
    return value  # type: ignore[no-any-return]


def with_override(tree: Mapping[str, Any], path: tuple[str, ...], value: Any) -> Tree:
    """``tree`` with one ``--set`` laid over it; a component by another name takes the place of the old one.

    >>> with_override({"backbone": {"name": "log-mel", "num_mels": 64}}, ("backbone",), {"name": "waveform"})
    {'backbone': {'name': 'waveform'}}
    """
    if replaces_component(tree, path, value):
        tree = merge(tree, _nested(path, None))
    return merge(tree, _nested(path, value))


def replaces_component(tree: Mapping[str, Any], path: tuple[str, ...], value: Any) -> bool:
    """Whether ``value`` is a component of another name than the one that stands at ``path``."""
    old: Any = tree
    for part in path:
        old = old.get(part) if isinstance(old, Mapping) else None
    both = isinstance(old, Mapping) and isinstance(value, Mapping)
    return both and "name" in old and "name" in value and old["name"] != value["name"]


def load_recipe(
    schema: type[RecipeT],
    path: Path | None = None,
    *,
    flags: Mapping[str, Any] | None = None,
    overrides: Sequence[str] = (),
) -> RecipeT:
    """One validated recipe.

    Args:
        schema: The recipe's class.
        path: Its YAML file; None starts from the schema's defaults.
        flags: Values given on the command line, nested like the recipe; None values are dropped.
        overrides: ``--set`` texts, applied last.

    Raises:
        UsageError: An unknown key (the nearest is named) or an invalid value; all are listed.
    """
    tree = read_recipe_tree(path) if path else {}
    tree = merge(tree, {key: value for key, value in (flags or {}).items() if value is not None})
    for text in overrides:
        tree = with_override(tree, *parse_override(text))
    return validated(schema, tree, place=str(path or "recipe"))


def validated(schema: type[RecipeT], tree: Mapping[str, Any], *, place: str) -> RecipeT:
    """``tree`` as an object of ``schema``.

    Raises:
        UsageError: An unknown key (the nearest is named) or an invalid value; all are listed.
    """
    try:
        return schema.model_validate(tree)
    except ValidationError as error:
        raise _explain(error, schema, place) from None


def _explain(error: ValidationError, schema: type[BaseModel], place: str) -> UsageError:
    faults, hints = [], []
    for fault in error.errors():
        location = [str(part) for part in fault["loc"]]
        key = ".".join(location)
        if fault["type"] == "extra_forbidden":
            near = nearest_name(location[-1], _known_keys(schema, location[:-1]))
            faults.append(f"unknown key {key!r}")
            if near:
                hints.append(f"did you mean {'.'.join([*location[:-1], near])!r}?")
        else:
            message = fault["msg"].removeprefix("Value error, ")
            message = f"{message[0].lower()}{message[1:]}"
            whole = not location or isinstance(fault["input"], Mapping | BaseModel)
            faults.append(f"{key} = {fault['input']!r}: {message}" if not whole else f"{key}: {message}".lstrip(": "))
            hints += _values_named(message, fault["input"]) if whole else []
    return UsageError("; ".join(faults), place=place, hint=" ".join(hints) or f"keys: {', '.join(schema.model_fields)}")


def _values_named(message: str, tree: Any) -> list[str]:
    """What the keys that a message names are set to, so that a long recipe need not be repeated."""
    found = []
    for word in dict.fromkeys(re.findall(r"[a-z_][a-z_0-9.]*[a-z_0-9]", message)):
        value: Any = tree
        for part in word.split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
        if value is not None:
            found.append(f"{word} is {textwrap.shorten(str(value), 80)}")
    return ["; ".join(found)] if found else []


def _known_keys(schema: type[BaseModel], location: Sequence[str]) -> list[str]:
    """Field names of the model that ``location`` leads to, through unions and tuples."""
    candidates = [schema]
    for part in location:
        deeper: list[type[BaseModel]] = []
        for candidate in candidates:
            if part in candidate.model_fields:
                deeper += _models_in(candidate.model_fields[part].annotation)
        candidates = deeper or candidates  # a union's tag or a list index stays where it is
    return sorted({name for candidate in candidates for name in candidate.model_fields})


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    if get_origin(annotation) in (Union, UnionType, tuple) or get_args(annotation):
        return [model for inner in get_args(annotation) for model in _models_in(inner)]
    return []


def resolved(recipe: BaseModel) -> Tree:
    """The recipe as plain data, every default written out."""
    return recipe.model_dump(mode="json")


def fingerprint(recipe: BaseModel | Mapping[str, Any], inputs: Mapping[str, str]) -> str:
    """Twelve hexadecimal digits that name a recipe together with its inputs.

    Args:
        recipe: A recipe, or its resolved tree.
        inputs: Name of each input to the hash of its contents.
    """
    tree = resolved(recipe) if isinstance(recipe, BaseModel) else dict(recipe)
    text = json.dumps({"recipe": tree, "inputs": dict(inputs), "schema": SCHEMA_VERSION}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]
