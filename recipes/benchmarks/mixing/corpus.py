"""The corpus that every contestant mixes, made of the bundled sample, and the memory test's long noise.

Speech: clips of the sample in random order with short pauses, cut to 2-10 s, 16 kHz FLAC. Noise: clips of the
sample repeated with cross-fades to three minutes, half of them 48 kHz WAV (resampled, so nothing is heard
above 8 kHz; reading and resampling cost the same), half of them 16 kHz FLAC.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile
import soxr

from merit_cli.assets import bundled

RATE = 16000
WIDE_RATE = 48000
NUM_NOISES_EACH = 8
NOISE_SECONDS = 180
FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Corpus:
    """Where speech and noise lie, and how much speech there is."""

    speech: Path
    noise: Path
    seconds: float


def build_corpus(folder: Path, num_utterances: int) -> Corpus:
    """Write the corpus below a folder; the same bytes every time."""
    draw = np.random.default_rng(0)
    sample = bundled("data_manifests/sample")
    clips = _clips(sample / "speech")
    corpus = Corpus(folder / "speech", folder / "noise", 0.0)
    corpus.speech.mkdir(parents=True)
    corpus.noise.mkdir()
    seconds = 0.0
    for number in range(num_utterances):
        utterance = _utterance(clips, draw)
        seconds += utterance.size / RATE
        soundfile.write(corpus.speech / f"utterance{number:05d}.flac", utterance, RATE, subtype="PCM_16")
    noises = _clips(sample / "noise")
    for number in range(NUM_NOISES_EACH):
        wide, narrow = noises[2 * number], noises[2 * number + 1]
        long = soxr.resample(_repeated(wide, NOISE_SECONDS * RATE), RATE, WIDE_RATE)
        soundfile.write(corpus.noise / f"wide{number}.wav", long, WIDE_RATE, subtype="PCM_16")
        long = _repeated(narrow, NOISE_SECONDS * RATE)
        soundfile.write(corpus.noise / f"narrow{number}.flac", long, RATE, subtype="PCM_16")
    return Corpus(corpus.speech, corpus.noise, seconds)


def write_long_noise(path: Path, hours: float) -> None:
    """A 48 kHz WAV of some hours, written minute by minute."""
    clip = _clips(bundled("data_manifests/sample") / "noise")[0]
    minute = soxr.resample(_repeated(clip, 60 * RATE), RATE, WIDE_RATE)
    with soundfile.SoundFile(path, "w", WIDE_RATE, 1, subtype="PCM_16") as handle:
        for _ in range(round(hours * 60)):
            handle.write(minute)


def _clips(folder: Path) -> list[FloatArray]:
    return [soundfile.read(path, dtype="float32")[0] for path in sorted(folder.rglob("*.flac"))]


def _utterance(clips: Sequence[FloatArray], draw: np.random.Generator) -> FloatArray:
    wanted = int(draw.integers(2 * RATE, 10 * RATE))
    parts: list[FloatArray] = []
    while sum(part.size for part in parts) < wanted:
        parts.append(clips[draw.integers(len(clips))])
        parts.append(np.zeros(draw.integers(RATE // 10, RATE // 3), dtype=np.float32))
    whole = np.concatenate(parts)[:wanted]
    return np.asarray(whole * draw.uniform(0.3, 1.0), dtype=np.float32)


def _repeated(clip: FloatArray, num_samples: int) -> FloatArray:
    """A clip repeated, each end cross-faded into the next beginning."""
    fade = RATE // 20
    rise = np.sin(np.linspace(0.0, np.pi / 2, fade, dtype=np.float32))
    period = clip.size - fade
    whole = np.zeros(num_samples + clip.size, dtype=np.float32)
    shaped = clip.copy()
    shaped[:fade] *= rise
    shaped[-fade:] *= rise[::-1]
    for start in range(0, num_samples, period):
        whole[start : start + clip.size] += shaped
    return np.clip(whole[:num_samples], -1.0, 1.0)
