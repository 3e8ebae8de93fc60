"""``merit classify-breath``, ``classify-breath train`` and ``classify-breath evaluate``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from merit_cli.cli import options
from merit_cli.cli.breath_answers import RESEARCH_USE, predict
from merit_cli.cli.breath_seeds import Seeds, has_seeds, show_seeds
from merit_cli.cli.console import exit_for, make_machine, print_facts, print_json, print_outcome, print_table
from merit_cli.errors import UsageError

if TYPE_CHECKING:
    from merit_cli.workflows.classify_breath.evaluate import BreathSummary
    from merit_cli.workflows.classify_breath.recipe import BreathRecipe

_SHOWN = {
    "icbhi_score": "Score",
    "icbhi_se": "Se, exact class",
    "icbhi_se_two_class": "Se, any abnormal class",
    "icbhi_sp": "Sp",
    "coverage": "cycles answered",
    "background_answered": "background-only stretches answered",
}

Enhance = Annotated[
    str | None, typer.Option("--enhance", help="Enhancer in front: a name of merit enhance --list, or a trained run.")
]
ModelRun = Annotated[
    Path | None, typer.Option("--model", help="Run with the classifier. Default: the newest classify-breath run.")
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("classify-breath")(classify_breath)
    app.command("classify-breath train", hidden=True)(train)
    app.command("classify-breath evaluate", hidden=True)(evaluate)


def classify_breath(
    files: Annotated[
        list[str] | None,
        typer.Argument(help="Recordings, folders, globs or manifests to classify. Default: run the synthetic sample."),
    ] = None,
    model: ModelRun = None,
    enhance: Enhance = None,
    output: options.Output = None,
    pictures: Annotated[
        Path | None,
        typer.Option("--pictures", help="Folder for a picture of each recording: spectrograms and answers."),
    ] = None,
    annotations: Annotated[
        Path | None,
        typer.Option(
            "--annotations", help="ICBHI annotation of the recording, or a folder of them. Default: the .txt beside it."
        ),
    ] = None,
    recipe: options.Recipe = None,
    overrides: options.Overrides = None,
    seed: options.Seed = None,
    seeds: Seeds = 1,
    overwrite: options.Overwrite = False,
    retry_failed: options.RetryFailed = False,
    as_json: options.AsJson = False,
    workers: options.Workers = 1,
    device: options.Device = "cpu",
    runs_dir: options.RunsDir = Path("runs"),
) -> None:
    """Classify breath sounds: normal, crackle, wheeze or both; research use, not a diagnosis.

    With files: an answer for each annotated cycle, or for each window. Without: prepare, train and
    evaluate on the synthetic sample. Also: classify-breath train, classify-breath evaluate, and for a
    listening study classify-breath study make, classify-breath study score.

    Example: merit classify-breath recordings/ --enhance mmse-lsa --json
    """
    machine_flags = {"workers": workers, "runs_dir": runs_dir, "device": device, "quiet": as_json}
    if files and files[0] == "study" and not Path("study").exists():
        raise UsageError("a study is made or scored", hint="classify-breath study make, classify-breath study score")
    if files and seeds > 1:
        raise UsageError("--seeds trains, and files are answered", hint="merit classify-breath train CORPUS --seeds 5")
    if files:
        predict(files, model, enhance, output, pictures, annotations, machine_flags, as_json=as_json)
        return
    for flag, folder in (("--pictures", pictures), ("--annotations", annotations)):
        if folder is not None:
            raise UsageError(f"{flag} needs recordings", hint=f"merit classify-breath RECORDINGS {flag} FOLDER")
    chosen = _recipe(recipe, enhance, seed, overrides)
    _run(
        chosen,
        None,
        output,
        ("train", "evaluate"),
        {**machine_flags, "overwrite": overwrite, "retry_failed": retry_failed},
        as_json=as_json,
        allow_leak=False,
        seeds=seeds,
    )


def train(
    corpus: Annotated[
        Path | None, typer.Argument(help="Manifest, prepared run, or raw ICBHI folder. Default: the synthetic sample.")
    ] = None,
    enhance: Enhance = None,
    output: options.Output = None,
    recipe: options.Recipe = None,
    overrides: options.Overrides = None,
    seed: options.Seed = None,
    seeds: Seeds = 1,
    allow_leak: options.AllowLeak = False,
    overwrite: options.Overwrite = False,
    retry_failed: options.RetryFailed = False,
    as_json: options.AsJson = False,
    workers: options.Workers = 1,
    device: options.Device = "cpu",
    runs_dir: options.RunsDir = Path("runs"),
) -> None:
    """Train a breath classifier; the test split stays untouched.

    Example: merit classify-breath train ICBHI_final_database/ --recipe icbhi -o breath-model/
    """
    chosen = _recipe(recipe, enhance, seed, overrides)
    flags = {"workers": workers, "runs_dir": runs_dir, "device": device, "quiet": as_json}
    flags |= {"overwrite": overwrite, "retry_failed": retry_failed}
    _run(chosen, corpus, output, ("train",), flags, as_json=as_json, allow_leak=allow_leak, seeds=seeds)


def evaluate(
    corpus: Annotated[
        Path | None, typer.Argument(help="Manifest, prepared run, or raw ICBHI folder. Default: the synthetic sample.")
    ] = None,
    model: ModelRun = None,
    enhance: Enhance = None,
    split: Annotated[str, typer.Option("--split", help="Split to score.")] = "test",
    output: options.Output = None,
    allow_leak: options.AllowLeak = False,
    overwrite: options.Overwrite = False,
    retry_failed: options.RetryFailed = False,
    as_json: options.AsJson = False,
    workers: options.Workers = 1,
    device: options.Device = "cpu",
    runs_dir: options.RunsDir = Path("runs"),
) -> None:
    """Score a trained breath classifier on held-out patients: Se, Sp, Score, abstention.

    Example: merit classify-breath evaluate prepared/ --model breath-model/ --enhance mmse-lsa
    """
    from merit_cli.enhancers.select import enhancer_config
    from merit_cli.workflows.classify_breath.corpus import read_corpus
    from merit_cli.workflows.classify_breath.evaluate import run_breath_evaluate
    from merit_cli.workflows.classify_breath.job import newest_breath_run
    from merit_cli.workflows.classify_breath.seeds import run_seeds_evaluate

    machine = make_machine(
        workers=workers,
        runs_dir=runs_dir,
        device=device,
        overwrite=overwrite,
        retry_failed=retry_failed,
        quiet=as_json,
    )
    chosen = model or newest_breath_run(machine)
    typer.echo(f"model: {chosen}", err=True)
    read = read_corpus(corpus, machine=machine, allow_leak=allow_leak)
    front_end = None if enhance is None else enhancer_config(enhance)
    where: dict[str, Any] = {"split": split, "output": output, "machine": machine, "allow_leak": allow_leak}
    if has_seeds(chosen):
        made = run_seeds_evaluate(chosen, read, enhance=front_end, **where)
        show_seeds(
            *made,
            follow=f"RECORDING.wav --model {chosen}/seed-{made[1].seeds[0]}",
            research_use=RESEARCH_USE,
            as_json=as_json,
        )
        return
    run, summary = run_breath_evaluate(chosen, read, enhance=front_end, **where)
    follow = f"RECORDING.wav --model {chosen}"
    _show(summary, run.path, follow=follow, as_json=as_json, nothing_to_do=run.state == "done")


def _recipe(recipe: Path | None, enhance: str | None, seed: int | None, overrides: list[str] | None) -> "BreathRecipe":
    from merit_cli.assets import find_recipe
    from merit_cli.config.load import load_recipe
    from merit_cli.enhancers.select import enhancer_tree
    from merit_cli.workflows.classify_breath.recipe import BreathRecipe

    flags = {"enhance": enhancer_tree(enhance), "seed": seed}
    return load_recipe(BreathRecipe, find_recipe("breath", recipe), flags=flags, overrides=overrides or ())


def _run(
    recipe: "BreathRecipe",
    source: Path | None,
    output: Path | None,
    steps: tuple[Any, ...],
    machine_flags: dict[str, Any],
    *,
    as_json: bool,
    allow_leak: bool,
    seeds: int,
) -> None:
    from merit_cli.workflows.classify_breath.corpus import read_corpus
    from merit_cli.workflows.classify_breath.job import run_classify_breath

    machine = make_machine(**machine_flags)
    corpus = read_corpus(source, machine=machine, allow_leak=allow_leak)
    if seeds > 1:
        from merit_cli.workflows.classify_breath.seeds import run_breath_seeds

        made = run_breath_seeds(
            recipe, corpus, seeds, output=output, machine=machine, steps=steps, allow_leak=allow_leak
        )
        follow = f"evaluate {source or ''}".strip() + f" --model {made[0].path}"
        show_seeds(*made, follow=follow, research_use=RESEARCH_USE, as_json=as_json)
        return
    run, summary = run_classify_breath(
        recipe, corpus, output=output, machine=machine, steps=steps, allow_leak=allow_leak
    )
    step = "RECORDING.wav" if summary.groups else f"evaluate {source or ''}".strip()
    follow = f"{step} --model {run.path}"
    _show(summary, run.path, follow=follow, as_json=as_json, nothing_to_do=run.state == "done")


def _show(summary: "BreathSummary", path: Path, *, follow: str, as_json: bool, nothing_to_do: bool) -> None:
    from dataclasses import asdict

    if as_json:
        print_json(asdict(summary))
    else:
        for note in summary.notes:
            typer.echo(f"note: {note}")
        print_facts({"best epoch": summary.best["epoch"], "dev Score": f"{summary.best['score']:.3f}"})
        if summary.groups:
            _print_scores(summary)
            typer.echo(f"report: {summary.report}")
        else:
            typer.echo(RESEARCH_USE)
        print_outcome(where=path, next_command=f"merit classify-breath {follow}", nothing_to_do=nothing_to_do)
    exit_for(failed=0, skipped=summary.failed, ledger=path / "ledger.jsonl")


def _print_scores(summary: "BreathSummary") -> None:
    columns = ["", *(f"enhancer: {group['by']['enhancer']}" for group in summary.groups)]
    rows = [[words, *(_number(group["metrics"][name]) for group in summary.groups)] for name, words in _SHOWN.items()]
    title = "SYNTHETIC sounds: a score proves only that the code runs" if summary.synthetic else ""
    print_table(columns, rows, title=title, caption=f"95 % intervals over patients; {RESEARCH_USE}")


def _number(metric: dict[str, Any]) -> str:
    if metric["mean"] is None:
        return "undefined"
    interval = "" if metric["low"] is None else f" [{metric['low']:.2f}, {metric['high']:.2f}]"
    return f"{metric['mean']:.3f}{interval}"
