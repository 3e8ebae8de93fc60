"""The five lines of the README as typed, in order, in an empty folder, from a built wheel."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LINES = (
    "mix --snr -5",
    "enhance",
    "train --model sparse-merit",
    "evaluate --metrics f1,ssnr",
    "classify-breath",
)

pytestmark = pytest.mark.wheel


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds the installed wheel, and nothing of the clone."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip"]
    subprocess.run([*pip, "wheel", "-q", "--no-deps", "-w", str(folder), str(ROOT)], check=True)
    (wheel,) = folder.glob("*.whl")
    assert wheel.stat().st_size < 10_000_000
    subprocess.run([*pip, "install", "-q", "--no-deps", "--target", str(folder / "site"), str(wheel)], check=True)
    return folder / "site"


def run(line: str, site: Path, place: Path) -> str:
    environment = {**os.environ, "PYTHONPATH": str(site), "OMP_NUM_THREADS": "2"}
    command = [sys.executable, "-m", "merit_cli", *line.split()]
    done = subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"merit {line}: {done.stderr}"
    return done.stdout


def test_the_wheel_carries_the_sample_and_the_recipes(site: Path) -> None:
    bundled = site / "merit_cli" / "_bundled"
    assert len(list((bundled / "data_manifests" / "sample").rglob("*.flac"))) > 80
    assert len(list((bundled / "recipes").rglob("*.yaml"))) > 5


def test_the_five_lines_run_in_order_and_a_second_time_have_nothing_to_do(site: Path, tmp_path: Path) -> None:
    for line in LINES:
        assert "output:" in run(line, site, tmp_path), line
    for line in LINES:
        assert "nothing to do" in run(line, site, tmp_path), line
    assert list(tmp_path.iterdir()) == [tmp_path / "runs"]
