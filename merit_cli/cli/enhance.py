"""``merit enhance``."""

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from merit_cli.cli import options
from merit_cli.cli.console import exit_for, make_machine, print_facts, print_json, print_outcome, print_table
from merit_cli.errors import UsageError

if TYPE_CHECKING:
    from merit_cli.io.shards import Shard
    from merit_cli.workers import Machine
    from merit_cli.workflows.enhance import EnhanceRecipe


FILE_SUFFIXES = (".wav", ".flac")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("enhance")(enhance)


def enhance(
    noisy: Annotated[
        list[str] | None,
        typer.Argument(help="Files, folders, globs, manifests or runs; - is a WAV on stdin. Default: the newest mix."),
    ] = None,
    enhancer: Annotated[
        str | None,
        typer.Option("--enhancer", "-e", help="A name from --list, or a trained run's folder. Default: mmse-lsa."),
    ] = None,
    show_list: Annotated[bool, typer.Option("--list", help="List the enhancers and what they need, and exit.")] = False,
    mix_back: Annotated[
        float | None, typer.Option("--mix-back", help="Share of the noisy signal left in the output, 0 to 1.")
    ] = None,
    attenuation_limit: Annotated[
        float | None, typer.Option("--attenuation-limit", help="Take noise down by at most this many dB.")
    ] = None,
    file_format: Annotated[str | None, typer.Option("--format", help="flac or wav.")] = None,
    rate: Annotated[int | None, typer.Option("--rate", help="Rate of the output in Hz. Default: the input's.")] = None,
    keep_rate: Annotated[bool, typer.Option("--keep-rate", help="The input's rate, whatever the recipe says.")] = False,
    channels: Annotated[
        str | None, typer.Option("--channels", help="Several channels: each by itself, mix or first. Default: each.")
    ] = None,
    stream: Annotated[
        bool, typer.Option("--stream", help="stdin to stdout as it comes, hop by hop; says the latency on stderr.")
    ] = False,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="Output folder; it is the run. One input may go to a .wav or .flac file, or to - (stdout). "
            "Default: runs/enhance/<enhancer>-<hash>.",
        ),
    ] = None,
    recipe: options.Recipe = None,
    overrides: options.Overrides = None,
    overwrite: options.Overwrite = False,
    retry_failed: options.RetryFailed = False,
    dry_run: options.DryRun = False,
    as_json: options.AsJson = False,
    workers: options.Workers = 1,
    device: options.Device = "cpu",
    precision: Annotated[
        str | None,
        typer.Option("--precision", help="Of trained networks: fp32, bf16 or fp16.", rich_help_panel="Machine"),
    ] = None,
    batch_size: Annotated[
        int,
        typer.Option(
            "--batch",
            min=1,
            help="Files that a trained run hears at once, longest first; for a GPU. Changes the last bit at most.",
            rich_help_panel="Machine",
        ),
    ] = 1,
    shard: options.Shard = None,
    runs_dir: options.RunsDir = Path("runs"),
) -> None:
    """Enhance noisy audio: same length, same rate, no delay.

    Labels and references go along into the new manifest. The same command again resumes.

    Example: merit enhance noisy/ --enhancer gtcrn -o enhanced/
    """
    if show_list:
        _print_list(as_json=as_json)
        return
    from merit_cli.assets import find_recipe
    from merit_cli.config.load import load_recipe
    from merit_cli.enhancers.select import enhancer_tree
    from merit_cli.io.shards import Shard
    from merit_cli.workflows.enhance import EnhanceRecipe

    if rate is not None and keep_rate:
        raise UsageError("the rate is kept or changed, not both", place="--rate, --keep-rate")
    flags = {
        "enhancer": enhancer_tree(enhancer, mix_back=mix_back, attenuation_limit=attenuation_limit),
        "format": file_format,
        "rate": "keep" if keep_rate else rate,
        "channels": channels,
        "precision": precision,
    }
    chosen = load_recipe(EnhanceRecipe, find_recipe("enhance", recipe), flags=flags, overrides=overrides or ())
    is_single = noisy == ["-"] or _is_one_file(output)
    machine = make_machine(
        workers=workers,
        runs_dir=runs_dir,
        device=device,
        overwrite=overwrite,
        retry_failed=retry_failed,
        quiet=as_json or is_single,
    )
    if shard is not None and (stream or is_single):
        raise UsageError("a shard is a part of many files", place="--shard", hint="leave it out")
    if stream:
        _enhance_live(chosen, noisy or [], output, device=device)
    elif is_single:
        _enhance_one(chosen, noisy or [], output, machine=machine, dry_run=dry_run)
    else:
        _enhance_many(
            chosen,
            noisy or [],
            output,
            machine=machine,
            batch_size=batch_size,
            part=Shard.parse(shard) if shard else None,
            dry_run=dry_run,
            as_json=as_json,
        )


def _is_one_file(output: Path | None) -> bool:
    """Whether the output is a file or stdout, and not a folder.

    Raises:
        UsageError: It is called after an audio format that is not written.
    """
    from merit_cli.io.audio_file import is_audio

    if output is None or output.is_dir():
        return False
    if str(output) == "-" or output.suffix.lower() in FILE_SUFFIXES:
        return True
    if is_audio(output):
        raise UsageError(
            f"{output.suffix} is not written", place=f"--output {output}", hint=f"-o {output.with_suffix('.flac')}"
        )
    return False


