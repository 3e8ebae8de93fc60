"""The pairs that all contestants mix: what ours drew, read from its manifest; and what came of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile
from mixing.corpus import RATE

from merit_cli.manifests.read_write import read_manifest


@dataclass(frozen=True)
class Pair:
    """One mixture: files, ratio, and the noise segment (start at 16 kHz, length of the speech).

    Args:
        id: Of the mixture.
        speech: Clean file.
        noise: Noise file.
        noise_rate: Its rate in Hz.
        noise_length: Its samples at its own rate.
        snr_db: Wanted ratio, of whole RMS levels.
        start: First sample of the noise, at 16 kHz.
        num_samples: Of the mixture.
    """

    id: str
    speech: Path
    noise: Path
    noise_rate: int
    noise_length: int
    snr_db: float
    start: int
    num_samples: int

    @property
    def own_start(self) -> int:
        """First sample of the noise at its own rate."""
        return self.start * self.noise_rate // RATE

    @property
    def own_length(self) -> int:
        """Samples of the noise at its own rate that the segment needs."""
        wanted = -(-self.num_samples * self.noise_rate // RATE)
        return min(wanted, self.noise_length - self.own_start)


class Outcome(NamedTuple):
    """What a contestant wrote: its worst SNR error in dB, and how many noisy files touch full scale."""

    worst_error_db: float
    clipped: int


def read_pairs(run: Path) -> list[Pair]:
    """The pairs that a finished mix used."""
    speech = {one.id: one for one in read_manifest(run / "sources" / "speech.jsonl")}
    noise = {one.id: one for one in read_manifest(run / "sources" / "noise.jsonl")}
    pairs = []
    for line in read_manifest(run / "manifest.jsonl"):
        made = line.mixture
        assert made is not None, line.id
        source = noise[made.noise_id]
        clean = speech[made.clean_id].audio
        how = (source.audio, source.sample_rate, source.num_samples, made.snr_db, made.noise_start, line.num_samples)
        pairs.append(Pair(line.id, clean, *how))
    return pairs


def outcome(folder: Path, pairs: Sequence[Pair]) -> Outcome:
    """Measure what was written, by whole RMS; not part of any time."""
    worst, clipped = 0.0, 0
    for pair in pairs:
        noisy = soundfile.read(folder / "noisy" / f"{pair.id}.flac", dtype="float64")[0]
        clean = soundfile.read(folder / "clean" / f"{pair.id}.flac", dtype="float64")[0]
        ratio_db = 10.0 * np.log10(np.mean(clean**2) / np.mean((noisy - clean) ** 2))
        worst = max(worst, abs(float(ratio_db) - pair.snr_db))
        clipped += bool(noisy.max() >= 1.0 - 1.5 / 32768 or noisy.min() <= -1.0)
    return Outcome(worst, clipped)
