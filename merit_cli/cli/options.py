"""Options that several commands share, declared once."""

from pathlib import Path
from typing import Annotated

import typer

_MACHINE = "Machine"

Output = Annotated[
    Path | None,
    typer.Option("--output", "-o", help="Output folder; it is the run. Default: runs/<command>/<name>-<hash>."),
]
Workers = Annotated[
    int,
    typer.Option(
        "--workers", "-j", min=0, envvar="MERIT_WORKERS", help="Processes; 0: one per core.", rich_help_panel=_MACHINE
    ),
]
Device = Annotated[
    str, typer.Option("--device", envvar="MERIT_DEVICE", help="cpu, cuda or cuda:N.", rich_help_panel=_MACHINE)
]
RunsDir = Annotated[
    Path,
    typer.Option(
        "--runs-dir", envvar="MERIT_RUNS_DIR", help="Where runs without --output go.", rich_help_panel=_MACHINE
    ),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Throw away another run in the output folder.")]
RetryFailed = Annotated[bool, typer.Option("--retry-failed", help="Try failed and skipped items again.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and write nothing.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON value on stdout, errors as JSON on stderr.")]
Recipe = Annotated[Path | None, typer.Option("--recipe", "-r", help="Recipe file, or the name of a bundled one.")]
Overrides = Annotated[
    list[str] | None, typer.Option("--set", help="Override one recipe key: --set dotted.key=value. May be repeated.")
]
Seed = Annotated[int | None, typer.Option("--seed", help="Seed of everything that is random.")]
AllowLeak = Annotated[bool, typer.Option("--allow-leak", help="Go on although splits share speakers or noise files.")]
Shard = Annotated[
    str | None,
    typer.Option("--shard", help="Only part i/n, from 1/n; auto: as the SLURM array says.", rich_help_panel=_MACHINE),
]
