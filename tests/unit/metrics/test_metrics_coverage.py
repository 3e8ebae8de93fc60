"""Intervals and the paired test by simulation, with unequal speakers whose rows are alike."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).parents[3] / "recipes" / "benchmarks" / "interval_coverage.py"
REPEATS = 4000
"""Binomial error of a coverage of 95 %: 0.34 points, so that 93 to 97 % is six errors either way."""


@pytest.fixture(scope="module")
def simulation() -> ModuleType:
    spec = importlib.util.spec_from_file_location("benchmark_coverage", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
@pytest.mark.parametrize("score", ["mean", "macro-F1"])
@pytest.mark.parametrize("num_speakers", [20, 24, 30, 50])
def test_intervals_cover_from_20_speakers_up(simulation: ModuleType, score: str, num_speakers: int) -> None:
    covered, notes = simulation.coverage(simulation.worlds()[score], num_speakers, REPEATS)
    assert 0.93 <= covered <= 0.97
    assert "few clusters" not in "; ".join(notes)


@pytest.mark.slow
@pytest.mark.parametrize("score", ["mean", "macro-F1"])
@pytest.mark.parametrize("num_speakers", [5, 10, 19])
def test_t_intervals_cover_below_20_and_few_clusters_is_said(
    simulation: ModuleType, score: str, num_speakers: int
) -> None:
    covered, notes = simulation.coverage(simulation.worlds()[score], num_speakers, REPEATS)
    assert 0.93 <= covered <= 0.97
    assert all("few clusters" in note for note in notes)


@pytest.mark.slow
@pytest.mark.parametrize("score", ["mean", "macro-F1"])
@pytest.mark.parametrize("num_speakers", [8, 24])
def test_the_paired_test_keeps_its_level_with_unequal_speakers(
    simulation: ModuleType, score: str, num_speakers: int
) -> None:
    alarms = simulation.false_alarms(simulation.worlds()[score], num_speakers, REPEATS)
    assert 0.035 <= alarms <= 0.061  # .05 and three binomial errors; 8 speakers allow steps of 1/128


def test_simulated_coverage_at_a_glance(simulation: ModuleType) -> None:
    world = simulation.worlds()["mean"]
    for num_speakers in (8, 24):
        covered, notes = simulation.coverage(world, num_speakers, 300)
        assert 0.90 <= covered <= 0.99  # four binomial errors of 300
        assert ("few clusters" in notes) == (num_speakers < 20)
