"""``merit predict``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from merit_cli.cli import options
from merit_cli.cli.console import exit_for, make_machine, print_json, print_outcome, print_table
from merit_cli.errors import UsageError

if TYPE_CHECKING:
    from merit_cli.manifests.inputs import Inputs
    from merit_cli.workflows.predict import PredictResult

_ROWS_SHOWN = 20


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("predict")(predict)


def _answers(inputs: "Inputs", result: "PredictResult") -> list[dict[str, Any]]:
    """The JSON of each file, in the shape of ``classify-breath`` with ``probabilities`` and ``enhanced``."""
    said = {one.id: one for one in result.predictions}
    enhanced = {line.id: str(line.audio) for line in result.enhanced}
    answers: list[dict[str, Any]] = []
    for utterance in inputs.utterances:
        one = said.get(utterance.id)
        answers.append(
            {
                "file": str(utterance.audio),
                "start": round(utterance.start / utterance.sample_rate, 6),
                "end": round((utterance.start + utterance.num_samples) / utterance.sample_rate, 6),
                "label": (one.predicted or None) if one else None,
                "probability": max(one.probabilities.values()) if one and one.probabilities else None,
                "probabilities": dict(one.probabilities) if one else {},
                "abstained": False,
                "reason": result.failed.get(utterance.id, ""),
                "quality": None,
                "enhanced": enhanced.get(utterance.id),
                **({"attributes": dict(one.attributes)} if one and one.attributes else {}),
            }
        )
    blank = dict.fromkeys(answers[0] if answers else ("file", "label", "reason"))
    bad: list[dict[str, Any]] = [
        {**blank, "file": path, "probabilities": {}, "abstained": False, "reason": str(error)}
        for path, error in inputs.bad.items()
    ]
    return answers + bad


def _show_predictions(result: "PredictResult") -> None:
    """The first predictions as a table; under ratings, what must be known of the data that they come from."""
    shown = result.predictions[:_ROWS_SHOWN]
    if not shown:
        return
    attributes = list(shown[0].attributes)
    heads, rows = ["id", *attributes], [[one.id, *(f"{v:.2f}" for v in one.attributes.values())] for one in shown]
    if shown[0].probabilities:
        heads += ["label", "probability"]
        rows = [
            [*row, one.predicted, f"{max(one.probabilities.values()):.2f}"]
            for row, one in zip(rows, shown, strict=True)
        ]
    more = len(result.predictions) - len(rows)
    print_table(heads, rows, caption=f"and {more} more" if more else "")
    for note in result.notes if attributes else result.word_notes:
        typer.echo(f"note: {note}", err=True)


def _check_answers(model: Path) -> None:
    """Refuse a model whose answers have no place in the challenge's format."""
    from merit_cli.backbones.model_folder import find_model_folder, read_labels, read_tasks
    from merit_cli.corpora.msp_challenge import check_answers
    from merit_cli.manifests.read_write import MANIFEST_NAME, read_card

    folder = find_model_folder(model)
    card = read_card(folder / MANIFEST_NAME)
    check_answers(read_labels(folder), card.attribute_scale if card and "attributes" in read_tasks(model) else None)


def _write_challenge(path: Path, inputs: "Inputs", result: "PredictResult") -> None:
    """All predictions in the challenge's format; refused where a file was asked for that has none."""
    from merit_cli.corpora.msp_challenge import write_challenge
    from merit_cli.errors import CheckFailed

    if inputs.bad:
        name, reason = next(iter(inputs.bad.items()))
        raise CheckFailed(f"a file cannot be used, and the challenge wants every file: {reason}", place=str(name))
    write_challenge(path, inputs.utterances, result.predictions)


def _next_command(result: "PredictResult", run: Path, *, enhance: bool) -> str:
    if enhance:
        return f"merit evaluate {run / 'enhanced'} --reference CLEAN"
    rates = any(one.attributes for one in result.predictions)
    return f"merit evaluate {run} --metrics ccc,rmse" if rates else "merit predict FILES --enhance"


def predict(
    files: Annotated[list[str], typer.Argument(help="Files, folders, globs, manifests or runs.")],
    model: Annotated[
        Path | None, typer.Option("--model", "-m", help="A train run or a model folder. Default: the newest train run.")
    ] = None,
    enhance: Annotated[bool, typer.Option("--enhance", help="Also write the enhanced audio.")] = False,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="Output folder; or a .jsonl file for the predictions alone; or a .csv file in the format of the "
            "MSP-Podcast challenges, checked. Default: runs/predict/<model>-<hash>.",
        ),
    ] = None,
    overwrite: options.Overwrite = False,
    retry_failed: options.RetryFailed = False,
    as_json: options.AsJson = False,
    workers: options.Workers = 1,
    device: options.Device = "cpu",
    runs_dir: options.RunsDir = Path("runs"),
) -> None:
    """Emotion or its attributes, and enhanced audio, of files by a trained model.

    Example: merit predict call.wav --model runs/train/sparse-merit-0123abcd --enhance
    """
    from merit_cli.io.run_dir import newest_run
    from merit_cli.manifests.inputs import read_inputs
    from merit_cli.manifests.predictions import write_predictions
    from merit_cli.workflows.predict import LEDGER_NAME, predict_files

    machine = make_machine(
        workers=workers,
        runs_dir=runs_dir,
        device=device,
        overwrite=overwrite,
        retry_failed=retry_failed,
        quiet=as_json,
    )
    is_file = output is not None and output.suffix in (".jsonl", ".csv")
    if is_file and output is not None and output.exists() and not overwrite:
        raise UsageError("the output file exists", place=str(output), hint="choose another, or pass --overwrite")
    inputs = read_inputs(files, name="audio")
    chosen = model or newest_run(runs_dir, "train")
    if is_file and output is not None and output.suffix == ".csv":
        _check_answers(chosen)
    run, result = predict_files(chosen, inputs, output=None if is_file else output, machine=machine, enhance=enhance)
    if is_file and output is not None:
        if output.suffix == ".csv":
            _write_challenge(output, inputs, result)
        else:
            write_predictions(output, result.predictions)
    if as_json:
        print_json(_answers(inputs, result))
    else:
        _show_predictions(result)
        for item, reason in result.failed.items():
            typer.echo(f"merit: {item}: {reason}", err=True)
        print_outcome(
            where=output if is_file and output is not None else run.path,
            next_command=_next_command(result, run.path, enhance=enhance),
            nothing_to_do=run.state == "done",
        )
    exit_for(failed=len(result.failed), skipped=0, ledger=run.path / LEDGER_NAME)
