"""What commands print: tables and sentences on stdout, progress on stderr."""

import json
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import typer

from merit_cli.errors import SOME_ITEMS_FAILED
from merit_cli.workers import Machine, available_cores

_LINE_EVERY_SECONDS = 20.0
COLUMN_MARGIN = 2
_LONGEST_NAME = 20
"""Names up to this length are never broken in a table."""


def make_machine(
    *,
    workers: int,
    runs_dir: Path,
    device: str = "cpu",
    overwrite: bool = False,
    retry_failed: bool = False,
    quiet: bool = False,
) -> Machine:
    """The machine settings of a call, with progress shown on stderr."""
    progress = (lambda stage, finished, total: None) if quiet else ShowProgress()
    return Machine(workers or available_cores(), device, runs_dir, overwrite, retry_failed, progress)


class ShowProgress:
    """A progress line that is redrawn on a terminal and repeated now and then elsewhere."""

    def __init__(self) -> None:
        self.stage, self.started, self.last, self.first = "", 0.0, 0.0, 0

    def __call__(self, stage: str, finished: int, total: int) -> None:
        """Show how far ``stage`` is."""
        now, terminal = time.monotonic(), sys.stderr.isatty()
        if stage != self.stage:
            self.stage, self.started, self.last, self.first = stage, now, now, finished - 1
        is_last = finished >= total
        if now - self.last < (0.1 if terminal else _LINE_EVERY_SECONDS) and not (is_last and terminal):
            return
        self.last = now
        rate = (finished - self.first) / max(now - self.started, 1e-9)
        left = (total - finished) / rate if rate > 0 else 0.0
        text = f"{stage}: {finished}/{total}  {rate:.1f}/s  {left:.0f} s left"
        if terminal:
            sys.stderr.write("\r\033[K" + ("" if is_last else text))
            sys.stderr.flush()
        else:
            typer.echo(text, err=True)


def print_json(value: Any) -> None:
    """One JSON value on stdout."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False))


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]], *, title: str = "", caption: str = "") -> None:
    """A small table on stdout; columns of numbers are aligned to the right and never broken."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title or None, caption=caption or None, title_justify="left", caption_justify="left", box=None)
    for index, column in enumerate(columns):
        entries = [row[index] for row in rows if row[index]]
        numeric = all(entry[:1] in "+-0123456789.–" for entry in entries)
        is_short = max(map(len, entries), default=0) <= _LONGEST_NAME
        table.add_column(
            column, justify="right" if numeric else "left", overflow="fold", no_wrap=is_short and "\n" not in column
        )
    for row in rows:
        table.add_row(*row)
    Console(soft_wrap=False, highlight=False, markup=False).print(table)


def fitting_columns(widths: Sequence[int], *, fixed: int) -> list[range]:
    """Columns in groups that each fit the terminal beside ``fixed`` characters; at least one column a group.

    Args:
        widths: Of each column, in characters, its margin left out.
        fixed: Characters that every group spends on columns of its own.
    """
    from rich.console import Console

    room = Console().width - fixed
    groups: list[range] = []
    start = used = 0
    for index, width in enumerate(widths):
        if index > start and used + width + COLUMN_MARGIN > room:
            groups.append(range(start, index))
            start, used = index, 0
        used += width + COLUMN_MARGIN
    return [*groups, range(start, len(widths))] if widths else []


def print_facts(facts: Mapping[str, object]) -> None:
    """Names and values, one a line, aligned."""
    width = max(len(name) for name in facts)
    for name, value in facts.items():
        typer.echo(f"  {name:<{width}}  {value}")


def print_outcome(*, where: Path | str, next_command: str, nothing_to_do: bool = False) -> None:
    """Where the output lies, and what to try next."""
    if nothing_to_do:
        typer.echo("nothing to do: this run is already finished")
    typer.echo(f"output: {where}")
    typer.echo(f"next:   {next_command}")


def exit_for(*, failed: int, skipped: int, ledger: Path | str) -> None:
    """Leave with 3 where items failed or were skipped, naming the ledger.

    Raises:
        typer.Exit: With code 3.
    """
    if failed or skipped:
        typer.echo(f"merit: {failed} failed, {skipped} skipped; reasons: {ledger}", err=True)
        typer.echo("  hint: the same command with --retry-failed tries them again", err=True)
        raise typer.Exit(SOME_ITEMS_FAILED)
