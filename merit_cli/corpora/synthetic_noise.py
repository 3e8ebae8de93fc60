"""Noise clips made by rule, to train enhancers on more noises than were recorded."""

from pathlib import Path

import numpy as np

from merit_cli.audio.noise_sounds import everyday_noise
from merit_cli.corpora.prepared import PreparedCorpus
from merit_cli.errors import UsageError
from merit_cli.io.audio_file import write_audio
from merit_cli.manifests.read_write import Card
from merit_cli.manifests.utterance import Utterance

SAMPLE_RATE = 16000
NUM_CLIPS = 240
CLIP_SECONDS = 4.0
RMS, PEAK = 0.05, 0.9
NOISE_CLASS = "synthetic"
CARD = Card(
    name="synthetic-noise",
    description=(
        f"{NUM_CLIPS} clips of {CLIP_SECONDS:g} s at 16 kHz: noise of random colour with resonances, "
        "with hum and swell in about half of them."
    ),
    licence="Apache-2.0 (made by this program)",
    source="merit_cli.audio.noise_sounds",
    synthetic=True,
    notes=("Part of the noise was made by rule (synthetic-noise).",),
)


def prepare_synthetic_noise(raw: Path | None, output: Path) -> PreparedCorpus:
    """The clips, all for training.

    Raises:
        UsageError: A raw folder is given.
        Unavailable: The clips cannot be written.
    """
    if raw is not None:
        raise UsageError("synthetic-noise is made by rule and takes no folder", place=str(raw))
    return PreparedCorpus(synthetic_clips(output, NUM_CLIPS), CARD)


def synthetic_clips(output: Path, count: int) -> list[Utterance]:
    """The first ``count`` clips, all for training, below ``output/audio``; what is there is kept.

    Raises:
        Unavailable: They cannot be written.
    """
    num_samples = round(CLIP_SECONDS * SAMPLE_RATE)
    utterances = []
    for number in range(count):
        name = f"synthetic{number:03d}"
        path = output / "audio" / f"{name}.flac"
        if not path.exists():
            samples = RMS * everyday_noise(num_samples, SAMPLE_RATE, np.random.default_rng([0, number]))
            write_audio(path, samples * min(1.0, PEAK / float(np.max(np.abs(samples)))), SAMPLE_RATE)
        utterances.append(
            Utterance(name, path, SAMPLE_RATE, num_samples, split="train", info={"noise_class": NOISE_CLASS})
        )
    return utterances
