"""``merit recipes list``, ``show``, ``copy``, ``check`` and ``diff``."""

import json
import textwrap
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from merit_cli.cli import options
from merit_cli.cli.console import print_json, print_table
from merit_cli.errors import UsageError

Kind = Annotated[
    str | None,
    typer.Option("--kind", help="mix, enhance, train, breath or evaluate. Default: by the folder or the keys."),
]
_NAME = "A bundled recipe's name, a recipe file, or a run folder."


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for name, command in (("list", list_all), ("show", show), ("copy", copy), ("check", check), ("diff", diff)):
        app.command(f"recipes {name}")(command)
    app.command("recipes")(list_all)


def list_all(kind: Kind = None, as_json: options.AsJson = False) -> None:
    """List the bundled recipes. Others: recipes show, recipes copy, recipes check, recipes diff.

    Example: merit recipes list --kind train
    """
    from merit_cli.workflows.recipes import list_recipes

    entries = list_recipes(kind)
    if as_json:
        print_json([asdict(entry) for entry in entries])
        return
    _print_columns(
        [(entry.name, entry.kind, textwrap.shorten(entry.about, 90, placeholder=" ...")) for entry in entries]
    )
    typer.echo("next:   merit recipes show NAME")


def show(
    name: Annotated[str, typer.Argument(help=_NAME)],
    overrides: options.Overrides = None,
    kind: Kind = None,
    as_json: options.AsJson = False,
) -> None:
    """Show every value of a recipe and where it comes from: its file, the parent it extends, --set, or the default.

    Example: merit recipes show train/sparse_merit --set epochs=10
    """
    from merit_cli.workflows.recipes import show_recipe

    values = show_recipe(name, kind=kind, overrides=overrides or ())
    if as_json:
        print_json([one._asdict() for one in values])
        return
    _print_columns([(one.key, _text(one.value), one.origin) for one in values])


def copy(
    name: Annotated[str, typer.Argument(help=_NAME)],
    target: Annotated[Path, typer.Argument(help="File or folder to write to.")] = Path(),
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a file that is there.")] = False,
) -> None:
    """Copy a recipe into a file of your own, whole, with the parent that it extends laid under it.

    Example: merit recipes copy train/sparse_merit mine.yaml
    """
    from merit_cli.workflows.recipes import copy_recipe

    written = copy_recipe(name, target, overwrite=overwrite)
    typer.echo(f"output: {written}")
    typer.echo(f"next:   merit recipes check {written}")


def check(
    names: Annotated[list[str] | None, typer.Argument(help=f"{_NAME} Default: all bundled ones.")] = None,
    kind: Kind = None,
    as_json: options.AsJson = False,
) -> None:
    """Check that recipes hold: keys, values, and whether they fit together.

    Example: merit recipes check mine.yaml
    """
    from merit_cli.workflows.recipes import check_recipes

    verdicts = list(check_recipes(names or (), kind=kind))
    faulty = [one for one in verdicts if one.fault]
    if as_json:
        print_json([asdict(one) for one in verdicts])
    else:
        for one in verdicts:
            typer.echo(f"  {one.name}: {one.fault or f'holds ({one.kind})'}")
            if one.hint:
                typer.echo(f"    hint: {one.hint}")
    if faulty:
        raise UsageError(f"{len(faulty)} of {len(verdicts)} recipes do not hold", hint="each fault stands above")


def diff(
    first: Annotated[str, typer.Argument(help=_NAME)],
    second: Annotated[str, typer.Argument(help=_NAME)],
    kind: Kind = None,
    as_json: options.AsJson = False,
) -> None:
    """Show in which keys two recipes differ, all defaults written out.

    Example: merit recipes diff train/sparse_merit train/naive_mtl
    """
    from merit_cli.workflows.recipes import diff_recipes

    found = diff_recipes(first, second, kind=kind)
    if as_json:
        print_json([asdict(one) for one in found])
    elif not found:
        typer.echo("the recipes say the same")
    else:
        print_table(
            ("key", first, second),
            [
                (
                    one.key,
                    "" if one.only_in == "second" else _text(one.first),
                    "" if one.only_in == "first" else _text(one.second),
                )
                for one in found
            ],
        )


def _print_columns(rows: Sequence[Sequence[str]]) -> None:
    """Rows of columns, one line each whatever the terminal's width, for ``grep`` and the like."""
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(2)]
    for first, second, last in rows:
        typer.echo(f"{first:<{widths[0]}}  {second:<{widths[1]}}  {last}".rstrip())


def _text(value: Any) -> str:
    """A value as YAML would have it on one line."""
    return value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False)
