"""What `merit --help` costs beside its limit, the interpreter with Typer and Rich alone.

    python recipes/benchmarks/startup.py

Medians of CPU seconds over fresh processes, taken in turn; the limit is the import of the two libraries.
"""

import json
import resource
import statistics
import subprocess
import sys

ROUNDS = 9
CASES = {
    "python alone": ["-c", "pass"],
    "limit: typer and rich imported": ["-c", "import typer, rich.console"],
    "merit --help": ["-m", "merit_cli", "--help"],
    "merit mix --help": ["-m", "merit_cli", "mix", "--help"],
}


def cpu_seconds(arguments: list[str]) -> float:
    """CPU seconds, user and system, of one fresh process."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Print the table and one JSON line."""
    seconds: dict[str, list[float]] = {name: [] for name in CASES}
    for _ in range(ROUNDS):
        for name, arguments in CASES.items():
            seconds[name].append(cpu_seconds(arguments))
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    limit = medians["limit: typer and rich imported"]
    for name, value in medians.items():
        print(f"{name:<32} {value:.3f} s  {value / limit:5.2f} x the limit")
    print(json.dumps({"cpu_seconds": medians, "rounds": ROUNDS}))


if __name__ == "__main__":
    main()
