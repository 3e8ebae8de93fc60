"""What the tests of the sweep over mix-back ratios share: its modules, buzzes with two emotions, models that listen."""

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import soundfile

from merit_cli.config.load import load_recipe
from merit_cli.manifests.read_write import Card, read_manifest, write_card, write_manifest
from merit_cli.manifests.utterance import Utterance
from merit_cli.workers import Machine

FOLDER = Path(__file__).resolve().parents[2] / "recipes" / "enhance"
RATE = 16000
SPLITS = {"train": 8, "dev": 8, "test": 8}


class Sweep:
    """The sweep's own modules, and short ways to use them."""

    folder = FOLDER

    def __call__(self, name: str) -> ModuleType:
        """A module of the sweep."""
        return importlib.import_module(name)

    def recipe(self, *overrides: str, name: str = "mix_back_sweep") -> Any:
        """A recipe with four ratios."""
        schema = self("sweeping.recipe").SweepRecipe
        return load_recipe(schema, FOLDER / f"{name}.yaml", overrides=("ratios=[0, 0.3, 0.7, 1]", *overrides))

    def run(self, corpus: Path, model: Path, output: Path, *overrides: str, **machine: Any) -> Any:
        """A whole sweep, its summary."""
        run_sweep = self("sweeping.sweep").run_sweep
        return run_sweep(self.recipe(*overrides), [corpus], model, output=output, machine=Machine(**machine))[1]

    def rewritten(
        self, corpus: Path, folder: Path, change: Callable[[Utterance], Utterance], card: Card | None = None
    ) -> Path:
        """A manifest of changed lines over the same audio."""
        write_manifest(folder / "manifest.jsonl", [change(one) for one in read_manifest(corpus)])
        write_card(folder, card or Card(name="changed"))
        return folder / "manifest.jsonl"


@pytest.fixture(scope="session")
def sweep() -> Iterator[Sweep]:
    """The sweep, importable."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(FOLDER))
        yield Sweep()
        for name in [name for name in sys.modules if name.split(".")[0] in ("sweeping", "mix_back_sweep")]:
            del sys.modules[name]


def tone(number: int, emotion: str) -> np.ndarray:
    """A buzz in bursts under noise; the emotion is in the pitch."""
    time = np.arange(8000) / RATE
    pitch = {"low": 170.0, "high": 400.0}[emotion] * (1.0 + 0.02 * (number % 5))
    bursts = np.clip(np.sin(2.0 * np.pi * 3.0 * time + number), 0.0, None)
    buzz = 0.1 * bursts * sum(np.sin(2.0 * np.pi * pitch * k * time) / k for k in (1, 2, 3))
    return buzz + 0.04 * np.random.default_rng(number).standard_normal(8000)


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A manifest of 8 utterances of 4 speakers a split, two classes."""
    folder, lines = tmp_path_factory.mktemp("sweep_corpus"), []
    for start, (split, count) in enumerate(SPLITS.items()):
        for number in range(count):
            emotion, item = ("low", "high")[number % 2], f"{split}{number}"
            soundfile.write(folder / f"{item}.flac", tone(100 * start + number, emotion), RATE)
            speaker = f"{split}-{number // 2}"
            labels = {"emotion": emotion}
            lines.append(Utterance(item, folder / f"{item}.flac", RATE, 8000, 0, speaker, split, labels))
    write_card(folder, Card(name="buzzes", synthetic=True, notes=("Buzzes, not speech.",)))
    write_manifest(folder / "manifest.jsonl", lines)
    return folder / "manifest.jsonl"


@pytest.fixture(scope="session")
def listener(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small emotion model, trained for a few seconds."""
    from merit_cli.workflows.train import TrainRecipe, run_train

    tree = {
        "model": {"name": "ser", "trunk_width": 16, "blstm_hidden": 8, "ser_hidden": 8},
        "backbone": {"name": "log-mel", "num_mels": 24, "hop_length": 320},
        "epochs": 6,
        "batch_size": 4,
        "optimiser": {"learning_rate": 5e-3, "warmup_steps": 1},
    }
    folder = tmp_path_factory.mktemp("sweep_listener") / "ser"
    run_train(TrainRecipe.model_validate(tree), corpus, output=folder, machine=Machine())
    return folder


@pytest.fixture(scope="session")
def breath(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A manifest of recordings with two cycles each, and an untrained classifier."""
    import torch

    from merit_cli.models.breath import BreathCnnConfig
    from merit_cli.workflows.classify_breath.model_folder import BreathModel, BreathModelCard, save_model

    folder, lines = tmp_path_factory.mktemp("sweep_breath"), []
    for split in ("dev", "test"):
        for number in range(4):
            path = folder / f"{split}{number}.wav"
            soundfile.write(path, tone(number, "low"), RATE)
            for cycle, label in enumerate(("normal", "wheeze")):
                item = f"{split}{number}__c{cycle}"
                labels = {"breath": label}
                lines.append(Utterance(item, path, RATE, 4000, 4000 * cycle, f"{split}-{number}", split, labels))
    write_manifest(folder / "manifest.jsonl", lines)
    config = BreathCnnConfig()
    with torch.random.fork_rng():
        torch.manual_seed(3)
        network = config.build(4).eval()
    card = BreathModelCard(
        classes=("normal", "crackle", "wheeze", "both"),
        model=config,
        fade=0.05,
        window=4.0,
        min_swing_db=0.0,
        min_probability=0.0,
        best_epoch=1,
        dev_score=0.5,
        corpus="tones",
        synthetic=True,
        train_patients=("somebody",),
    )
    save_model(folder / "breath", BreathModel(network, card))
    return folder / "manifest.jsonl", folder / "breath"
