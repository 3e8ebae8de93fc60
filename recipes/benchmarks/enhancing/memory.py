"""Peak memory of an enhancer over a long signal, in a process of its own.

    python recipes/benchmarks/enhancing/memory.py MINUTES name=gtcrn

Printed in MB as the kernel counted it for this program alone: the packages, the signal in and out, and the work.
"""

import re
import sys
from pathlib import Path

import numpy as np

from merit_cli.enhancers.select import enhancer_config


def main(minutes: str, *parameters: str) -> None:
    """Enhance noise in bursts, and print the peak."""
    enhancer = enhancer_config(dict(one.split("=", 1) for one in parameters)).build()
    second = 0.05 * np.random.default_rng(0).standard_normal(16000, dtype=np.float32)
    second *= np.linspace(0.1, 1.0, 16000, dtype=np.float32)
    enhancer(np.tile(second, round(float(minutes) * 60)), 16000)
    peak = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert peak, "this system does not say"
    print(round(int(peak[1]) / 1024.0))


if __name__ == "__main__":
    main(*sys.argv[1:])
