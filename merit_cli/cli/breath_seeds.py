"""``--seeds`` of ``merit classify-breath``: several trainings in one command, shown as one table."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from merit_cli.cli.console import exit_for, print_json, print_outcome, print_table

if TYPE_CHECKING:
    from merit_cli.io.run_dir import RunDir
    from merit_cli.workflows.classify_breath.seeds import SeedsSummary

COLUMNS = ("seed", "Score", "Se, exact class", "Se, any abnormal class", "Sp")
Seeds = Annotated[
    int,
    typer.Option("--seeds", min=1, help="Train under so many seeds, from --seed on: a folder each, one table."),
]


def has_seeds(model: Path) -> bool:
    """Whether ``--model`` is a run of several seeds."""
    from merit_cli.workflows.classify_breath.seeds import seed_folders

    return bool(seed_folders(model))


def show_seeds(run: "RunDir", summary: "SeedsSummary", *, follow: str, research_use: str, as_json: bool) -> None:
    """The table, or the JSON, of several seeds.

    Args:
        run: Their folder.
        summary: What came of them.
        follow: What to type next.
        research_use: What every answer must repeat.
        as_json: Whether scripts read it.

    Raises:
        typer.Exit: Recordings could not be used.
    """
    from dataclasses import asdict

    from merit_cli.workflows.classify_breath.seeds_table import rows_of

    if as_json:
        print_json(asdict(summary))
    else:
        for note in summary.notes:
            typer.echo(f"note: {note}")
        caption = f"{summary.split} split; 95 % intervals over seeds and patients"
        for group in summary.groups:
            words = "SYNTHETIC sounds: a score proves only that the code runs; " if summary.synthetic else ""
            title = f"{words}enhancer: {group['by']['enhancer']}"
            print_table(COLUMNS, rows_of(group["metrics"], summary.seeds), title=title, caption=caption)
        typer.echo(research_use)
        typer.echo(f"report: {summary.report}")
        print_outcome(where=run.path, next_command=f"merit classify-breath {follow}", nothing_to_do=run.state == "done")
    exit_for(failed=0, skipped=summary.failed, ledger=run.path / f"seed-{summary.seeds[0]}" / "ledger.jsonl")
