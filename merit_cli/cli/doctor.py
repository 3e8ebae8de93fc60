"""``merit doctor``."""

import os
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import typer

from merit_cli.cli import options
from merit_cli.cli.console import print_json
from merit_cli.errors import nearest_name

if TYPE_CHECKING:
    from merit_cli.workflows.doctor import Check

_A_CHECK_FAILED = 4
_OTHER_VARIABLES = ("MERIT_CACHE_DIR", "MERIT_SHARED_DATA")
"""Those that are no flag's."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("doctor")(doctor)


def doctor(context: typer.Context, as_json: options.AsJson = False) -> None:
    """Say what works on this machine, and how to mend what does not.

    Exits with 4 where something that merit needs is at fault; an extra or a weight that is not there is none.

    Example: merit doctor --json
    """
    from merit_cli.workflows.doctor import run_checks

    checks = [*run_checks(), check_variables(context.find_root().command, os.environ)]
    ok = all(check.ok for check in checks)
    if as_json:
        print_json({"ok": ok, "checks": [asdict(check) for check in checks]})
    else:
        width = max(len(check.name) for check in checks)
        for check in checks:
            typer.echo(f"{'ok  ' if check.ok else 'FAIL'}  {check.name:<{width}}  {check.found}")
            if check.mend:
                typer.echo(f"      {'':<{width}}  mend: {check.mend}")
        faults = sum(not check.ok for check in checks)
        typer.echo("everything that merit needs works" if ok else f"to mend: {faults} (the lines that begin with FAIL)")
    if not ok:
        raise typer.Exit(_A_CHECK_FAILED)


def check_variables(group: Any, environment: Mapping[str, str]) -> "Check":
    """Whether each ``MERIT_*`` variable is one that is read, and a number where its flag takes one.

    Args:
        group: The command with all its commands; typer's own class of it is private.
        environment: Variables by name.
    """
    from merit_cli.workflows.doctor import Check

    flags = {flag.envvar: flag for command in group.commands.values() for flag in command.params if flag.envvar}
    known = [*flags, *_OTHER_VARIABLES]
    given = {name: value for name, value in sorted(environment.items()) if name.startswith("MERIT_")}
    for name, value in given.items():
        if name not in known:
            meant = nearest_name(name, known)
            mend = f"unset {name}" + (f"; export {meant}={value} if that was meant" if meant else "")
            return Check("variables", ok=False, found=f"nothing reads {name}", mend=mend)
        if name in flags and type(flags[name].default) is int and not value.isdecimal():
            return Check("variables", ok=False, found=f"{name}={value} is no number", mend=f"unset {name}")
    found = ", ".join(f"{name}={value}" for name, value in given.items())
    return Check("variables", ok=True, found=found or "none set")
