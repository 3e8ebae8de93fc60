"""What the metrics are compared on: real voices in real noise, and drawn predictions."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from merit_cli.assets import bundled
from merit_cli.audio.snr import mix_at_snr
from merit_cli.io.audio_file import read_audio, resample

Array = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]
RATE = 16_000
PAIRS = (
    ("allison/cannot-complete-as-dialed", "machine/printer_3d", 15.0),
    ("june/vm-advopts", "wind/wind", 5.0),
)
"""Voice, noise, and whole-signal ratio in dB."""
LABELS = ("angry", "happy", "neutral", "sad")
NUM_ROWS, NUM_SPEAKERS = 2_000, 24


@dataclass(frozen=True)
class Pair:
    """Clean speech and the same in noise (N,), at 16 kHz and at 10 kHz."""

    name: str
    clean: Array
    noisy: Array
    clean_10k: Array
    noisy_10k: Array


def pairs() -> list[Pair]:
    """The pairs, mixed by RMS without any gain on the speech; noise is repeated where it is shorter."""
    return [_pair(voice, noise, snr_db) for voice, noise, snr_db in PAIRS]


def _pair(voice: str, noise: str, snr_db: float) -> Pair:
    folder = bundled("data_manifests/sample")
    clean = read_audio(folder / "speech" / f"{voice}.flac", sample_rate=RATE).samples
    sound = read_audio(folder / "noise" / f"{noise}.flac", sample_rate=RATE).samples
    mix = mix_at_snr(clean, np.resize(sound, clean.size), snr_db, sample_rate=RATE, level="rms")
    both = [np.asarray(one, dtype=np.float32) for one in (mix.clean, mix.noisy)]
    slow = [resample(one, RATE, 10_000).astype(np.float64) for one in both]
    name = f"{voice} + {noise}, {snr_db:g} dB"
    return Pair(name, both[0].astype(np.float64), both[1].astype(np.float64), slow[0], slow[1])


@dataclass(frozen=True)
class Predictions:
    """True classes (N,), probabilities (N, C), speakers (N,), and an attribute with its prediction (N,)."""

    truth: Codes
    probabilities: Array
    speakers: Codes
    attribute: Array
    predicted: Array


def predictions() -> Predictions:
    """Drawn with seed 0: four classes, of which the true one is favoured; an attribute from 1 to 7."""
    rng = np.random.default_rng(0)
    truth = rng.integers(0, len(LABELS), NUM_ROWS)
    logits = rng.standard_normal((NUM_ROWS, len(LABELS))) + 1.1 * np.eye(len(LABELS))[truth]
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    attribute = rng.uniform(1.0, 7.0, NUM_ROWS)
    predicted = 4.0 + 0.6 * (attribute - 4.0) + rng.standard_normal(NUM_ROWS)
    return Predictions(truth, probabilities, rng.integers(0, NUM_SPEAKERS, NUM_ROWS), attribute, predicted)
