"""What preparing many small files costs, beside a bare loop over their headers; see prepare.md.

python recipes/benchmarks/prepare.py [--files 100000] [--duplicates 1000] [--workers 2] [--folder /dev/shm] [--json]
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import soundfile
from preparing.corpus import build, change

CHILD = Path(__file__).parent / "preparing" / "child.py"
CHANGED_SHARE = 0.01


def bare_loop(paths: Sequence[Path]) -> float:
    """Seconds of ``soundfile.info`` over all files in one process: no tool that reads headers can be quicker."""
    started = time.perf_counter()
    for path in paths:
        soundfile.info(str(path))
    return time.perf_counter() - started


def prepare(raw: Path, output: Path, workers: int, checks: str = "full") -> dict[str, float]:
    """Seconds, peak memory and duplicates of one ``merit prepare`` in a process of its own."""
    command = [sys.executable, str(CHILD), str(raw), str(output), str(workers), checks]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    measured: dict[str, float] = json.loads(done.stdout)
    return measured


def measure(folder: Path, *, num_files: int, num_duplicates: int, workers: int) -> list[dict[str, Any]]:
    """A row for the bare loop and for each way to prepare the files."""
    paths = build(folder / "raw", num_files, num_duplicates)
    bare_loop(paths)  # so that every row finds the files in memory
    limit = bare_loop(paths)
    rows: list[dict[str, Any]] = [{"what": "sf.info of every file, bare loop", "seconds": limit}]
    raw, output = folder / "raw", folder / "out"
    rows.append({"what": "prepare --checks fast", **prepare(raw, folder / "fast", 1, "fast")})
    rows.append({"what": "prepare, all samples, one process", **prepare(raw, folder / "one", 1)})
    rows.append({"what": f"prepare, all samples, -j {workers}", **prepare(raw, output, workers)})
    first = rows[-1]["seconds"]
    rows.append({"what": "the same again, nothing changed", **prepare(raw, output, workers)})
    for path in paths[:: round(1 / CHANGED_SHARE)]:
        change(path)
    rows.append({"what": f"the same again, {CHANGED_SHARE:.0%} of the files changed", **prepare(raw, output, workers)})
    for row in rows:
        row |= {"files_per_s": num_files / row["seconds"], "share_of_first": row["seconds"] / first}
    return rows


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--duplicates", type=int, default=1000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--folder", type=Path, help="where the files are written and removed again")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=asked.folder) as folder:
        rows = measure(Path(folder), num_files=asked.files, num_duplicates=asked.duplicates, workers=asked.workers)
    if asked.json:
        print(json.dumps(rows, indent=2))
        return
    print(f"{asked.files} files of 1 s, {asked.duplicates} of them planted duplicates")
    print("| what | s | files/s | share of the first run | peak MB | duplicates found |")
    print("|---|---|---|---|---|---|")
    for row in rows:
        memory, found = (f"{row[key]:.0f}" if key in row else "" for key in ("peak_mb", "duplicates"))
        share = f"{row['share_of_first']:.1%}"
        print(f"| {row['what']} | {row['seconds']:.1f} | {row['files_per_s']:.0f} | {share} | {memory} | {found} |")


if __name__ == "__main__":
    main()
