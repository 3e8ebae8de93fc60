import os
import socket
from pathlib import Path

import pytest

from merit_cli.io.atomic import atomic_path, is_temporary, sweep_temporaries

DEAD = 2**22 + 1
"""Above the largest process id of Linux."""


def test_one_process_id_on_two_machines_writes_two_temporary_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = []
    for host in ("node1.cluster", "node2.cluster"):
        monkeypatch.setattr(socket, "gethostname", lambda host=host: host)
        with atomic_path(tmp_path / "a.flac") as temporary:
            names.append(temporary.name)
            temporary.touch()
    assert len(set(names)) == 2
    assert all(is_temporary(Path(name)) and name.endswith(".flac") for name in names)


@pytest.mark.parametrize("host", ["a/b c.d", "ü", "", "x" * 64])
@pytest.mark.parametrize("stem", ["a", "a.b", "語" * 80], ids=["plain", "dotted", "wide"])
def test_any_host_and_name_make_a_temporary_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, host: str, stem: str
) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: host)
    with atomic_path(tmp_path / f"{stem}.flac") as temporary:
        temporary.write_bytes(b"x")
        assert is_temporary(temporary)
        sweep_temporaries(tmp_path)
        assert temporary.exists()
    assert [path.name for path in tmp_path.iterdir()] == [f"{stem}.flac"]


def test_a_sweep_takes_files_of_dead_processes_of_this_machine_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "here")
    names = [f".a.{host}.{pid}.tmp.flac" for host in ("here", "there") for pid in (DEAD, os.getpid())]
    for name in (*names, "a.flac", ".a.tmp.flac"):
        (tmp_path / name).touch()
    sweep_temporaries(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {*names[1:], "a.flac", ".a.tmp.flac"}
