import importlib
import subprocess
import sys
from pathlib import Path

import pytest

from merit_cli.errors import Unavailable, UsageError
from merit_cli.registry import Registry

TABLE = Registry("gadget", {"path": "pathlib:Path", "broken": "no_such_package_here:x"}, extras={"broken": "onnx"})


def test_a_name_is_resolved_when_asked_for() -> None:
    assert TABLE.load("path") is Path


def test_an_unknown_name_is_refused_with_the_nearest() -> None:
    with pytest.raises(UsageError) as caught:
        TABLE.load("pahts")
    assert "did you mean 'path'?" in caught.value.hint


def test_a_missing_extra_is_named() -> None:
    with pytest.raises(Unavailable) as caught:
        TABLE.load("broken")
    assert "merit-cli[onnx]" in caught.value.hint


def test_an_installed_third_party_package_adds_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "gadget_plugin.py").write_text("ANSWER = 42\n")
    (source / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n'
        '[project]\nname = "gadget-plugin"\nversion = "1"\n'
        '[project.entry-points."merit.gadgets"]\nanswer = "gadget_plugin:ANSWER"\n'
        '[tool.setuptools]\npy-modules = ["gadget_plugin"]\n'
    )
    site = tmp_path / "site"
    command = ["-m", "pip", "install", "-q", "--no-deps", "--no-index", "--no-build-isolation", "--target", str(site)]
    subprocess.run([sys.executable, *command, str(source)], check=True, capture_output=True)
    monkeypatch.syspath_prepend(str(site))
    importlib.invalidate_caches()
    assert TABLE.names() == ["answer", "broken", "path"]
    assert TABLE.load("answer") == 42


def test_a_plug_in_may_not_take_a_built_in_name(monkeypatch: pytest.MonkeyPatch) -> None:
    from importlib.metadata import EntryPoint

    point = EntryPoint("path", "elsewhere:x", "merit.gadgets")
    monkeypatch.setattr("merit_cli.registry.entry_points", lambda group: [point])
    with pytest.raises(UsageError, match="registered twice"):
        TABLE.names()
