"""``merit evaluate``."""

import sys
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from merit_cli.cli import options
from merit_cli.cli.console import exit_for, make_machine, print_facts, print_json, print_outcome
from merit_cli.cli.evaluate_show import print_metrics, print_report
from merit_cli.errors import NoInput, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from merit_cli.workers import Machine
    from merit_cli.workflows.evaluate.checks import Check
    from merit_cli.workflows.evaluate.run import EvaluateRecipe


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("evaluate")(evaluate)


def evaluate(
    sources: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[SOURCE]...",
            help="Run, manifest, folder, file, or - for a WAV or manifest lines on stdin; several with --compare. "
            "Default: the newest train run, else the newest enhance.",
        ),
    ] = None,
    reference: Annotated[
        Path | None, typer.Option("--reference", help="Clean folder or file; pairs are found by path or name.")
    ] = None,
    metrics: Annotated[
        str | None, typer.Option("--metrics", "-m", help="Such as f1,uar,ssnr,si-sdr,pesq,stoi.")
    ] = None,
    by: Annotated[
        str | None,
        typer.Option(
            "--by", help="snr,noise,noise-set (seen or unseen), speaker, or a key of the manifest's info or labels."
        ),
    ] = None,
    predictions: Annotated[
        Path | None,
        typer.Option("--predictions", help="Another tool's predictions: CSV, TSV, JSON or JSON lines, by id or file."),
    ] = None,
    compare: Annotated[
        bool,
        typer.Option(
            "--compare",
            help="Compare the sources with the first, paired by utterance; seeds of one system with commas between.",
        ),
    ] = False,
    fail_if: Annotated[
        list[str] | None,
        typer.Option("--fail-if", help="Exit 4 where this holds, such as 'macro_f1@snr=-5 < 0.5'. Repeatable."),
    ] = None,
    split: Annotated[str | None, typer.Option("--split", help="train, dev, test or all. Default: test.")] = None,
    baselines: Annotated[
        bool, typer.Option("--baselines/--no-baselines", help="Score noisy, silence, gain and gate too.")
    ] = True,
    list_metrics: Annotated[
        bool, typer.Option("--list", help="List the metrics: unit, direction, sample rates and source.")
    ] = False,
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
    shard: options.Shard = None,
    runs_dir: options.RunsDir = Path("runs"),
) -> None:
    """Score a run, a manifest or pairs of files, and write a report.

    Every number has its 95 % interval over speakers and how many items it rests on.

    Example: merit evaluate enhanced/ --reference clean/ --metrics pesq,stoi,si-sdr

    Example: merit evaluate --compare runs/evaluate/noisy runs/evaluate/enhanced
    """
    if list_metrics:
        print_metrics(as_json=as_json)
        return
    from merit_cli.assets import find_recipe
    from merit_cli.config.load import load_recipe
    from merit_cli.workflows.evaluate.checks import parse_check
    from merit_cli.workflows.evaluate.groups import parse_names
    from merit_cli.workflows.evaluate.run import EvaluateRecipe

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
    checks = [parse_check(text) for text in fail_if or ()]
    named = sources or []
    if compare:
        if reference or predictions or checks or dry_run or shard:
            raise UsageError(
                "--compare takes runs alone",
                place="--compare",
                hint="evaluate each with its own --reference, --predictions or --fail-if, then compare the evaluations",
            )
        _compare(chosen, named, output, machine, as_json=as_json)
        return
    if len(named) > 1:
        raise UsageError(
            f"{len(named)} sources were given", place="SOURCE", hint="one at a time, or --compare to compare them"
        )
    source = named[0] if named else None
    if source is None and predictions is None:
        source = _newest(machine, as_json=as_json)
    call = _Call(chosen, source, reference, predictions, output, machine, checks, dry_run, as_json)
    if shard is not None:
        _score_shard(call, shard)
        return
    with _sound_on_stdin(call) as ready:
        _evaluate_one(ready)


@dataclass(frozen=True)
class _Call:
    recipe: "EvaluateRecipe"
    source: Path | None
    reference: Path | None
    predictions: Path | None
    output: Path | None
    machine: "Machine"
    checks: "Sequence[Check]"
    dry_run: bool
    as_json: bool


