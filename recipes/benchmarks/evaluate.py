"""Scoring speed beside its limit and beside other tools, and statistics over many rows.

    python recipes/benchmarks/evaluate.py
    python recipes/benchmarks/evaluate.py --pairs 100 --repeats 1      # a quick look

recipes/benchmarks/evaluate.md says what is compared and how.
"""

import argparse
import importlib.util
import json
import os
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from scoring import rows
from scoring.contestants import Contestant, Values, bare_pesq_seconds, command, file_by_file, ours, torchmetrics_loop
from scoring.pairs import NUM_PAIRS, PairSet, build_pairs

COMMAND, OURS_TWO, OURS_ONE, OURS_THREE, LIMIT = (
    "merit evaluate -j 2, the command",
    "ours, two processes",
    "ours, one process",
    "ours, one process, PESQ STOI ESTOI",
    "C code of PESQ alone (limit)",
)
NUM_WARM = 4
ResultT = TypeVar("ResultT")
Seconds = tuple[float, float]
"""Of the wall clock and of processors, child processes included."""


@dataclass
class Timed:
    """Seconds of each round, and the values of the last."""

    wall: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)
    values: Values = field(default_factory=dict)


def contestants(folder: Path) -> dict[str, Contestant]:
    """Everyone whose packages are there, by name."""
    found: dict[str, Contestant] = {
        COMMAND: command(folder),
        OURS_TWO: ours(2),
        OURS_ONE: ours(1),
        OURS_THREE: ours(1, ("pesq_wb", "stoi", "estoi")),
        "pesq and pystoi, file by file": file_by_file,
    }
    if importlib.util.find_spec("torchmetrics"):
        found["torchmetrics, file by file"] = torchmetrics_loop
    else:
        print("left out: torchmetrics; pip install torchmetrics brings it in", file=sys.stderr)
    return found


def run_rounds(pairs: PairSet, folder: Path, repeats: int) -> dict[str, Timed]:
    """Everyone in turn, ``repeats`` times over all pairs."""
    few = PairSet(pairs.clean, pairs.noisy, pairs.ids[:NUM_WARM], 0.0)
    runs = contestants(folder)
    for name in runs:
        if name != COMMAND:
            runs[name](few)
    timed = {name: Timed() for name in (*runs, LIMIT)}
    for _ in range(repeats):
        for name, run in runs.items():
            (wall, processor), timed[name].values = _timed(lambda run=run: run(pairs))
            timed[name].wall.append(wall)
            timed[name].processor.append(processor)
        timed[LIMIT].processor.append(bare_pesq_seconds(pairs))
    return timed


def run_statistics(num_rows: int, repeats: int) -> dict[str, float]:
    """Median wall seconds of each call."""
    found = {}
    for name, call in rows.calls(num_rows).items():
        found[name] = statistics.median(_timed(call)[0][0] for _ in range(repeats))
    return found


def report(pairs: PairSet, timed: dict[str, Timed]) -> dict[str, dict[str, object]]:
    """A row for each contestant: medians, ratios and the largest difference of a value from ours."""
    limit = statistics.median(timed[LIMIT].processor)
    ours_processor = statistics.median(timed[OURS_TWO].processor)
    table: dict[str, dict[str, object]] = {}
    for name, one in timed.items():
        processor = statistics.median(one.processor)
        row: dict[str, object] = {
            "processor_seconds": round(processor, 2),
            "over_ours": round(processor / ours_processor, 2),
            "over_limit": round(processor / limit, 2),
        }
        if one.wall:
            row["wall_seconds"] = round(statistics.median(one.wall), 2)
            row["real_time"] = round(pairs.seconds / statistics.median(one.wall))
            row["metrics"] = len(one.values)
            row["worst_difference"] = worst_difference(one.values, timed[OURS_TWO].values)
        table[name] = row
    return table


def worst_difference(values: Values, others: Values) -> float:
    """Largest difference of any value that both have."""
    gaps = [
        abs(value - other)
        for metric in set(values) & set(others)
        for name, value in values[metric].items()
        if value is not None and (other := others[metric].get(name)) is not None
    ]
    assert gaps, "nothing to compare"
    return float(f"{max(gaps):.1e}")


def show(figures: dict[str, dict[str, object]], seconds: dict[str, float], num_rows: int) -> None:
    """Print the tables."""
    heads = ("wall s", "x real", "proc. s", "/ ours", "/ limit", "metrics", "worst diff.")
    print(f"{'':<38}" + "".join(f"{head:>12}" for head in heads))
    keys = ("wall_seconds", "real_time", "processor_seconds", "over_ours", "over_limit", "metrics", "worst_difference")
    for name, row in figures.items():
        print(f"{name:<38}" + "".join(f"{row.get(key, '')!s:>12}" for key in keys))
    print(f"\n10 000 resamples over {num_rows} rows of {rows.NUM_SPEAKERS} speakers, seconds:")
    for name, value in {**seconds, "together": sum(seconds.values())}.items():
        print(f"{name:<38}{value:12.2f}")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run it all in a temporary folder."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--pairs", type=int, default=NUM_PAIRS, help=f"how many to score [{NUM_PAIRS}]")
    parser.add_argument("--rows", type=int, default=100_000, help="of the statistics [100000]")
    parser.add_argument("--repeats", type=int, default=3, help="rounds; medians are printed [3]")
    parser.add_argument("--folder", type=Path, help="where the temporary folder goes; a RAM disk takes the disk out")
    parser.add_argument("--json", action="store_true", help="print JSON alone")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        pairs = build_pairs(Path(name), options.pairs)
        figures = report(pairs, run_rounds(pairs, Path(name), options.repeats))
    seconds = run_statistics(options.rows, options.repeats)
    if options.json:
        print(json.dumps({"pairs": options.pairs, "repeats": options.repeats, "rows": figures, "statistics": seconds}))
    else:
        show(figures, seconds, options.rows)


def _timed(call: Callable[[], ResultT]) -> tuple[Seconds, ResultT]:
    started, used = time.perf_counter(), _processor_seconds()
    value = call()
    return (time.perf_counter() - started, _processor_seconds() - used), value


def _processor_seconds() -> float:
    """Of this process and of all that have ended below it."""
    return sum(
        usage.ru_utime + usage.ru_stime
        for usage in (resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN))
    )


def _in_one_thread() -> None:
    """Start again with one thread, unless the libraries were told so before they were loaded."""
    wanted = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}
    if any(os.environ.get(name) != value for name, value in wanted.items()):
        os.execve(sys.executable, [sys.executable, *sys.argv], os.environ | wanted)


if __name__ == "__main__":
    _in_one_thread()
    main()
