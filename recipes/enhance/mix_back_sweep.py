"""How much of the noisy signal to leave in: the mix-back ratio by a model's dev score, and not by PESQ.

    python recipes/enhance/mix_back_sweep.py DATA --model RUN --recipe recipes/enhance/mix_back_sweep.yaml -o OUT

DATA is a manifest or a run folder with dev and test splits; RUN a trained run with emotion, or with
``--recipe recipes/enhance/mix_back_sweep_breath.yaml`` a breath classifier. Test is heard once: as recorded, enhanced
alone, and at what dev chose. The same command goes on where it was stopped.
"""

import argparse
import os
import sys
import time
from pathlib import Path

from sweeping.recipe import ENHANCED, SweepRecipe
from sweeping.sweep import SweepSummary, run_sweep

from merit_cli.config.load import load_recipe
from merit_cli.enhancers.select import enhancer_tree
from merit_cli.errors import MeritError
from merit_cli.reports.tables import table_to_markdown
from merit_cli.reports.write import read_report
from merit_cli.workers import Machine

HERE = Path(__file__).resolve().parent
SOME_ITEMS_FAILED = 3


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="+", help="manifests or run folders with dev and test splits")
    parser.add_argument("-m", "--model", type=Path, required=True, help="folder of the run or model that listens")
    parser.add_argument("-r", "--recipe", type=Path, default=HERE / "mix_back_sweep.yaml")
    parser.add_argument("-e", "--enhancer", help="a registered name, or a trained run's folder")
    parser.add_argument("--set", dest="overrides", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("-j", "--workers", type=int, default=1)
    parser.add_argument("--overwrite", action="store_true", help="throw away another run in the output folder")
    parser.add_argument("--retry-failed", action="store_true", help="try items again that could not be used")
    return parser.parse_args(arguments)


def show(recipe: SweepRecipe, summary: SweepSummary, typed: argparse.Namespace) -> None:
    """Test's table, the verdict, where the report lies and what to do with the answer."""
    print(table_to_markdown(read_report(typed.output).tables[0]))
    print("\n".join(summary.sentences))
    print(f"report: {summary.report}")
    if summary.helps != "ahead":
        why = f"against noisy, mix-back {summary.chosen:g} is {summary.helps}" if summary.helps else "dev chose noisy"
        print(f"next:   leave {recipe.enhancer.name} out: {why}")
        return
    share = "" if summary.chosen == ENHANCED else f" --mix-back {summary.chosen:g}"
    print(f"next:   merit enhance {' '.join(typed.data)} --enhancer {typed.enhancer or recipe.enhancer.name}{share}")


def progress(stage: str, finished: int, total: int) -> None:
    """A line on stderr at every twentieth of a stage."""
    if finished * 20 // total != (finished - 1) * 20 // total:
        print(f"{time.strftime('%H:%M:%S')} {stage}: {finished}/{total}", file=sys.stderr, flush=True)


def main(arguments: list[str] | None = None) -> int:
    """Read the command line and run; returns the exit code."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    typed = parse(arguments)
    machine = Machine(
        workers=typed.workers, overwrite=typed.overwrite, retry_failed=typed.retry_failed, progress=progress
    )
    try:
        flags = {"enhancer": enhancer_tree(typed.enhancer)}
        recipe = load_recipe(SweepRecipe, typed.recipe, flags=flags, overrides=typed.overrides)
        run, summary = run_sweep(recipe, typed.data, typed.model, output=typed.output, machine=machine)
    except MeritError as error:
        print(f"merit: {error}", file=sys.stderr)
        return error.exit_code
    if run.state == "done":
        print("nothing to do: this sweep is already finished")
    show(recipe, summary, typed)
    return SOME_ITEMS_FAILED if summary.failed else 0


if __name__ == "__main__":
    sys.exit(main())
