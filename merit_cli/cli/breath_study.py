"""``merit classify-breath study make`` and ``classify-breath study score``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from merit_cli.cli import options
from merit_cli.cli.breath_answers import RESEARCH_USE
from merit_cli.cli.console import make_machine, print_facts, print_json, print_outcome, print_table

if TYPE_CHECKING:
    from merit_cli.workflows.study.score import StudyScores


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("classify-breath study make", hidden=True)(make)
    app.command("classify-breath study score", hidden=True)(score)


def make(
    sources: Annotated[
        list[str],
        typer.Argument(
            help="Manifests or runs with breath labels: of merit enhance, and of the recordings as they are."
        ),
    ],
    output: options.Output = None,
    predictions: Annotated[
        Path | None,
        typer.Option("--predictions", help="predictions.jsonl of the classifier behind the enhancer: one more arm."),
    ] = None,
    num_clips: Annotated[int, typer.Option("--clips", min=4, help="Clips in all, the classes alike.")] = 40,
    num_raters: Annotated[int, typer.Option("--raters", min=1, max=99, help="Lists of trials on the page.")] = 6,
    versions: Annotated[int, typer.Option("--versions", min=1, help="Versions of a clip that one rater hears.")] = 1,
    duplicates: Annotated[
        float, typer.Option("--duplicates", min=0.0, max=0.5, help="Share of hidden repetitions.")
    ] = 0.1,
    arms: Annotated[
        str | None, typer.Option("--arms", help="Such as clean,noisy,enhanced. Default: all that are found.")
    ] = None,
    split: Annotated[str | None, typer.Option("--split", help="Take clips of this split alone.")] = None,
    seed: options.Seed = None,
    overwrite: options.Overwrite = False,
    as_json: options.AsJson = False,
    runs_dir: options.RunsDir = Path("runs"),
) -> None:
    """Make a blind listening study: one offline page for the raters, and the key apart.

    Send page/study.html and nothing else. Each rater opens it, answers, and sends back the file it saves.

    Example: merit classify-breath study make enhanced/ --raters 6 -o study/
    """
    from merit_cli.workflows.study.make import StudyRecipe, run_study_make

    recipe = StudyRecipe(
        num_clips=num_clips,
        num_raters=num_raters,
        versions=versions,
        duplicates=duplicates,
        arms=tuple(arm.strip() for arm in arms.split(",")) if arms else None,
        split=split,
        seed=seed or 0,
    )
    machine = make_machine(workers=1, runs_dir=runs_dir, overwrite=overwrite, quiet=as_json)
    path, summary, was_there = run_study_make(sources, recipe, predictions=predictions, output=output, machine=machine)
    if as_json:
        from dataclasses import asdict

        print_json(asdict(summary))
        return
    print_facts(
        {
            "clips": ", ".join(f"{label} {count}" for label, count in summary.clips.items()),
            "arms": ", ".join(summary.arms),
            "trials a rater": max(summary.trials.values()),
            "smallest gap": f"{summary.smallest_gap} trials between two hearings of a clip",
            "page": f"{summary.page} ({summary.megabytes:.1f} MB): send this file alone",
            "key": f"{summary.key}: keep it from the raters",
        }
    )
    for note in summary.notes:
        typer.echo(f"  note: {note}")
    typer.echo(RESEARCH_USE)
    follow = f"merit classify-breath study score {summary.key} ANSWERS.json..."
    print_outcome(where=path, next_command=follow, nothing_to_do=was_there)


def score(
    key: Annotated[Path, typer.Argument(help="The study's folder, or its key/key.json.")],
    answers: Annotated[list[Path], typer.Argument(help="The files that raters saved.")],
    output: options.Output = None,
    overwrite: options.Overwrite = False,
    as_json: options.AsJson = False,
    runs_dir: options.RunsDir = Path("runs"),
) -> None:
    """Score a listening study: what was heard in each arm, arm against arm, each rater against himself.

    Example: merit classify-breath study score study/ answers-*.json -o scores/
    """
    from merit_cli.workflows.study.score import run_study_score

    machine = make_machine(workers=1, runs_dir=runs_dir, overwrite=overwrite, quiet=as_json)
    path, scores, was_there = run_study_score(key, answers, output=output, machine=machine)
    if as_json:
        from dataclasses import asdict

        print_json(asdict(scores))
        return
    for note in scores.notes:
        typer.echo(f"note: {note}")
    _print_arms(scores)
    for one in scores.contrasts:
        if one["primary"]:
            typer.echo(
                f"primary: Score of {one['arm']} less {one['against']} {one['difference']:+.3f}, {one['verdict']}"
            )
    kappa = scores.kappa.get("all")
    typer.echo(f"intra-rater kappa: {'undefined' if kappa is None else f'{kappa:.2f}'}")
    typer.echo(f"report: {scores.report}")
    typer.echo(RESEARCH_USE)
    print_outcome(where=path, next_command=f"open {scores.report}", nothing_to_do=was_there)


_SHOWN = {
    "accuracy": "accuracy",
    "icbhi_se": "Se, exact class",
    "icbhi_sp": "Sp",
    "icbhi_score": "Score",
    "confidence": "confidence, 1-5",
    "trust": "trust, 1-5",
    "unusable": "called unusable",
}


def _print_arms(scores: "StudyScores") -> None:
    rows = [[words, *(_number(metrics[name]) for metrics in scores.arms.values())] for name, words in _SHOWN.items()]
    print_table(["", *scores.arms], rows, caption="95 % intervals clustered by rater and patient")


def _number(metric: dict[str, float | None]) -> str:
    if metric["mean"] is None:
        return "undefined"
    ends = "" if metric["low"] is None else f" [{metric['low']:.2f}, {metric['high']:.2f}]"
    return f"{metric['mean']:.2f}{ends}"
