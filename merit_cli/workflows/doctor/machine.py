"""The interpreter, the processors and the GPU."""

import os
import platform
import sys
from pathlib import Path

from merit_cli.workers import available_cores
from merit_cli.workflows.doctor.check import Check

DRIVER = Path("/proc/driver/nvidia/version")
"""By this file the NVIDIA driver says its version."""
_QUOTA = Path("/sys/fs/cgroup/cpu.max")
_THREADS = "OMP_NUM_THREADS"


def check_python() -> Check:
    """The interpreter, and whether it takes file names for UTF-8."""
    found = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    encoding = sys.getfilesystemencoding()
    if encoding.lower().replace("-", "") != "utf8":
        found = f"{found}; file names are read as {encoding}, so those with accents cannot be found"
        return Check("python", ok=False, found=found, mend="export PYTHONUTF8=1")
    return Check("python", ok=True, found=found)


def check_processors(quota: Path = _QUOTA) -> Check:
    """Cores, and whether the threads asked for fit them.

    Args:
        quota: The control group's file of processor time.
    """
    cores, threads = available_cores(), os.environ.get(_THREADS, "")
    found = f"{cores} cores, {_THREADS} {threads or 'not set'}"
    mend = f"export {_THREADS}=1"
    counts = threads.split(",") if threads else []  # OpenMP takes a list, one number a nested level
    if any(not count.strip().isdecimal() or int(count) < 1 for count in counts):
        return Check("processors", ok=False, found=f"{found}, which is no number of threads", mend=mend)
    if counts and int(counts[0]) > cores:
        found = f"{found}: more threads than cores, which is slower than one"
        return Check("processors", ok=False, found=found, mend=mend)
    allowed = _allowed_cores(quota)
    if allowed is not None and allowed < cores:
        found = f"{found}; the container may use {allowed:g} of the cores"
        return Check("processors", ok=True, found=found, mend=f"export MERIT_WORKERS={max(1, int(allowed))}")
    return Check("processors", ok=True, found=found)


def _allowed_cores(quota: Path) -> float | None:
    """Processor time per time that the control group allows; None for any."""
    try:
        allowed, period = quota.read_text(encoding="ascii").split()
        return None if allowed == "max" else int(allowed) / int(period)
    except (OSError, ValueError):  # no control groups of version 2 here
        return None


def check_device(driver: Path = DRIVER) -> Check:
    """Whether torch can use the GPU that is there, by a product on each.

    Args:
        driver: The file by which the NVIDIA driver says its version.
    """
    import torch

    if torch.cuda.is_available():
        for index in range(torch.cuda.device_count()):
            try:
                ones = torch.ones(16, 16, device=f"cuda:{index}")
                assert float((ones @ ones).sum()) == 16.0**3
            except (RuntimeError, AssertionError) as error:
                name = torch.cuda.get_device_name(index)
                found = f"cuda:{index}, {name}, cannot multiply: {str(error).splitlines()[:1]}"
                mend = f"install a torch that is built for {name} (pytorch.org), or export MERIT_DEVICE=cpu"
                return Check("device", ok=False, found=found, mend=mend)
        return Check("device", ok=True, found=f"{torch.cuda.device_count()} x {torch.cuda.get_device_name(0)}")
    if not driver.exists():
        return Check("device", ok=True, found="CPU only")
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES")
    if torch.version.cuda is None:
        mend = "install the CUDA build of torch: pip install --force-reinstall torch --index-url of pytorch.org"
        return Check("device", ok=False, found="an NVIDIA driver, but a CPU build of torch", mend=mend)
    if hidden is not None and not any(part.strip().isdecimal() for part in hidden.split(",")):
        found = f"an NVIDIA driver, but CUDA_VISIBLE_DEVICES={hidden!r} hides its GPUs"
        mend = "unset CUDA_VISIBLE_DEVICES; on SLURM ask for a GPU (--gpus 1); or leave it so to work on the CPU"
        return Check("device", ok="SLURM_JOB_ID" in os.environ, found=found, mend=mend)
    try:
        torch.cuda.init()  # type: ignore[no-untyped-call]
        reason = "no GPU is visible"
    except (RuntimeError, AssertionError) as error:
        reason = (str(error).splitlines() or ["no reason given"])[0]
    mend = f"update the NVIDIA driver, or install a torch for an older CUDA than {torch.version.cuda}"
    return Check("device", ok=False, found=f"an NVIDIA driver that torch cannot use: {reason}", mend=mend)
