"""A tiny noisy corpus with labels, for training, prediction and data."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from merit_cli.manifests.read_write import Card, write_card, write_manifest
from merit_cli.manifests.utterance import Mixture, Utterance

RATE = 16_000
COUNTS = {"train": 12, "dev": 4, "test": 4}


def _render(folder: Path, split: str, number: int, generator: np.random.Generator) -> Utterance:
    """A gliding tone in bursts under white noise; the class is in the pitch."""
    emotion = ("low", "high")[number % 2]
    num_samples = 6400 + 800 * (number % 5)
    time = np.arange(num_samples) / RATE
    pitch = (180.0 if emotion == "low" else 420.0) * (1.0 + 0.02 * number)
    bursts = np.clip(np.sin(2.0 * np.pi * 3.0 * time + number), 0.0, None)
    clean = 0.1 * bursts * sum(np.sin(2.0 * np.pi * pitch * k * time) / k for k in (1, 2, 3))
    noisy = clean + 0.05 * generator.standard_normal(num_samples)
    name = f"{split}{number:02d}"
    for part, samples in (("noisy", noisy), ("clean", clean)):
        (folder / part).mkdir(exist_ok=True)
        soundfile.write(folder / part / f"{name}.wav", samples, RATE, subtype="FLOAT")
    return Utterance(
        id=name,
        audio=folder / "noisy" / f"{name}.wav",
        clean=folder / "clean" / f"{name}.wav",
        sample_rate=RATE,
        num_samples=num_samples,
        speaker=f"{split}-speaker{number % 3}",
        split=split,
        labels={"emotion": emotion},
        info={"stationary": "yes"},
        mixture=Mixture(f"{name}-clean", f"{split}-noise", "white", 0.0, 0.0, "rms", 0, 0, 1.0, 1.0, 0),
    )


@pytest.fixture(scope="session")
def noisy_corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a manifest with 12 train, 4 dev and 4 test mixtures of 0.4 to 0.6 s, two classes."""
    folder = tmp_path_factory.mktemp("noisy_corpus")
    generator = np.random.default_rng(11)
    lines = [_render(folder, split, number, generator) for split, count in COUNTS.items() for number in range(count)]
    write_manifest(folder / "manifest.jsonl", lines)
    write_card(folder, Card(name="tones", licence="CC0-1.0", synthetic=True, notes=("Tones, not speech.",)))
    return folder


@pytest.fixture(scope="session")
def noisy_utterances(noisy_corpus: Path) -> list[Utterance]:
    """The lines of `noisy_corpus`."""
    from merit_cli.manifests.read_write import read_manifest

    return [replace(utterance) for utterance in read_manifest(noisy_corpus / "manifest.jsonl")]


@pytest.fixture(scope="session")
def mixed_corpus(noisy_corpus: Path, noise_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished mix of the clean signals of `noisy_corpus`, with its sources."""
    from merit_cli.manifests.read_write import read_manifest
    from merit_cli.mixing.recipe import MixRecipe
    from merit_cli.workers import Machine
    from merit_cli.workflows.mix import plan_mix, run_mix

    folder = tmp_path_factory.mktemp("mixed_corpus")
    lines = [
        replace(line, audio=line.clean, clean=None, mixture=None)
        for line in read_manifest(noisy_corpus / "manifest.jsonl")
        if line.clean is not None
    ]
    write_manifest(folder / "clean.jsonl", lines)
    plan = plan_mix(MixRecipe(snr="0:5"), [folder / "clean.jsonl"], [noise_folder], machine=Machine())  # type: ignore[arg-type]
    run_mix(plan, output=folder / "mix", machine=Machine())
    return folder / "mix"