@contextmanager
def _sound_on_stdin(call: _Call) -> "Iterator[_Call]":
    """The call with a WAV on stdin kept as a file while it lasts; manifest lines are read later."""
    if str(call.source) != "-" or call.reference is None:
        yield call
        return
    from tempfile import TemporaryDirectory

    with TemporaryDirectory(prefix="merit-") as folder:
        heard = Path(folder) / "stdin.wav"
        if not heard.write_bytes(sys.stdin.buffer.read()):
            raise NoInput(
                "nothing came on stdin", place="-", hint="cat noisy.wav | merit evaluate --reference clean.wav -"
            )
        yield replace(call, source=heard)


def _evaluate_one(call: _Call) -> None:
    from merit_cli.reports.write import read_report
    from merit_cli.workflows.evaluate.checks import check_all
    from merit_cli.workflows.evaluate.inputs import read_material
    from merit_cli.workflows.evaluate.items import read_evaluated
    from merit_cli.workflows.evaluate.run import plan_evaluation, run_evaluate

    material = read_material(call.source, call.reference, split=call.recipe.split, predictions=call.predictions)
    if call.dry_run:
        plan = plan_evaluation(call.recipe, material)
        names = ", ".join(spec.name for spec in (*plan.signal, *plan.labels))
        typer.echo(f"would score {len(material.utterances)} utterances by {names}; nothing was written")
        return
    run, summary = run_evaluate(call.recipe, material, output=call.output, machine=call.machine)
    if call.as_json:
        print_json(asdict(summary))
    else:
        print_report(read_report(run.path))
        typer.echo(f"report: {summary.report}")
        after = "merit classify-breath" if material.model_run else "merit train --model sparse-merit"
        print_outcome(where=run.path, next_command=after, nothing_to_do=run.state == "done")
    if call.checks:
        check_all(call.checks, read_evaluated(run.path), seed=call.recipe.seed)
    exit_for(failed=len(summary.failed), skipped=0, ledger=run.path / "scores.jsonl")


def _score_shard(call: _Call, text: str) -> None:
    """The scores of one part of the source, without a report."""
    from merit_cli.io.shards import Shard
    from merit_cli.workflows.evaluate.inputs import read_material
    from merit_cli.workflows.evaluate.shard import run_shard

    part = Shard.parse(text)
    if call.checks or str(call.source) == "-":
        raise UsageError("a shard is scored, and not judged or read from stdin", place="--shard", hint="leave it out")
    material = read_material(call.source, call.reference, split=call.recipe.split, predictions=call.predictions)
    if call.dry_run:
        typer.echo(f"would score {len(part.part(material.utterances))} utterances; nothing was written")
        return
    run, summary = run_shard(call.recipe, material, part, output=call.output, machine=call.machine)
    if call.as_json:
        print_json(asdict(summary))
    else:
        facts = {"utterances": summary.utterances, "scores": summary.scores, "failed": summary.failed}
        print_facts(facts)
        following = "the other shards, then the same without --shard"
        print_outcome(where=run.path, next_command=following, nothing_to_do=run.state == "done")
    exit_for(failed=summary.failed, skipped=0, ledger=run.path / "scores.jsonl")


def _compare(
    recipe: "EvaluateRecipe", sources: "Sequence[Path]", output: Path | None, machine: "Machine", *, as_json: bool
) -> None:
    from merit_cli.reports.write import read_report
    from merit_cli.workflows.evaluate.compare import parse_systems, run_compare

    run, summary = run_compare(recipe, parse_systems(sources), output=output, machine=machine)
    if as_json:
        print_json(asdict(summary))
    else:
        print_report(read_report(run.path))
        typer.echo(f"report: {summary.report}")
        print_outcome(where=run.path, next_command="open the report", nothing_to_do=run.state == "done")
    exit_for(failed=len(summary.failed), skipped=0, ledger=run.path / "systems")


def _newest(machine: "Machine", *, as_json: bool) -> Path:
    from merit_cli.io.run_dir import newest_run

    source = newest_run(machine.runs_dir, "train", "enhance")
    typer.echo(f"input: the newest finished {source.parent.name} run, {source}", err=as_json)
    return source
