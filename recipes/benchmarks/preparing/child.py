"""One ``merit prepare`` in a process of its own: seconds from the first import, the kernel's peak memory, its summary.

    python recipes/benchmarks/preparing/child.py RAW OUTPUT WORKERS CHECKS

Printed as JSON. ``getrusage`` would also count the process that started it.
"""

import json
import re
import sys
import time
from pathlib import Path

STARTED = time.perf_counter()


def main(raw: str, output: str, workers: str, checks: str) -> None:
    """Prepare, and print what it took."""
    from merit_cli.workers import Machine
    from merit_cli.workflows.prepare import run_prepare

    assert checks in ("fast", "full"), checks
    machine = Machine(workers=int(workers), overwrite=True)
    summary = run_prepare(
        "emotion-folder",
        Path(raw),
        output=Path(output),
        machine=machine,
        allow_leak=True,
        checks="fast" if checks == "fast" else "full",
    )
    peak = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert peak, "this system does not say"
    took = time.perf_counter() - STARTED
    duplicates = summary.findings.get("duplicate", 0)
    print(json.dumps({"seconds": took, "peak_mb": int(peak[1]) / 1024.0, "duplicates": duplicates}))


if __name__ == "__main__":
    main(*sys.argv[1:])
