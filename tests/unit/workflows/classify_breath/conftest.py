"""A tiny synthetic breath corpus and one tiny trained run, shared by the tests of this folder."""

from pathlib import Path

import pytest

from merit_cli.corpora.icbhi_reading import read_icbhi_folder
from merit_cli.corpora.synthetic_breath import CARD, DEVICE, write_synthetic_breath
from merit_cli.manifests.read_write import write_card, write_manifest
from merit_cli.models.breath import BreathCnnConfig
from merit_cli.workers import Machine
from merit_cli.workflows.classify_breath.corpus import BreathCorpus, read_corpus
from merit_cli.workflows.classify_breath.job import run_classify_breath
from merit_cli.workflows.classify_breath.recipe import BreathRecipe

TINY_RECIPE = BreathRecipe(
    name="tiny",
    model=BreathCnnConfig(duration=2.0, hop_length=80, num_mels=32, channels=(4, 8)),
    enhance="spectral-gate",
    epochs=2,
    learning_rate=5e-3,
)


@pytest.fixture(scope="session")
def breath_corpus(tmp_path_factory: pytest.TempPathFactory) -> BreathCorpus:
    """Six patients, 84 cycles, as a manifest."""
    folder = tmp_path_factory.mktemp("breath_corpus")
    write_synthetic_breath(folder / "recordings", num_patients=6)
    reading = read_icbhi_folder(folder / "recordings", devices=frozenset({DEVICE}))
    write_manifest(folder / "manifest.jsonl", reading.cycles)
    write_card(folder, CARD)
    return read_corpus(folder, machine=Machine())


@pytest.fixture(scope="session")
def breath_run(breath_corpus: BreathCorpus, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of the tiny recipe."""
    run, _ = run_classify_breath(
        TINY_RECIPE, breath_corpus, output=tmp_path_factory.mktemp("breath_runs") / "run", machine=Machine()
    )
    return run.path
