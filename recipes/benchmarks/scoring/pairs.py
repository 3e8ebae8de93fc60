"""The pairs that every contestant scores: as many and as long as the test set of VoiceBank-DEMAND (Valentini 2017).

824 utterances of 1.2 to 9.8 s, 2.5 s on average, 16 kHz, made of the bundled voices in the bundled noises at 2.5, 7.5,
12.5 and 17.5 dB; the same bytes every time.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile
from scipy.special import ndtri

from merit_cli.assets import bundled

RATE = 16000
NUM_PAIRS = 824
SHORTEST_SECONDS, MEDIAN_SECONDS, LONGEST_SECONDS = 1.2, 2.36, 9.8
SPREAD = 0.36
"""Standard deviation of the logarithm of a duration, for a mean of 2.5 s."""
RATIOS_DB = (2.5, 7.5, 12.5, 17.5)
LEVEL = 0.05
FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class PairSet:
    """Folders of pairs of the same names, their ids, and the seconds of speech."""

    clean: Path
    noisy: Path
    ids: tuple[str, ...]
    seconds: float


def build_pairs(folder: Path, num_pairs: int) -> PairSet:
    """Write the pairs below a folder; of fewer than 824, durations spread as widely."""
    draw = np.random.default_rng(0)
    sample = bundled("data_manifests/sample")
    voices, noises = (_clips(sample / kind) for kind in ("speech", "noise"))
    made = PairSet(folder / "clean", folder / "noisy", tuple(f"p{n:04d}" for n in range(num_pairs)), 0.0)
    made.clean.mkdir(parents=True)
    made.noisy.mkdir()
    lengths = np.round(durations(num_pairs) * RATE).astype(int)
    for number, (name, length) in enumerate(zip(made.ids, draw.permutation(lengths), strict=True)):
        voice = _joined(voices, int(length), draw)
        noise = np.resize(noises[int(draw.integers(len(noises)))], length)
        gain = np.sqrt(np.mean(voice**2) / np.mean(noise**2)) * 10.0 ** (-RATIOS_DB[number % 4] / 20.0)
        soundfile.write(made.clean / f"{name}.wav", voice, RATE, subtype="PCM_16")
        soundfile.write(made.noisy / f"{name}.wav", np.clip(voice + gain * noise, -1.0, 1.0), RATE, subtype="PCM_16")
    return PairSet(made.clean, made.noisy, made.ids, float(lengths.sum()) / RATE)


def durations(num_pairs: int) -> FloatArray:
    """Seconds of each pair: evenly spaced quantiles of a log-normal distribution, and the longest.

    >>> found = durations(824)
    >>> len(found), round(found.min(), 1), round(found.mean(), 1), round(found.max(), 1)
    (824, 1.2, 2.5, 9.8)
    """
    quantiles = (np.arange(num_pairs) + 0.5) / num_pairs
    found = MEDIAN_SECONDS * np.exp(SPREAD * ndtri(quantiles))
    found[-1] = LONGEST_SECONDS
    return np.clip(found, SHORTEST_SECONDS, LONGEST_SECONDS)


def _clips(folder: Path) -> list[FloatArray]:
    return [soundfile.read(path)[0] for path in sorted(folder.rglob("*.flac"))]


def _joined(clips: list[FloatArray], length: int, draw: np.random.Generator) -> FloatArray:
    """Voices one after the other with short pauses, at one level."""
    parts: list[FloatArray] = []
    while sum(part.size for part in parts) < length:
        parts += [clips[int(draw.integers(len(clips)))], np.zeros(int(draw.integers(RATE // 10, RATE // 3)))]
    whole = np.concatenate(parts)[:length]
    return np.asarray(whole * (LEVEL / np.sqrt(np.mean(whole**2))))
