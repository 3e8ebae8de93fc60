"""Places with real faults: a full file system, a read-only one, no locks, no rename."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from merit_cli.workflows.doctor.folders import check_cache, check_temporary

LOOK = """
import json, sys
from dataclasses import asdict
from pathlib import Path
from merit_cli.workflows.doctor import folders
checks = [folders.check_here(), folders.check_shared_memory(Path.cwd(), needs_room=True)]
print(json.dumps([asdict(check) for check in checks]))
"""
SHIM = """
#include <errno.h>
int rename(const char *from, const char *to) { errno = EXDEV; return -1; }
int flock(int file, int operation) { errno = ENOLCK; return -1; }
"""


def look(folder: Path, *, mount: str = "", **variables: str) -> list[dict[str, str | bool]]:
    """What is found in a folder, over which a file system may be mounted in a name space of its own."""
    shell = f"{mount} && cd {folder} && exec {sys.executable} -c '{LOOK}'" if mount else ""
    command = ["unshare", "-rm", "sh", "-c", shell] if mount else [sys.executable, "-c", LOOK]
    given = {**os.environ, **variables}
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, env=given, check=False)
    if mount and "unshare" in done.stderr:
        pytest.skip(f"no name spaces here: {done.stderr.strip()}")
    assert done.returncode == 0, done.stderr
    answer: list[dict[str, str | bool]] = json.loads(done.stdout)
    return answer


def shim(folder: Path, function: str) -> str:
    """A library that breaks one function of the C library in every program that loads it first."""
    compiler = shutil.which("gcc") or pytest.skip("no gcc")
    source, library = folder / "shim.c", folder / "shim.so"
    source.write_text("#include <errno.h>\n" + next(line for line in SHIM.splitlines() if f"int {function}(" in line))
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, source], check=True)
    return str(library)


def test_a_full_file_system_is_named(tmp_path: Path) -> None:
    here, shared = look(tmp_path, mount=f"mount -t tmpfs -o size=300k none {tmp_path}")
    assert here["found"] == f"{tmp_path} cannot be written to: No space left on device"
    assert "--output" in str(here["mend"])
    assert "--shm-size" in str(shared["mend"])
    assert not here["ok"]
    assert not shared["ok"]


def test_little_shared_memory_is_named(tmp_path: Path) -> None:
    here, shared = look(tmp_path, mount=f"mount -t tmpfs -o size=64m none {tmp_path}")
    assert shared["found"] == f"{tmp_path} has 67 MB free, less than 256"
    assert here["found"] == f"{tmp_path} has 67 MB free, less than 1000"


def test_a_read_only_file_system_is_named(tmp_path: Path) -> None:
    here, _ = look(tmp_path, mount=f"mount -t tmpfs -o ro none {tmp_path}")
    assert here["found"] == f"{tmp_path} cannot be written to: Read-only file system"


@pytest.mark.parametrize(("function", "said"), [("rename", "renamed"), ("flock", "locked")])
def test_a_file_system_without_it_is_named(tmp_path: Path, function: str, said: str) -> None:
    here, _ = look(tmp_path, LD_PRELOAD=shim(tmp_path, function))
    assert not here["ok"]
    assert str(here["found"]).startswith(f"{tmp_path} cannot have its files {said}: ")


def test_a_healthy_folder_is_left_as_it_was(tmp_path: Path) -> None:
    here, _ = look(tmp_path)
    assert here["ok"] or "free, less than" in str(here["found"])
    assert list(tmp_path.iterdir()) == []


def test_a_cache_that_cannot_be_made_is_mended_by_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("MERIT_CACHE_DIR", str(tmp_path / "file" / "cache"))
    check = check_cache()
    assert not check.ok
    assert "Not a directory" in check.found
    assert check.mend.startswith("export MERIT_CACHE_DIR=")
    monkeypatch.setenv("MERIT_CACHE_DIR", str(tmp_path / "cache"))
    assert check_cache().found.startswith(str(tmp_path / "cache"))


def test_a_temporary_folder_that_is_not_there_is_mended_by_making_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.setenv("TMPDIR", str(tmp_path / "gone"))
    check = check_temporary()
    assert not check.ok
    assert check.mend == f"mkdir -p {tmp_path / 'gone'}, or unset TMPDIR"
    (tmp_path / "gone").mkdir()
    monkeypatch.setattr("tempfile.tempdir", None)
    assert check_temporary().ok
