"""``merit evaluate``."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from merit_cli.cli import options
from merit_cli.cli.console import exit_for, make_machine, print_json, print_outcome, print_table

if TYPE_CHECKING:
    from merit_cli.reports.report import Report, Table
    from merit_cli.workers import Machine

WIDE = 3
"""More metrics than this are printed without their intervals, which the report has."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("evaluate")(evaluate)


def evaluate(
    source: Annotated[
        Path | None,
        typer.Argument(help="Run, manifest, folder or file. Default: the newest train run, else the newest enhance."),
    ] = None,
    reference: Annotated[
        Path | None, typer.Option("--reference", help="Clean folder or file; pairs are found by path or name.")
    ] = None,
    metrics: Annotated[
        str | None, typer.Option("--metrics", "-m", help="Such as f1,uar,ssnr,si-sdr,pesq,stoi.")
    ] = None,
    by: Annotated[str | None, typer.Option("--by", help="snr,noise,speaker or a key of the manifest's info.")] = None,
    split: Annotated[str | None, typer.Option("--split", help="train, dev, test or all. Default: test.")] = None,
    baselines: Annotated[
        bool, typer.Option("--baselines/--no-baselines", help="Score noisy, silence, gain and gate too.")
    ] = True,
    output: options.Output = None,
    recipe: options.Recipe = None,
    overrides: options.Overrides = None,
    seed: options.Seed = None,
    overwrite: options.Overwrite = False,
    retry_failed: options.RetryFailed = False,
    dry_run: options.DryRun = False,
    as_json: options.AsJson = False,
    workers: options.Workers = 1,
    device: options.Device = "cpu",
    runs_dir: options.RunsDir = Path("runs"),
) -> None:
    """Score a run, a manifest or pairs of files, and write a report.

    Every number has its 95 % interval over speakers and how many items it rests on.

    Example: merit evaluate enhanced/ --reference clean/ --metrics pesq,stoi,si-sdr
    """
    from merit_cli.assets import find_recipe
    from merit_cli.config.load import load_recipe
    from merit_cli.reports.write import read_report
    from merit_cli.workflows.evaluate.groups import parse_names
    from merit_cli.workflows.evaluate.inputs import read_material
    from merit_cli.workflows.evaluate.run import EvaluateRecipe, plan_evaluation, run_evaluate

    flags = {
        "metrics": parse_names(metrics, place="--metrics") if metrics is not None else None,
        "by": parse_names(by, place="--by") if by is not None else None,
        "split": split,
        "baselines": None if baselines else False,
        "seed": seed,
    }
    chosen = load_recipe(EvaluateRecipe, find_recipe("evaluate", recipe), flags=flags, overrides=overrides or ())
    machine = make_machine(
        workers=workers,
        runs_dir=runs_dir,
        device=device,
        overwrite=overwrite,
        retry_failed=retry_failed,
        quiet=as_json,
    )
    source = source or _newest(machine, as_json=as_json)
    material = read_material(source, reference, split=chosen.split)
    if dry_run:
        plan = plan_evaluation(chosen, material)
        names = ", ".join(spec.name for spec in (*plan.signal, *plan.labels))
        typer.echo(f"would score {len(material.utterances)} utterances by {names}; nothing was written")
        return
    run, summary = run_evaluate(chosen, material, output=output, machine=machine)
    if as_json:
        print_json(asdict(summary))
    else:
        _print_report(read_report(run.path))
        typer.echo(f"report: {summary.report}")
        after = "merit classify-breath" if material.model_run else "merit train --model sparse-merit"
        print_outcome(where=run.path, next_command=after, nothing_to_do=run.state == "done")
    exit_for(failed=len(summary.failed), skipped=0, ledger=run.path / "scores.jsonl")


def _newest(machine: "Machine", *, as_json: bool) -> Path:
    from merit_cli.io.run_dir import newest_run

    source = newest_run(machine.runs_dir, "train", "enhance")
    typer.echo(f"input: the newest finished {source.parent.name} run, {source}", err=as_json)
    return source


def _print_report(report: "Report") -> None:
    """The summary, the first table of each task and the notes."""
    for sentence in report.summary:
        typer.echo(sentence)
    first_of: dict[str, Table] = {}
    for table in report.tables:
        first_of.setdefault(table.title.split(",")[0], table)
    for table in first_of.values():
        typer.echo()
        _print_one(table)
    typer.echo()
    for note in report.notes:
        typer.echo(f"note: {note}")


def _print_one(table: "Table") -> None:
    from merit_cli.reports.report import Cell
    from merit_cli.reports.tables import format_count, format_heading, format_interval, format_number

    num_metrics = sum(isinstance(entry, Cell) for entry in table.rows[0]) if table.rows else 0

    def show(entry: str | Cell) -> str:
        if isinstance(entry, str):
            return entry
        interval = format_interval(entry) if num_metrics <= WIDE else ""
        count = format_count(entry) if entry.n_scored < entry.n_total else ""
        return " ".join(part for part in (format_number(entry.mean, entry.unit), interval, count) if part)

    rows = [[show(entry) for entry in row] for row in table.rows]
    print_table([format_heading(column) for column in table.columns], rows, title=table.title)
