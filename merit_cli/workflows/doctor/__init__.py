"""``merit doctor``: what works on this machine, and the mend of what does not."""

from collections.abc import Callable

from merit_cli.io.weights import weight_specs
from merit_cli.workflows.doctor.check import Check
from merit_cli.workflows.doctor.folders import (
    check_cache,
    check_here,
    check_shared_memory,
    check_temporary,
    check_weight,
)
from merit_cli.workflows.doctor.machine import check_device, check_processors, check_python
from merit_cli.workflows.doctor.packages import check_codecs, check_packages
from merit_cli.workflows.doctor.slurm import check_slurm

__all__ = ["Check", "run_checks"]


def run_checks() -> list[Check]:
    """Every check, in a fixed order; a check that breaks is a finding, never an exception."""
    machine: list[tuple[str, Callable[[], Check]]] = [
        ("soundfile codecs", check_codecs),
        ("device", check_device),
        ("processors", check_processors),
        ("shared memory", check_shared_memory),
        ("here", check_here),
        ("temporary folder", check_temporary),
        ("cache", check_cache),
        ("slurm", check_slurm),
    ]
    machine += [(f"weight {name}", lambda name=name: check_weight(name)) for name in weight_specs()]  # type: ignore[misc]
    return [check_python(), *check_packages(), *(_guarded(name, check) for name, check in machine)]


def _guarded(name: str, check: Callable[[], Check]) -> Check:
    try:
        return check()
    except Exception as error:  # a doctor that falls over helps nobody
        found = f"could not be looked at: {type(error).__name__}: {error}"
        return Check(name, ok=False, found=found, mend="mend what is named above first, then run merit doctor again")
