"""``merit mix``."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from merit_cli.cli import options
from merit_cli.cli.console import exit_for, make_machine, print_facts, print_json, print_outcome


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("mix")(mix)


def mix(
    speech: Annotated[str | None, typer.Argument(help="File, folder, glob or manifest. Default: the sample.")] = None,
    noise: Annotated[str | None, typer.Argument(help="File, folder, glob or manifest. Default: the sample's.")] = None,
    snr: Annotated[str | None, typer.Option("--snr", help="dB: -5,0,5 or -5:10 or normal(5,2).")] = None,
    level: Annotated[str | None, typer.Option("--level", help="rms, active or p56.")] = None,
    variants: Annotated[int | None, typer.Option("--variants", help="Mixtures of each utterance.")] = None,
    sample_rate: Annotated[int | None, typer.Option("--sample-rate", help="Hz.")] = None,
    file_format: Annotated[str | None, typer.Option("--format", help="flac or wav.")] = None,
    stems: Annotated[bool, typer.Option("--stems", help="Also write the scaled noise.")] = False,
    output: options.Output = None,
    recipe: options.Recipe = None,
    overrides: options.Overrides = None,
    seed: options.Seed = None,
    allow_leak: options.AllowLeak = False,
    overwrite: options.Overwrite = False,
    retry_failed: options.RetryFailed = False,
    dry_run: options.DryRun = False,
    as_json: options.AsJson = False,
    workers: options.Workers = 1,
    runs_dir: options.RunsDir = Path("runs"),
) -> None:
    """Mix speech with noise at exact signal-to-noise ratios.

    Every file is read back and its ratio measured. The same command again resumes.

    Example: merit mix speech/ noise/ --snr -5,0,5 -o noisy/
    """
    from merit_cli.assets import find_recipe
    from merit_cli.config.load import load_recipe
    from merit_cli.mixing.recipe import MixRecipe
    from merit_cli.workflows.mix import plan_mix, run_mix

    flags = {
        "snr": snr,
        "level": level,
        "variants": variants,
        "sample_rate": sample_rate,
        "format": file_format,
        "stems": stems or None,
        "seed": seed,
    }
    chosen = load_recipe(MixRecipe, find_recipe("mix", recipe), flags=flags, overrides=overrides or ())
    machine = make_machine(
        workers=workers, runs_dir=runs_dir, overwrite=overwrite, retry_failed=retry_failed, quiet=as_json
    )
    plan = plan_mix(
        chosen, [speech] if speech else [], [noise] if noise else [], machine=machine, allow_leak=allow_leak
    )
    if dry_run:
        seconds = sum(m.speech.duration for m in plan.mixtures)
        typer.echo(f"would render {len(plan.mixtures)} mixtures, {seconds:.0f} s of audio; nothing was written")
        return
    run, summary = run_mix(plan, output=output, machine=machine)
    if as_json:
        print_json(asdict(summary))
    else:
        print_facts(
            {
                "rendered": summary.rendered,
                "already done": summary.already_done,
                "skipped": summary.skipped,
                "failed": summary.failed,
                "largest SNR error": f"{summary.worst_snr_error_db:.4f} dB",
            }
        )
        print_outcome(where=run.path, next_command=f"merit enhance {run.path}", nothing_to_do=run.state == "done")
    exit_for(failed=summary.failed, skipped=summary.skipped, ledger=run.path / "ledger.jsonl")