def _enhance_many(
    chosen: "EnhanceRecipe",
    noisy: list[str],
    output: Path | None,
    *,
    machine: "Machine",
    batch_size: int,
    part: "Shard | None",
    dry_run: bool,
    as_json: bool,
) -> None:
    from merit_cli.workflows.enhance import default_input, find_inputs, run_enhance

    if "-" in noisy:
        raise UsageError("stdin cannot be mixed with other inputs", place="-", hint="merit enhance - -o -")
    if not noisy:
        noisy = [str(default_input(machine))]
        typer.echo(f"input: the newest finished mix, {noisy[0]}", err=as_json)
    inputs = find_inputs(noisy)
    if dry_run:
        wanted = inputs.utterances if part is None else part.part(inputs.utterances)
        seconds = sum(utterance.duration for utterance in wanted)
        typer.echo(
            f"would enhance {len(wanted)} files, {seconds:.0f} s of audio, "
            f"by {chosen.enhancer.name}; nothing was written"
        )
        return
    run, summary = run_enhance(chosen, inputs, output=output, machine=machine, batch_size=batch_size, shard=part)
    if as_json:
        print_json(asdict(summary))
    else:
        speed = summary.real_time_factor
        print_facts(
            {
                "enhancer": summary.enhancer,
                "enhanced": summary.enhanced,
                "already done": summary.already_done,
                "failed": summary.failed,
                "real-time factor": "not measured"
                if speed is None
                else f"{speed:.4f} ({1 / speed:.0f} times real time)",
            }
        )
        following = f"merit evaluate {run.path}" if part is None else "the other shards, then the same without --shard"
        print_outcome(where=run.path, next_command=following, nothing_to_do=run.state == "done")
    exit_for(failed=summary.failed, skipped=summary.skipped, ledger=run.path / "ledger.jsonl")


def _enhance_one(
    chosen: "EnhanceRecipe", noisy: list[str], output: Path | None, *, machine: "Machine", dry_run: bool
) -> None:
    """One input to one file or to stdout, without a run folder."""
    from merit_cli.workflows.enhance import enhance_stream

    if len(noisy) != 1 or Path(noisy[0]).is_dir():
        raise UsageError("only one file can go to one output", place=f"--output {output}", hint="give a folder instead")
    if output is not None and not _is_one_file(output):
        raise UsageError("stdin goes to stdout or to a file", place=f"--output {output}", hint="-o - or -o clean.wav")
    if dry_run:
        typer.echo(f"would enhance {noisy[0]} by {chosen.enhancer.name}; nothing was written", err=True)
        return
    source = sys.stdin.buffer if noisy == ["-"] else Path(noisy[0])
    if output is None or str(output) == "-":
        enhance_stream(chosen, source, sys.stdout.buffer, machine=machine)
    else:
        enhance_stream(chosen, source, output, machine=machine)
        typer.echo(f"output: {output}")


def _enhance_live(chosen: "EnhanceRecipe", noisy: list[str], output: Path | None, *, device: str) -> None:
    """Stdin to stdout, hop by hop."""
    from merit_cli.workflows.enhance import enhance_live

    if noisy != ["-"] or str(output or "-") != "-":
        raise UsageError(
            "a stream goes from stdin to stdout",
            place="--stream",
            hint="arecord -f S16_LE -r 16000 | merit enhance - --enhancer gtcrn --stream | aplay",
        )
    asked = {"--rate": chosen.rate != "keep", "--channels": chosen.channels != "each", "--device": device != "cpu"}
    asked["--precision"] = chosen.precision != "fp32"
    if passed_over := [flag for flag, is_asked in asked.items() if is_asked]:
        raise UsageError(
            "a stream keeps its rate and channel, and runs on the CPU",
            place=", ".join(passed_over),
            hint="leave that out, or --stream",
        )
    report = enhance_live(chosen.enhancer, sys.stdin.buffer, sys.stdout.buffer)
    typer.echo(
        f"latency: {1000 * report.latency:.1f} ms; {report.seconds:.1f} s of audio at {report.real_time_factor:.3f} "
        f"of real time; slowest hop {1000 * report.slowest:.1f} ms of {1000 * report.hop:.1f} ms",
        err=True,
    )


def _print_list(*, as_json: bool) -> None:
    from merit_cli.enhancers.catalogue import list_enhancers

    rows = list_enhancers()
    if as_json:
        print_json([asdict(row) for row in rows])
        return
    print_table(
        ["name", "kind", "rate", "parameters", "real-time\nfactor", "licence"],
        [
            [
                row.name,
                row.kind,
                ("any" if row.sample_rate is None else f"{row.sample_rate}") if row.ready else "",
                "" if row.num_parameters is None else f"{row.num_parameters}",
                "–" if row.real_time_factor is None else f"{row.real_time_factor:.4f}",
                row.license,
            ]
            for row in rows
        ],
        caption="Real-time factor: seconds of work for a second of audio at 16 kHz, measured now.",
    )
    for row in rows:
        if not row.ready:
            typer.echo(f"{row.name} is not ready: {row.how_to_get}")
    typer.echo("A trained run is an enhancer too: merit train --model wave-u-net -o RUN, then --enhancer RUN")
