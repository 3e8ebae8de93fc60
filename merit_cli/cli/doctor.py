"""``merit doctor``."""

from dataclasses import asdict

import typer

from merit_cli.cli import options
from merit_cli.cli.console import print_json

_A_CHECK_FAILED = 4


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("doctor")(doctor)


def doctor(as_json: options.AsJson = False) -> None:
    """Say what works on this machine, and how to mend what does not.

    Example: merit doctor --json
    """
    from merit_cli.workflows.doctor import run_checks

    checks = run_checks()
    ok = all(check.ok for check in checks)
    if as_json:
        print_json({"ok": ok, "checks": [asdict(check) for check in checks]})
    else:
        width = max(len(check.name) for check in checks)
        for check in checks:
            typer.echo(f"{'ok  ' if check.ok else 'FAIL'}  {check.name:<{width}}  {check.found}")
            if check.mend:
                typer.echo(f"      {'':<{width}}  mend: {check.mend}")
        typer.echo("everything that merit needs works" if ok else "some things need mending")
    if not ok:
        raise typer.Exit(_A_CHECK_FAILED)
