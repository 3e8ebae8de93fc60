"""``merit prepare convert``."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from merit_cli.cli import options
from merit_cli.cli.console import make_machine, print_facts, print_json, print_outcome
from merit_cli.errors import SOME_ITEMS_FAILED


class FormatName(StrEnum):
    """A format of manifests."""

    merit = "merit"
    lhotse = "lhotse"
    nemo = "nemo"
    speechbrain = "speechbrain"
    kaldi = "kaldi"
    audiofolder = "audiofolder"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("prepare convert")(convert)


def convert(
    source: Annotated[Path, typer.Argument(help="A manifest, or a folder in another toolkit's format.")],
    target_format: Annotated[FormatName, typer.Option("--to", help="Format to write.")] = FormatName.merit,
    source_format: Annotated[
        FormatName | None, typer.Option("--from", help="Format of the source. Default: by its files.")
    ] = None,
    audio_root: Annotated[
        Path | None,
        typer.Option("--audio-root", help="Where relative audio paths begin. Default: beside the file that has them."),
    ] = None,
    output: options.Output = None,
    overwrite: options.Overwrite = False,
    as_json: options.AsJson = False,
    runs_dir: options.RunsDir = Path("runs"),
) -> None:
    """Convert a manifest from or to lhotse, NeMo, SpeechBrain CSV, Kaldi or a Hugging Face audio folder.

    Nothing is lost on the way: fields that the other format does not know are kept under their names and come back.

    Example: merit prepare convert data/train --to merit -o mine/
    """
    from merit_cli.workflows.convert import LEDGER_NAME, run_convert

    summary = run_convert(
        source,
        target_format=target_format.value,
        source_format=source_format.value if source_format else None,
        audio_root=audio_root,
        output=output,
        machine=make_machine(workers=1, runs_dir=runs_dir, overwrite=overwrite, quiet=as_json),
    )
    if as_json:
        print_json(summary.to_json())
    else:
        print_facts(
            {
                "from": summary.source_format,
                "to": summary.target_format,
                "utterances": summary.utterances,
                "written": ", ".join(summary.written),
            }
        )
        is_ours = summary.target_format == "merit"
        print_outcome(
            where=summary.output,
            next_command=f"merit mix {summary.output} NOISE"
            if is_ours
            else f"merit prepare convert {summary.output} --from {summary.target_format} --to merit",
            nothing_to_do=summary.already_done,
        )
    if summary.skipped:
        typer.echo(f"merit: {summary.skipped} left out; reasons: {summary.output / LEDGER_NAME}", err=True)
        raise typer.Exit(SOME_ITEMS_FAILED)
