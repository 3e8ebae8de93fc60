"""Bundled files: data cards, the sample corpus and recipes, in a clone and in a wheel alike."""

from pathlib import Path

from merit_cli.errors import NoInput, nearest_name

_PACKAGE = Path(__file__).resolve().parent
_ROOTS = (_PACKAGE / "_bundled", _PACKAGE.parent)  # a wheel carries copies; a clone has the originals


def bundled(relative: str) -> Path:
    """Absolute path of a bundled file or folder, such as ``data_manifests/sample``.

    Raises:
        NoInput: This installation does not carry it.
    """
    for root in _ROOTS:
        path = root / relative
        if path.exists():
            return path
    raise NoInput("the bundled file is missing", place=relative, hint="reinstall merit")


def bundled_recipes(folder: str = "") -> list[Path]:
    """The bundled recipe files below ``recipes/folder``, sorted."""
    root = bundled("recipes") / folder
    return sorted(path for path in root.rglob("*.yaml") if "results" not in path.parts)


def find_recipe(kind: str, name: str | Path | None) -> Path | None:
    """The recipe file that ``name`` means: a path, or a bundled recipe of ``kind`` without its suffix.

    A folder is no recipe, so that ``-o ser`` does not take the name from ``--recipe ser`` of the next call.

    Raises:
        NoInput: It is neither; the nearest bundled name is given.
    """
    if name is None:
        return None
    path = Path(name)
    if path.exists() and not path.is_dir():
        return path
    known = {recipe.stem: recipe for recipe in bundled_recipes(kind)}
    if str(name) in known:
        return known[str(name)]
    near = nearest_name(str(name), known)
    guess = f"did you mean {near!r}? " if near else ""
    raise NoInput(f"there is no recipe {str(name)!r}", place="--recipe", hint=f"{guess}bundled: {', '.join(known)}")
