"""A grid of training strategies x seeds on one mixed corpus, to one page: clean and noisy side by side.

    python recipes/strategies/run.py recipes/strategies/balance_activation.yaml MIX -o OUT

MIX is the folder of a finished ``merit mix`` (or a manifest) with train, dev and test splits; several are folds, each
with other test speakers, whose answers are scored together. Features of frozen
encoders are kept in OUT and shared. The same command goes on where it was stopped.
"""

import argparse
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from trying.grid import Grid, Strategy, load_grid, only, strategies
from trying.tables import page_tables, read_answers
from trying.trial import Trial, check_folds, conditions, manifest_of, run_trial

from merit_cli.errors import MeritError, UsageError
from merit_cli.io.atomic import write_text
from merit_cli.manifests.read_write import read_card
from merit_cli.reports.tables import table_to_markdown
from merit_cli.workers import run_items


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("grid", type=Path, help="YAML of the grid, such as recipes/strategies/balance_activation.yaml")
    parser.add_argument("data", type=Path, nargs="+", help="folder of a finished mix, or a manifest; one for each fold")
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("-j", "--workers", type=int, default=1, help="trials at work at once")
    parser.add_argument("--seeds", default="", help="such as 1,2,3; default: those of the grid")
    parser.add_argument("--only", action="append", default=[], metavar="NAME", help="a strategy beside the reference")
    parser.add_argument("--set", dest="overrides", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--allow-leak", action="store_true", help="go on although splits share a speaker or a noise")
    parser.add_argument("--list", action="store_true", help="print the strategies and stop")
    return parser.parse_args(arguments)


def run_grid(grid: Grid, found: Sequence[Strategy], typed: argparse.Namespace) -> Path:
    """Train and answer every trial, then write the page; returns it."""
    asked = [conditions(data) for data in typed.data]
    check_folds(asked)
    trials = {one.name: [_folds(one, seed, typed) for seed in grid.seeds] for one in found}
    jobs = [trial for number in range(len(grid.seeds)) for of in trials.values() for trial in of[number]]
    started = time.monotonic()
    for finished, (job, result) in enumerate(run_items(run_trial, jobs, workers=typed.workers), start=1):
        if isinstance(result, Exception):
            raise result
        minutes = (time.monotonic() - started) / 60.0
        say(f"{job.output.relative_to(typed.output)} is done, {finished} of {len(jobs)}, {minutes:.1f} min")
    answers = {name: [[trial.answers for trial in folds] for folds in of] for name, of in trials.items()}
    tables = page_tables(grid, found, read_answers(answers, asked, typed.data))
    card = read_card(manifest_of(typed.data[0]))
    notes = [f"Data: {card.description or card.name}.", *card.notes] if card else []
    page = typed.output / "results.md"
    write_text(page, "\n\n".join([*notes, *(table_to_markdown(table) for table in tables)]) + "\n")
    return page


def _folds(strategy: Strategy, seed: int, typed: argparse.Namespace) -> list[Trial]:
    """The trials of one strategy and seed, one for each manifest."""
    folder = typed.output / strategy.name.replace(", ", "+").replace(" ", "-") / f"seed{seed}"
    return [
        Trial(
            strategy.recipe.model_copy(update={"seed": seed}),
            data,
            folder if len(typed.data) == 1 else folder / f"fold{number}",
            typed.output / "features",
            device=typed.device,
            allow_leak=typed.allow_leak,
        )
        for number, data in enumerate(typed.data, start=1)
    ]


def numbers(text: str) -> tuple[int, ...]:
    """Those of a list with commas.

    Raises:
        UsageError: One is not a whole number.
    """
    try:
        return tuple(int(part) for part in text.split(",") if part.strip())
    except ValueError:
        raise UsageError(f"cannot read the seeds {text!r}", place="--seeds", hint="write --seeds 1,2,3") from None


def say(text: str) -> None:
    """One line on stderr."""
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the command line and run; returns the exit code."""
    typed = parse(arguments)
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    try:
        grid = load_grid(typed.grid, seeds=numbers(typed.seeds))
        found = strategies(grid, typed.grid.resolve().parent, overrides=tuple(typed.overrides))
        found = only(found, tuple(typed.only))
        if typed.list:
            print("\n".join(one.name for one in found))
            return 0
        page = run_grid(grid, found, typed)
    except MeritError as error:
        print(f"error: {error}\n  hint: {error.hint}" if error.hint else f"error: {error}", file=sys.stderr)
        return error.exit_code
    print(page.read_text(encoding="utf-8"))
    print(f"page: {page}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
