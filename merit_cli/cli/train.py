"""``merit train``."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from merit_cli.cli import options
from merit_cli.cli.console import make_machine, print_facts, print_json, print_outcome
from merit_cli.models import MODELS

if TYPE_CHECKING:
    from merit_cli.workflows.train import TrainSummary


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("train")(train)


def train(
    data: Annotated[
        str | None, typer.Argument(help="Run folder or manifest with train and dev splits. Default: the newest mix.")
    ] = None,
    model: Annotated[
        str | None, typer.Option("--model", "-m", help=f"{', '.join(MODELS.table)}. Default: sparse-merit.")
    ] = None,
    resume: Annotated[
        Path | None, typer.Option("--resume", help="Go on with this run, by its own recipe and data.")
    ] = None,
    overfit_batches: Annotated[
        int | None, typer.Option("--overfit-batches", min=1, help="Train and choose on this many batches only.")
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option("--limit", min=1, help="A quick look: only this many utterances of each split."),
    ] = None,
    print_recipe: Annotated[
        bool, typer.Option("--print-recipe", help="Print the resolved recipe as YAML, and exit.")
    ] = False,
    strict_routing: Annotated[
        bool,
        typer.Option(
            "--strict-routing", help="End with exit code 4 where an expert gets under 1 % of the frames of an epoch."
        ),
    ] = False,
    tensorboard: Annotated[
        bool, typer.Option("--tensorboard", help="Show the metrics in TensorBoard too (extra tensorboard).")
    ] = False,
    cache_dir: Annotated[
        Path | None,
        typer.Option(
            "--cache-dir",
            envvar="MERIT_CACHE_DIR",
            help="Where features of a frozen encoder are kept. Default: in the run folder.",
            rich_help_panel="Machine",
        ),
    ] = None,
    output: options.Output = None,
    recipe: options.Recipe = None,
    overrides: options.Overrides = None,
    seed: options.Seed = None,
    allow_leak: options.AllowLeak = False,
    overwrite: options.Overwrite = False,
    as_json: options.AsJson = False,
    workers: Annotated[
        int,
        typer.Option(
            "--workers",
            "-j",
            min=0,
            envvar="MERIT_WORKERS",
            help="Threads; 0: one per core. Another number rounds otherwise, so scores differ a little.",
            rich_help_panel="Machine",
        ),
    ] = 1,
    device: options.Device = "cpu",
    runs_dir: options.RunsDir = Path("runs"),
) -> None:
    """Train a model on a noisy corpus; the same command again goes on from the last checkpoint.

    Example: merit train --model sparse-merit --set epochs=40

    Several processes: torchrun --standalone --nproc-per-node 2 -m merit_cli train --model sparse-merit
    """
    from merit_cli.assets import bundled_recipes, find_recipe
    from merit_cli.config.load import load_recipe, resolved
    from merit_cli.errors import unknown_name
    from merit_cli.training.ranks import leave_job
    from merit_cli.workers import is_first_process
    from merit_cli.workflows.train import TrainRecipe, run_train
    from merit_cli.workflows.train.inputs import default_data
    from merit_cli.workflows.train.outcome import resumed_inputs

    if model is not None and model not in MODELS.names():
        raise unknown_name("model", model, MODELS.names(), place="--model")
    # Without a recipe the model's own small one is taken; with one, --model replaces the recipe's model.
    own = bundled_name(model or "sparse-merit")
    has_own = own in {path.stem for path in bundled_recipes("train")}
    path = find_recipe("train", recipe or (own if has_own else None))
    flags = {
        "model": {"name": model} if model and (recipe or not has_own) else None,
        "overfit_batches": overfit_batches,
        "limit": limit,
        "seed": seed,
    }
    if resume is not None:
        path, output = resume / "recipe.yaml", resume
    chosen = load_recipe(TrainRecipe, path, flags=flags, overrides=overrides or ())
    if print_recipe:
        import yaml

        typer.echo(yaml.safe_dump(resolved(chosen), sort_keys=False, allow_unicode=True), nl=False)
        return
    machine = make_machine(workers=workers, runs_dir=runs_dir, device=device, overwrite=overwrite, quiet=as_json)
    if not as_json:
        machine = replace(machine, say=lambda sentence: typer.echo(sentence, err=True))
    if resume is not None:
        source, allow_leak = resumed_inputs(resume)
    else:
        source = Path(data) if data else default_data(machine)
    if not data and resume is None and is_first_process():
        typer.echo(f"input: the newest finished mix, {source}", err=as_json)
    run, summary = run_train(
        chosen,
        source,
        output=output,
        machine=machine,
        allow_leak=allow_leak,
        cache_dir=cache_dir,
        strict_routing=strict_routing,
        tensorboard=tensorboard,
    )
    if is_first_process():
        _show(summary, where=run.path, nothing_to_do=run.state == "done", as_json=as_json)
    leave_job()


def _show(summary: "TrainSummary", *, where: Path, nothing_to_do: bool, as_json: bool) -> None:
    if as_json:
        print_json(
            {"run": summary.run, "epochs": summary.epochs, "best": dict(summary.best), "metrics": dict(summary.metrics)}
        )
    else:
        print_facts(
            {
                "epochs": summary.epochs,
                "best epoch": f"{summary.best['epoch']:.0f}, by the mean z-score of the dev metrics",
                **{f"dev {name}": f"{value:.3f}" for name, value in summary.metrics.items()},
            }
        )
        print_outcome(where=where, next_command=f"merit evaluate {where}", nothing_to_do=nothing_to_do)
    for note in summary.notes:
        typer.echo(f"merit: {note}", err=True)


def bundled_name(model: str) -> str:
    """Name of the bundled recipe of a model."""
    return model.replace("-", "_")
