"""The ``merit`` command: its commands, its logging and its exit codes."""

import importlib
import json
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from types import FrameType
from typing import Annotated, Any

import typer
import typer.core

from merit_cli import __version__
from merit_cli.errors import MeritError, Preempted

COMMANDS = {
    "prepare": "merit_cli.cli.prepare",
    "prepare convert": "merit_cli.cli.convert",
    "mix": "merit_cli.cli.mix",
    "enhance": "merit_cli.cli.enhance",
    "train": "merit_cli.cli.train",
    "predict": "merit_cli.cli.predict",
    "evaluate": "merit_cli.cli.evaluate",
    "classify-breath": "merit_cli.cli.classify_breath",
    "classify-breath study": "merit_cli.cli.breath_study",
    "recipes": "merit_cli.cli.recipes",
    "doctor": "merit_cli.cli.doctor",
}
"""Each command's module; it registers its commands by ``register(app)``."""


READER_IS_GONE = 128 + signal.SIGPIPE
_GOES_ON = "the same command again goes on from here"


class _Terminated(KeyboardInterrupt):
    """SIGTERM came; like Ctrl-C no error of the item at hand, which an ``Exception`` would be taken for."""


def _terminate(number: int, frame: FrameType | None) -> None:
    raise _Terminated


class TwoWordGroup(typer.core.TyperGroup):
    """A group in which ``classify-breath train`` can be a command although ``classify-breath FILES`` is one too.

    Typer swallows subcommands behind variadic arguments, so two-word commands are registered under
    their joined name and found by it. A file called ``train`` is written ``./train``.
    """

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """The command that the first word, or the first two or three, name."""
        for count in (3, 2):
            joined = " ".join(args[:count])
            if len(args) >= count and joined in self.commands:
                args = [joined, *args[count:]]
                break
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        """Run the command; what stops it is told here, because Typer ends on Ctrl-C without a word."""
        before = signal.signal(signal.SIGTERM, _terminate)
        try:
            return super().invoke(ctx)
        except _Terminated:
            raise Preempted("stopped by SIGTERM", hint=_GOES_ON) from None
        except KeyboardInterrupt:
            typer.echo(f"interrupted; {_GOES_ON}", err=True)
            raise
        except BrokenPipeError:  # whoever read has gone; Typer would end with 1, as for a bug
            _forget_stdout()
            raise typer.Exit(READER_IS_GONE) from None
        finally:
            signal.signal(signal.SIGTERM, before)


def _forget_stdout() -> None:
    """Let what stdout still holds go nowhere, so that the interpreter does not stumble over it at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"merit {__version__}")
        raise typer.Exit


def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Noisy-audio pipelines: mix, enhance, train, evaluate.

    Example: merit mix --snr -5 && merit enhance && merit train && merit evaluate
    """


def build_app() -> typer.Typer:
    """The Typer application with every command registered; imports no workflow."""
    app = typer.Typer(
        name="merit",
        cls=TwoWordGroup,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode="rich" if sys.stdout.isatty() and not os.environ.get("NO_COLOR") else None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(root)
    for module in COMMANDS.values():
        importlib.import_module(module).register(app)
    return app


def main(argv: Sequence[str] | None = None) -> None:
    """Run one command and leave with its exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    as_json = "--json" in arguments
    try:
        sys.exit(build_app()(args=arguments, prog_name="merit"))
    except MeritError as error:
        sys.exit(report_error(error, as_json=as_json))
    except KeyboardInterrupt:
        sys.exit(130)  # before any command began
    except Exception as error:
        if full := _full_disk(error):
            _forget_stdout()
            sys.exit(report_error(full, as_json=as_json))
        traceback.print_exc(file=sys.stderr)
        typer.echo(f"merit: this is a bug in merit: {type(error).__name__}: {error}", err=True)
        sys.exit(1)


def _full_disk(error: Exception) -> MeritError | None:
    """What to say where there was no room for the output; None where it is another error."""
    from merit_cli.io.atomic import NO_ROOM, cannot_write

    if not isinstance(error, OSError) or error.errno not in NO_ROOM:
        return None
    return cannot_write(error.filename or "the output", error)


def report_error(error: MeritError, *, as_json: bool) -> int:
    """Say what went wrong on stderr; returns the exit code."""
    if as_json:
        value = {"error": error.message, "place": error.place, "hint": error.hint, "exit_code": error.exit_code}
        typer.echo(json.dumps(value, ensure_ascii=False), err=True)
    else:
        place = f"{error.place}: " if error.place else ""
        typer.echo(f"merit: {place}{error.message}", err=True)
        if error.hint:
            typer.echo(f"  hint: {error.hint}", err=True)
    return error.exit_code
