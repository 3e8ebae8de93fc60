"""What ``merit classify-breath FILES`` does and says."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from merit_cli.cli.console import make_machine, print_json, print_table
from merit_cli.errors import SOME_ITEMS_FAILED

if TYPE_CHECKING:
    from merit_cli.workflows.classify_breath.predict import BreathPredictions

RESEARCH_USE = "research use, not a diagnosis"


def predict(
    files: list[str],
    model_run: Path | None,
    enhance: str | None,
    output: Path | None,
    pictures: Path | None,
    annotations: Path | None,
    machine_flags: dict[str, Any],
    *,
    as_json: bool,
) -> None:
    """Answer for recordings, and draw them where a folder for pictures is given.

    Raises:
        typer.Exit: With code 3 where a recording could not be read or an annotated cycle was left out.
    """
    from merit_cli.enhancers.select import enhancer_config
    from merit_cli.io.jsonl import write_lines
    from merit_cli.manifests.inputs import read_inputs
    from merit_cli.workflows.classify_breath.job import newest_breath_run
    from merit_cli.workflows.classify_breath.model_folder import load_model
    from merit_cli.workflows.classify_breath.predict import predict_breath

    machine = make_machine(**machine_flags)
    inputs = read_inputs(files, name="recordings")
    chosen = model_run or newest_breath_run(machine)
    typer.echo(f"model: {chosen}", err=True)
    model = load_model(chosen, device=machine.device)
    enhancer = None if enhance is None else enhancer_config(enhance)
    found = predict_breath(model, inputs, enhancer=enhancer, machine=machine, annotations=annotations)
    if output is not None:
        write_lines(output, (answer.to_json() for answer in found.answers))
        typer.echo(f"output: {output}", err=True)
    if pictures is not None:
        from merit_cli.workflows.classify_breath.answers import cut_settings
        from merit_cli.workflows.classify_breath.pictures import write_pictures

        settings = cut_settings(model, enhancer)
        drawn = write_pictures(pictures, found.answers, model.card.classes, settings, machine=machine)
        typer.echo(f"pictures: {len(drawn)} in {pictures}", err=True)
    if as_json:
        print_json([answer.to_json() for answer in found.answers])
    elif output is None:
        _print_answers(found)
    for path, error in found.failed.items():
        place = "" if error.place == path else f"{path}: "
        typer.echo(f"merit: {place}{error}", err=True)
    for remark in found.remarks:
        typer.echo(f"merit: {remark.id}: {remark.reason}", err=True)
    if found.failed or not all(remark.kept for remark in found.remarks):
        raise typer.Exit(SOME_ITEMS_FAILED)


def _print_answers(found: "BreathPredictions") -> None:
    for note in found.notes:
        typer.echo(f"note: {note}")
    columns = ["start s", "end s", "label", "probability", "quality dB", "why no answer"]
    for file in dict.fromkeys(answer.file for answer in found.answers):
        rows = [
            [
                f"{answer.start:.2f}",
                f"{answer.end:.2f}",
                answer.label or "no answer",
                f"{answer.probability:.2f}",
                f"{answer.quality:.1f}",
                answer.reason,
            ]
            for answer in found.answers
            if answer.file == file
        ]
        typer.echo(f"\n{file}")
        print_table(columns, rows)
    typer.echo(RESEARCH_USE)
