import subprocess
import sys
from pathlib import Path

import pytest

import merit_cli
from merit_cli import enhance, evaluate, mix
from merit_cli.workers import Machine


def test_the_commands_are_functions_that_say_the_same(tmp_path: Path, speech_folder: Path, noise_folder: Path) -> None:
    machine = Machine(runs_dir=tmp_path / "runs")
    assert mix([speech_folder], [noise_folder], snr=[0.0], machine=machine).rendered == 4
    assert enhance(enhancer="identity", machine=machine).enhanced == 4
    scores = evaluate(metrics=["snr"], machine=machine)
    assert scores.metrics["snr_db"]["mean"] == pytest.approx(0.0, abs=0.05)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'mixx'"):
        _ = merit_cli.mixx


def test_importing_merit_imports_nothing_heavy() -> None:
    code = "import sys, merit_cli; assert not {'torch', 'scipy', 'numpy', 'pydantic'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
