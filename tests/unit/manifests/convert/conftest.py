"""A manifest with every field that one can have, on real audio files."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from merit_cli.manifests.mixture import Mixture
from merit_cli.manifests.read_write import Card, write_card, write_manifest
from merit_cli.manifests.utterance import Utterance

MIXTURE = Mixture("a", "n7", "rain", -5.0, -5.01, "rms", 0, 3120, 0.41, 1.0, 17, levels={"speech_rms": -21.5})


def _write_noise(path: Path, num_samples: int, sample_rate: int = 16000, *, seed: int = 0) -> Path:
    """White noise in a file of 16 bits."""
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, 0.1 * np.random.default_rng(seed).standard_normal(num_samples), sample_rate)
    return path


@pytest.fixture(name="write_noise")
def give_write_noise() -> Callable[..., Path]:
    """A function that writes white noise."""
    return _write_noise


@pytest.fixture
def rich(tmp_path: Path) -> Path:
    """A merit manifest of six utterances: whole files, segments of one file, all splits, awkward values."""
    audio = tmp_path / "raw audio"
    long = _write_noise(audio / "sub" / "long.wav", 48001, seed=1)
    clean, noisy = (_write_noise(audio / f"{name}.flac", 16000, seed=2) for name in ("clean", "noisy"))
    plain = Utterance("sub__long", long, 16000, 48001, speaker="s1", split="train", transcript="two  spaces,\na comma")
    utterances = [
        plain,
        replace(
            plain, id="first half", num_samples=24000, labels={"emotion": "angry", "arousal": 4.5, "p_angry": 0.75}
        ),
        replace(plain, id="second__1", start=24000, num_samples=24001, labels={"emotion": "3", "style": "lively"}),
        Utterance("mixed", noisy, 16000, 16000, split="dev", clean=clean, noise=clean, mixture=MIXTURE),
        Utterance("enhanced", clean, 16000, 16000, split="dev", noisy=noisy, enhancer="mmse-lsa", speaker="enhanced2"),
        Utterance(
            "odd",
            _write_noise(audio / "8k.wav", 4001, 8000),
            8000,
            4001,
            transcript="ja",
            transcript_source="human",
            info={"device": "mic 2", "text": "taken", "emotion": "taken", "count": "json:5", "empty": "", "dur": "x"},
        ),
    ]
    folder = tmp_path / "merit"
    write_manifest(folder / "manifest.jsonl", utterances)
    write_card(folder, Card(name="rich", licence="CC0", notes=("made up",)))
    return folder
