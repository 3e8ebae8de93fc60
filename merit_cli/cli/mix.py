"""``merit mix`` and ``merit mix merge``."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from merit_cli.cli import options
from merit_cli.cli.console import exit_for, make_machine, print_facts, print_json, print_outcome
from merit_cli.cli.mix_verify import verify as audit
from merit_cli.errors import UsageError

if TYPE_CHECKING:
    from merit_cli.workflows.mix import MixSummary, PlannedMix


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("mix")(mix)
    app.command("mix merge")(merge)


_OTHER = "Other ways in and out"


def mix(
    speech: Annotated[str | None, typer.Argument(help="File, folder, glob or manifest. Default: the sample.")] = None,
    noise: Annotated[str | None, typer.Argument(help="File, folder, glob or manifest. Default: the sample's.")] = None,
    snr: Annotated[str | None, typer.Option("--snr", help="dB: -5,0,5 or -5:10 or normal(5,2).")] = None,
    level: Annotated[str | None, typer.Option("--level", help="rms, active, vad, p56 or band (100-1000 Hz).")] = None,
    variants: Annotated[int | None, typer.Option("--variants", help="Mixtures of each utterance.")] = None,
    segment: Annotated[
        str | None, typer.Option("--segment", help="Where noise is cut: random, start, loud or loop.")
    ] = None,
    reverb: Annotated[
        str | None,
        typer.Option("--reverb", help="Impulse responses, a file or folder; the target keeps the early part."),
    ] = None,
    distort: Annotated[
        str | None, typer.Option("--distort", help="Such as codec,packet_loss; a recipe sets their parameters.")
    ] = None,
    sample_rate: Annotated[int | None, typer.Option("--sample-rate", help="Hz.")] = None,
    file_format: Annotated[str | None, typer.Option("--format", help="flac, wav or ogg.")] = None,
    encoding: Annotated[str | None, typer.Option("--encoding", help="PCM_16, PCM_24, FLOAT or VORBIS.")] = None,
    channels: Annotated[
        str | None, typer.Option("--channels", help="Of several: mix (mean), first, or each by itself.")
    ] = None,
    stems: Annotated[bool, typer.Option("--stems", help="Also write the scaled noise.")] = False,
    levels_report: Annotated[
        bool, typer.Option("--levels-report", help="Record speech and noise under every definition of level.")
    ] = False,
    plan_to: Annotated[
        Path | None, typer.Option("--plan", help="Write the plan here and render nothing.", rich_help_panel=_OTHER)
    ] = None,
    from_plan: Annotated[
        Path | None, typer.Option("--from-plan", help="Render a plan made by --plan.", rich_help_panel=_OTHER)
    ] = None,
    replay: Annotated[
        Path | None, typer.Option("--replay", help="Build the mixtures of a manifest again.", rich_help_panel=_OTHER)
    ] = None,
    verify: Annotated[
        Path | None,
        typer.Option("--verify", help="Measure the noisy set in a manifest or folder.", rich_help_panel=_OTHER),
    ] = None,
    pair_by: Annotated[
        str | None,
        typer.Option("--pair-by", help="Regex whose group partners share (--verify).", rich_help_panel=_OTHER),
    ] = None,
    claimed_snr: Annotated[
        str | None,
        typer.Option("--claimed-snr", help="Regex with group snr, of file names (--verify).", rich_help_panel=_OTHER),
    ] = None,
    tolerance: Annotated[
        float | None,
        typer.Option("--tolerance", help="dB off that is let pass (--verify): 0.1.", rich_help_panel=_OTHER),
    ] = None,
    shard: options.Shard = None,
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
    others: dict[str, object] = {"recipe": recipe, "set": overrides or None}
    flags: dict[str, object] = {
        "snr": snr,
        "variants": variants,
        "segment": segment,
        "distortions": _chain(reverb, distort),
        "sample_rate": sample_rate,
        "format": file_format,
        "encoding": encoding or ("VORBIS" if file_format == "ogg" else None),
        "channels": channels,
        "stems": stems or None,
        "levels_report": levels_report or None,
        "seed": seed,
    }
    if verify:
        others |= {"plan": plan_to, "from-plan": from_plan, "replay": replay, "output": output, "shard": shard}
        others |= {"overwrite": overwrite or None, "retry-failed": retry_failed or None, "dry-run": dry_run or None}
        _refuse("--verify", {"speech": speech, "noise": noise, **flags, **others})
        audit(
            verify,
            pair_by=pair_by,
            claimed_snr=claimed_snr,
            level=level,
            tolerance=tolerance,
            allow_leak=allow_leak,
            workers=workers,
            as_json=as_json,
        )
        return
    from merit_cli.assets import find_recipe
    from merit_cli.config.load import load_recipe
    from merit_cli.io.shards import Shard
    from merit_cli.mixing.recipe import MixRecipe
    from merit_cli.workflows.mix import load_plan, plan_mix, plan_replay, run_mix, save_plan

    part = Shard.parse(shard) if shard else None
    _refuse(
        "a mix", {"pair-by": pair_by, "claimed-snr": claimed_snr, "tolerance": tolerance}, hint="it is for --verify"
    )
    if plan_to:
        _refuse("--plan", {"output": output, "shard": shard}, hint="it is for --from-plan")
    flags["level"] = level
    machine = make_machine(
        workers=workers, runs_dir=runs_dir, overwrite=overwrite, retry_failed=retry_failed, quiet=as_json
    )
    speeches, noises = ([] if typed is None else [typed] for typed in (speech, noise))
    if fixed := from_plan or replay:
        others |= {"plan": plan_to, **({"replay": replay, "speech": speech, "noise": noise} if from_plan else {})}
        _refuse(f"everything is fixed by {fixed}; it", {**flags, **others})
    if from_plan:
        plan = load_plan(from_plan)
    elif replay:
        plan = plan_replay(replay, speeches, noises)
    else:
        chosen = load_recipe(MixRecipe, find_recipe("mix", recipe), flags=flags, overrides=overrides or ())
        plan = plan_mix(chosen, speeches, noises, machine=machine, allow_leak=allow_leak)
    for remark in plan.remarks:
        typer.echo(f"note: {remark}", err=True)
    if dry_run:
        _say_what_would_be_done(plan)
        return
    if plan_to:
        save_plan(plan, plan_to, overwrite=overwrite)
        print_facts({"mixtures planned": plan.mixtures.num_mixtures})
        print_outcome(where=plan_to, next_command=f"merit mix --from-plan {plan_to}")
        return
    run, summary = run_mix(plan, output=output, machine=machine, shard=part)
    if as_json:
        print_json(asdict(summary))
    else:
        _print_summary(plan, summary)
        base = run.path.parent.parent if part else run.path
        following = f"merit mix merge {base}" if part else f"merit enhance {run.path}"
        print_outcome(where=run.path, next_command=following, nothing_to_do=run.state == "done")
    exit_for(failed=summary.failed, skipped=summary.skipped, ledger=run.path / "ledger.jsonl")


def merge(
    folder: Annotated[Path, typer.Argument(help="Output folder that the shards were rendered into.")],
    as_json: options.AsJson = False,
) -> None:
    """Make one finished mix of the shards rendered by merit mix ... --shard i/n.

    Refuses missing, unfinished and overlapping shards.

    Example: merit mix merge noisy/
    """
    from merit_cli.workflows.mix import merge_shards

    summary = merge_shards(folder)
    if as_json:
        print_json(asdict(summary))
    else:
        print_facts(
            {
                "shards": summary.shards,
                "mixtures": summary.rendered,
                "skipped": summary.skipped,
                "failed": summary.failed,
                "largest SNR error": f"{summary.worst_snr_error_db:.4f} dB",
            }
        )
        print_outcome(where=folder, next_command=f"merit enhance {folder}")
    exit_for(failed=summary.failed, skipped=summary.skipped, ledger=folder / "ledger.jsonl")


def _chain(reverb: str | None, distort: str | None) -> list[object] | None:
    """Distortions from their short spelling; None where none is typed."""
    links: list[object] = [{"name": "reverb", "files": reverb}] if reverb else []
    links += [name.strip().replace("-", "_") for name in distort.split(",")] if distort else []
    return links or None


def _refuse(what: str, flags: Mapping[str, object], *, hint: str = "leave one of them out") -> None:
    for name, value in flags.items():
        if value is not None:
            raise UsageError(f"{what} goes without {name.replace('_', '-')}", hint=hint)


def _say_what_would_be_done(plan: "PlannedMix") -> None:
    seconds = sum(planned.speech.duration for planned in plan.mixtures)
    typer.echo(f"would render {plan.mixtures.num_mixtures} mixtures, {seconds:.0f} s of audio; nothing was written")


def _print_summary(plan: "PlannedMix", summary: "MixSummary") -> None:
    facts: dict[str, object] = {
        "rendered": summary.rendered,
        "already done": summary.already_done,
        "skipped": summary.skipped,
        "failed": summary.failed,
        "largest SNR error": f"{summary.worst_snr_error_db:.4f} dB",
    }
    for kind, utterances in (("speech", plan.mixtures.speech()), ("noise", plan.mixtures.noises())):
        rates = [one.sample_rate for one in utterances]
        others = sorted({rate for rate in rates if rate != plan.recipe.sample_rate})
        if others:
            count = sum(rate != plan.recipe.sample_rate for rate in rates)
            from_rates = ", ".join(str(rate) for rate in others)
            facts[f"{kind} resampled"] = f"{count} of {len(rates)} files, {from_rates} -> {plan.recipe.sample_rate} Hz"
    print_facts(facts)
