"""Environments with real faults: links to the packages of this one, with some left out or put in."""

import json
import os
import re
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import pytest
import typer.main

import merit_cli
from merit_cli.cli.app import build_app
from merit_cli.cli.doctor import check_variables

SITE = Path(str(distribution("torch").locate_file("")))
OF_THIS_MACHINE = ("device", "shared memory", "here", "temporary folder", "cache", "slurm")
OLD = "Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"


def environment(folder: Path, *, without: tuple[str, ...] = ()) -> Path:
    """Links to every installed package but some, and this merit."""
    folder.mkdir()
    for entry in SITE.iterdir():
        if re.split(r"[-.]", entry.name)[0].lower() not in without:
            (folder / entry.name).symlink_to(entry)
    (folder / "merit_cli").symlink_to(Path(merit_cli.__file__).parent)
    return folder


def put_in(site: Path, name: str, version: str, code: str) -> None:
    """A package of one line of code, as pip would have installed it."""
    (site / name).mkdir()
    (site / name / "__init__.py").write_text(code)
    (site / f"{name}-{version}.dist-info").mkdir()
    (site / f"{name}-{version}.dist-info" / "METADATA").write_text(OLD.format(name=name, version=version))


def doctor(*paths: Path, **variables: str) -> tuple[int, dict[str, dict[str, Any]]]:
    """Exit code and findings by name of ``merit doctor`` in an interpreter that knows these folders only."""
    command = [sys.executable, "-S", "-m", "merit_cli", "doctor", "--json"]
    given = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(map(str, paths)), **variables}
    done = subprocess.run(command, capture_output=True, text=True, env=given, check=False, cwd=paths[0])
    answer = json.loads(done.stdout)
    assert answer["ok"] == (done.returncode == 0), done.stderr
    return done.returncode, {check["name"]: check for check in answer["checks"]}


def test_a_healthy_environment_has_no_fault(tmp_path: Path) -> None:
    _, found = doctor(environment(tmp_path / "site"))
    assert [check for name, check in found.items() if not check["ok"] and name not in OF_THIS_MACHINE] == []
    assert found["pesq"]["found"] == distribution("pesq").version


def test_what_is_missing_too_old_or_hidden_is_named_and_its_mend_works(tmp_path: Path) -> None:
    site = environment(tmp_path / "site", without=("pesq", "cypesq", "torchaudio", "pystoi", "transformers"))
    put_in(site, "torchaudio", "2.1.0", "raise OSError('undefined symbol: _ZN3c10')")
    put_in(site, "pystoi", "0.4.1", "raise ImportError('numpy.core.multiarray failed to import')")
    (tmp_path / "hiding").mkdir()
    (tmp_path / "hiding" / "soxr.py").write_text("")
    code, found = doctor(tmp_path / "hiding", site)
    assert code == 4
    assert found["pesq"] == {
        "name": "pesq",
        "ok": False,
        "found": "not installed",
        "mend": "pip install 'pesq<0.1,>=0.0.4' (it compiles: a C compiler and Python's headers are needed, "
        "in Debian gcc and python3-dev)",
    }
    assert found["torchaudio"]["found"] == "2.1.0, but merit needs <2.12,>=2.11"
    assert found["torchaudio"]["mend"] == "pip install 'torchaudio<2.12,>=2.11'"
    assert found["speechbrain"]["mend"] == "mend torchaudio first"
    assert "numpy.core.multiarray" in found["pystoi"]["found"]
    assert found["pystoi"]["mend"] == "pip install --force-reinstall --no-deps 'pystoi<0.5,>=0.4.1'"
    assert found["soxr"]["found"].endswith(f"is hidden by {tmp_path / 'hiding' / 'soxr.py'}")
    assert found["soxr"]["mend"].startswith(f"take {tmp_path / 'hiding'} off PYTHONPATH")
    assert found["extra transformers"]["ok"]
    assert found["extra transformers"]["mend"] == "pip install 'merit-cli[hf]'"

    (tmp_path / "mended").mkdir()
    _, found = doctor(environment(tmp_path / "mended" / "site"))  # as the mends say: put in, and nothing hidden
    assert all(found[name]["ok"] for name in ("pesq", "torchaudio", "speechbrain", "pystoi", "soxr"))


@pytest.mark.parametrize("variables", [{"MERIT_WORKER": "2"}, {"MERIT_WORKERS": "many"}])
def test_a_variable_that_cannot_be_followed_is_a_fault(variables: dict[str, str]) -> None:
    group = typer.main.get_command(build_app())
    check = check_variables(group, variables)
    assert not check.ok
    assert next(iter(variables)) in check.found
    assert check.mend.startswith(f"unset {next(iter(variables))}")
    assert check_variables(group, {"MERIT_WORKERS": "2", "MERIT_CACHE_DIR": "/somewhere"}).ok
