"""``merit mix --verify``: what an audit prints."""

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from merit_cli.cli.console import make_machine, print_facts, print_json, print_table

if TYPE_CHECKING:
    from merit_cli.workflows.mix.verify import AuditSummary

_ROWS_SHOWN = 30


def verify(
    place: Path,
    *,
    pair_by: str | None,
    claimed_snr: str | None,
    level: str | None,
    tolerance: float | None,
    allow_leak: bool,
    workers: int,
    as_json: bool,
) -> None:
    """Audit a manifest or folder and print what was found; raises `CheckFailed` where it is not as claimed."""
    from merit_cli.mixing.pairs import PairRules
    from merit_cli.workflows.mix.verify import TOLERANCE_DB, run_verify

    rules = PairRules(pair_by=pair_by, claimed_snr=claimed_snr, level=level or "rms")  # type: ignore[arg-type]  # checked
    summary = run_verify(
        place,
        rules=rules,
        tolerance_db=TOLERANCE_DB if tolerance is None else tolerance,
        allow_leak=allow_leak,
        machine=make_machine(workers=workers, runs_dir=Path("runs"), quiet=as_json),
    )
    if as_json:
        print_json(summary.to_json())
    else:
        _print_audit(summary)
    summary.raise_if_bad()


def _print_audit(summary: "AuditSummary") -> None:
    facts: dict[str, object] = {
        "pairs": summary.checked,
        "measured": summary.measured,
        f"off by over {summary.tolerance_db:g} dB": summary.outside,
    }
    if summary.worst is not None:
        facts["furthest off"] = f"{summary.worst:.3f} dB"
    if summary.achieved_snr_db is not None:
        spread = summary.achieved_snr_db
        facts["achieved SNR"] = f"{spread.min:.2f} to {spread.max:.2f} dB, median {spread.median:.2f}"
    facts["errors"] = summary.num_errors
    facts["remarks"] = len(summary.findings) - summary.num_errors
    print_facts(facts)
    rows = [
        (
            one.id,
            one.kind if one.is_error else f"{one.kind} (remark)",
            one.part,
            _text(one.claimed),
            _text(one.measured),
        )
        for one in summary.findings
    ]
    if rows:
        left = len(rows) - _ROWS_SHOWN
        caption = f"and {left} more; --json lists all" if left > 0 else ""
        print_table(["id", "kind", "part", "claimed", "measured"], rows[:_ROWS_SHOWN], caption=caption)
    for sentence in summary.not_checked:
        typer.echo(f"  note: {sentence}")


def _text(value: float | str | None) -> str:
    if value is None:
        return "-"
    return value if isinstance(value, str) else f"{value:.6g}"
