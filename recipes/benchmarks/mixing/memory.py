"""Peak memory of a mix with a noise file of hours, in a process of its own.

    python recipes/benchmarks/mixing/memory.py SPEECH NOISE OUTPUT

Printed in MB as the kernel counted it for this program alone (``getrusage`` would also count the process
that started it).
"""

import re
import sys
from pathlib import Path

from merit_cli.mixing.recipe import MixRecipe
from merit_cli.mixing.snr_plan import SnrList
from merit_cli.workers import Machine
from merit_cli.workflows.mix import plan_mix, run_mix


def main(speech: str, noise: str, output: str) -> None:
    """Mix, and print the peak."""
    plan = plan_mix(MixRecipe(snr=SnrList(values=(0.0,)), level="p56"), [speech], [noise], machine=Machine())
    run_mix(plan, output=Path(output), machine=Machine())
    peak = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert peak, "this system does not say"
    print(round(int(peak[1]) / 1024.0, 1))


if __name__ == "__main__":
    main(*sys.argv[1:])
