"""An enhancer that another package brings by an entry point is held to the same contract, by the same tests."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
PLUGIN = '''
"""A package as a third party would write it."""

from typing import Literal

import numpy as np

from merit_cli.enhancers.contract import EnhancerConfig


class LateEngine:
    sample_rate, delay, streams = 16000, 80, False

    def process(self, noisy_N, sample_rate):
        assert sample_rate == 16000
        return {made}


class LateConfig(EnhancerConfig):
    name: Literal["third-party"] = "third-party"

    def engine(self):
        return LateEngine()
'''
KEEPS_IT = "np.concatenate([np.zeros(80, np.float32), noisy_N])[: len(noisy_N)]"
LATER_THAN_IT_SAYS = "np.concatenate([np.zeros(200, np.float32), noisy_N])[: len(noisy_N)]"


def contract_of_a_plugin(folder: Path, made: str) -> tuple[int, dict[str, int]]:
    """Exit code and tests by outcome of the contract on the package, installed in a folder of its own."""
    (folder / "third_party.py").write_text(PLUGIN.format(made=made), encoding="utf-8")
    installed = folder / "third_party-1.0.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: third-party\nVersion: 1.0\n", encoding="utf-8")
    (installed / "entry_points.txt").write_text(
        "[merit.enhancers]\nthird-party = third_party:LateConfig\n", encoding="utf-8"
    )
    command = [sys.executable, "-m", "pytest", "-v", "-p", "no:cacheprovider", "-k", "third-party"]
    path = os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        [*command, str(HERE / "test_enhancers.py")],
        capture_output=True,
        text=True,
        check=False,
        cwd=HERE.parent.parent,
        env={**os.environ, "PYTHONPATH": path},
    )
    counts = re.findall(r"(\d+) (passed|failed|skipped|error)", done.stdout + done.stderr)
    return done.returncode, {outcome: int(count) for count, outcome in counts}


@pytest.mark.parametrize(("made", "code"), [(KEEPS_IT, 0), (LATER_THAN_IT_SAYS, 1)], ids=["keeps it", "breaks it"])
def test_the_contract_is_run_on_a_plug_in(tmp_path: Path, made: str, code: int) -> None:
    returned, counts = contract_of_a_plugin(tmp_path, made)
    assert returned == code
    assert counts.get("passed", 0) + counts.get("failed", 0) >= 20
    assert bool(counts.get("failed")) == bool(code)
    assert "skipped" not in counts
