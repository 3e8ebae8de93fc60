"""Where each value of a recipe comes from: its file, the parent it extends, ``--set``, or the schema's default."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from merit_cli.config.load import (
    Tree,
    merge,
    parse_override,
    read_recipe_tree,
    read_yaml,
    replaces_component,
    with_override,
)

DEFAULT = "default"
KeyPath = tuple[str, ...]


class Origin(NamedTuple):
    """One value of a resolved recipe, and what said so: ``default``, a file, or ``--set KEY``."""

    key: str
    value: Any
    origin: str


def leaves(tree: Mapping[str, Any], path: KeyPath = ()) -> Iterator[tuple[KeyPath, Any]]:
    """Each value of a tree with its key path; a list is one value, an empty mapping, too.

    >>> list(leaves({"a": {"b": 1}, "c": [2]}))
    [(('a', 'b'), 1), (('c',), [2])]
    """
    for key, value in tree.items():
        if isinstance(value, Mapping) and value:
            yield from leaves(value, (*path, str(key)))
        else:
            yield (*path, str(key)), value


def origins_of(resolved: Mapping[str, Any], path: Path | None, overrides: Sequence[str] = ()) -> list[Origin]:
    """Each value of a resolved recipe with its origin.

    Args:
        resolved: What `load_recipe` made of ``path`` and ``overrides``, as plain data.
        path: The recipe's file; None: the schema's defaults.
        overrides: ``--set`` texts.

    Raises:
        UsageError: A file or an override cannot be read.
    """
    said: dict[KeyPath, str] = {}
    tree: Tree = {}
    if path is not None:
        tree = read_recipe_tree(path)
        own = read_yaml(path)
        parent = own.pop("extends", None)
        if parent is not None:
            _say(said, read_yaml(path.parent / str(parent)), str(parent))
        _say(said, own, path.name)
    for text in overrides:
        key_path, value = parse_override(text)
        if replaces_component(tree, key_path, value):
            said = {key: origin for key, origin in said.items() if key[: len(key_path)] != key_path}
        tree = with_override(tree, key_path, value)
        nested: Any = value
        for part in reversed(key_path):
            nested = {part: nested}
        _say(said, merge({}, nested), f"--set {'.'.join(key_path)}")
    return [Origin(".".join(key), value, _origin(said, key, resolved)) for key, value in leaves(resolved)]


def _say(said: dict[KeyPath, str], tree: Mapping[str, Any], origin: str) -> None:
    for key, _ in leaves(tree):
        for other in [one for one in said if one[: len(key)] == key or key[: len(one)] == one]:
            del said[other]
        said[key] = origin


def _origin(said: Mapping[KeyPath, str], key: KeyPath, resolved: Mapping[str, Any]) -> str:
    """A value given short, such as a component's name alone, says its ``name``; the rest of it are defaults."""
    for length in range(len(key), 0, -1):
        if (found := said.get(key[:length])) is None:
            continue
        whole: Any = resolved
        for part in key[:length]:
            whole = whole[part]
        is_name = (
            length == len(key) or not isinstance(whole, Mapping) or "name" not in whole or key[length:] == ("name",)
        )
        return found if is_name else DEFAULT
    return DEFAULT
