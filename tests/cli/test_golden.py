"""The flags of every command, frozen: a change shows in the diff of one generated file.

``make docs`` writes the file anew.
"""

import json
from pathlib import Path
from typing import Any

import pytest
import typer.main

from merit_cli.cli.app import build_app

GOLDEN = Path(__file__).with_name("golden_flags.json")


def flags_of_every_command() -> dict[str, list[dict[str, Any]]]:
    group: Any = typer.main.get_command(build_app())
    return {
        name: [flag_of(parameter) for parameter in command.params] for name, command in sorted(group.commands.items())
    }


def flag_of(parameter: Any) -> dict[str, Any]:
    default = parameter.default
    return {
        "names": list(parameter.opts) if parameter.param_type_name == "option" else [parameter.name],
        "kind": parameter.param_type_name,
        "default": default if isinstance(default, str | int | float | bool | None) else str(default),
        "many": bool(getattr(parameter, "multiple", False)) or parameter.nargs == -1,
        "variable": parameter.envvar or None,
    }


def test_the_flags_are_those_of_the_golden_file(request: pytest.FixtureRequest) -> None:
    found = json.dumps(flags_of_every_command(), indent=1, default=str) + "\n"
    if request.config.getoption("--update-golden"):
        GOLDEN.write_text(found, encoding="utf-8")
    assert found == GOLDEN.read_text(encoding="utf-8"), "flags changed: read the diff, then make docs"


def test_every_machine_flag_has_a_variable() -> None:
    for command, flags in flags_of_every_command().items():
        for flag in flags:
            for name in ("--workers", "--device", "--runs-dir"):
                if name in flag["names"]:
                    assert flag["variable"], f"{command} {name}"


def test_every_help_text_has_an_example() -> None:
    group: Any = typer.main.get_command(build_app())
    for name, command in group.commands.items():
        assert f"merit {name}" in (command.help or ""), name
