"""Places merit writes to: room, quota, rename, locks; and the weights in the cache."""

import fcntl
import os
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

from merit_cli.errors import MeritError
from merit_cli.io.pinned_file import cache_dir
from merit_cli.io.weights import weight_path
from merit_cli.workflows.doctor.check import Check
from merit_cli.workflows.doctor.machine import DRIVER

_LEAST_FREE_BYTES = 1_000_000_000
_LEAST_SHARED_BYTES = 256_000_000
"""Below it, loader processes that hand batches over by shared memory die of a bus error; Docker's own is 64 MB."""
_TRIAL_BYTES = 1_000_000


def check_here() -> Check:
    """Whether runs can be written into the current folder."""
    return _check_folder("here", Path.cwd(), "run in another folder, or choose one by --output and --runs-dir")


def check_cache() -> Check:
    """Whether weights can be kept, and locked while they are fetched."""
    mend = "export MERIT_CACHE_DIR=FOLDER, one that can be written to on a local disk"
    folder = cache_dir()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        return Check("cache", ok=False, found=f"{folder} cannot be made: {error.strerror}", mend=mend)
    return _check_folder("cache", folder, mend)


def check_temporary() -> Check:
    """Whether temporary files can be written."""
    try:
        folder = Path(tempfile.gettempdir())
    except OSError as error:
        return Check("temporary folder", ok=False, found=str(error), mend="export TMPDIR=FOLDER, one with room")
    chosen = os.environ.get("TMPDIR")
    if chosen and Path(chosen).resolve() != folder.resolve():
        found = f"TMPDIR is {chosen}, which cannot be written to; {folder} is used in its stead"
        return Check("temporary folder", ok=False, found=found, mend=f"mkdir -p {chosen}, or unset TMPDIR")
    return _check_folder("temporary folder", folder, "export TMPDIR=FOLDER, one with room", least=_TRIAL_BYTES)


def check_shared_memory(folder: Path = Path("/dev/shm"), *, needs_room: bool = DRIVER.exists()) -> Check:
    """Whether processes can hand batches to each other.

    Args:
        folder: Where the system keeps shared memory.
        needs_room: Whether little of it is a fault: training on a GPU loads batches in processes of their own.
    """
    mend = f"more room for {folder}: docker run --shm-size=2g (or --ipc=host); or train with --workers 1"
    if not folder.is_dir():
        return Check("shared memory", ok=False, found=f"there is no {folder}", mend=mend)
    check = _check_folder("shared memory", folder, mend, least=_LEAST_SHARED_BYTES if needs_room else 0)
    free = shutil.disk_usage(folder).free if check.ok else _LEAST_SHARED_BYTES
    return check if free >= _LEAST_SHARED_BYTES else replace(check, mend=f"to train on a GPU: {mend}")


def _check_folder(name: str, folder: Path, mend: str, *, least: int = _LEAST_FREE_BYTES) -> Check:
    """Write, rename and lock a trial file; a quota that is used up shows only then."""
    step = "be written to"
    try:
        with tempfile.TemporaryDirectory(prefix="merit-doctor-", dir=folder) as trial_folder:
            first, second = Path(trial_folder, "a"), Path(trial_folder, "b")
            for path in (first, second):
                path.write_bytes(os.urandom(_TRIAL_BYTES))
            step = "have its files renamed"
            os.replace(first, second)
            step = "have its files locked"
            with second.open("rb+") as held:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        found = f"{folder} cannot {step}: {error.strerror or error}"
        return Check(name, ok=False, found=found, mend=mend)
    free = shutil.disk_usage(folder).free
    found = f"{folder}, {free / 1e9:.1f} GB free"
    if free < least:
        found = f"{folder} has {free / 1e6:.0f} MB free, less than {least / 1e6:.0f}"
        return Check(name, ok=False, found=found, mend=f"free some space, or {mend}")
    return Check(name, ok=True, found=found)


def check_weight(name: str) -> Check:
    """Whether a pretrained weight is there and whole; one that was not fetched is no fault."""
    try:
        return Check(f"weight {name}", ok=True, found=str(weight_path(name)))
    except MeritError as error:
        is_damaged = "damaged" in error.message
        return Check(f"weight {name}", ok=not is_damaged, found=error.message, mend=f"merit prepare weights {name}")
