"""The list of clips, and the mixes made of them: seven utterances in eight noises.

Everything is 16 kHz. Clips of a voice are joined without a gap; a noise that is shorter than the speech is
repeated. The ratio is that of root mean squares over the whole utterance. Nothing is random.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from merit_cli.assets import bundled
from merit_cli.io.audio_file import read_audio

FloatArray = npt.NDArray[np.float32]
SAMPLE_RATE = 16000
NOISES = (
    "applause/audience",
    "engine/old_bus",
    "jet/mach_jet",
    "machine/printer_3d",
    "saw/chainsaw",
    "steam/sauna",
    "traffic/truck",
    "wind/wind",
)
"""In data_manifests/sample/noise."""
BUNDLED = (
    ("allison", ("all-circuits-busy-now", "cannot-complete-as-dialed", "conf-hasleft")),
    ("carlo", ("call-fwd-unconditional", "conf-waitforleader", "confbridge-inc-list-vol-in")),
    ("ivrvoice", ("agent-newlocation", "call-forwarding", "conf-getchannel")),
    ("june", ("check-number-dial-again", "conf-muted", "demo-echodone")),
)
"""In data_manifests/sample/speech: the voice, and its clips."""
MORE_BUNDLED = (
    ("allison", ("conf-locked", "conf-nonextended", "conf-userswilljoin")),
    ("carlo", ("confbridge-invalid", "confbridge-removed", "pbx-parkingfailed")),
    ("ivrvoice", ("call-waiting", "conf-leaderhasleft", "conf-thereare")),
)
"""Taken where RAVDESS is not at hand."""
RAVDESS_ACTORS = (1, 2, 3)
RAVDESS_CLIPS = ("03-01-01-01-01-01", "03-01-01-01-02-01")
"""Both sentences, neutral, first repetition."""


@dataclass(frozen=True)
class Mix:
    """One utterance in one noise.

    Args:
        voice: Who speaks.
        noise: What sounds.
        clean: The speech (N,).
        noisy: The mixture (N,).
    """

    voice: str
    noise: str
    clean: FloatArray
    noisy: FloatArray


def speech() -> list[tuple[str, FloatArray]]:
    """Seven utterances: of four bundled voices and three of RAVDESS, or else three more of the bundled ones."""
    folder = bundled("data_manifests/sample") / "speech"
    voices = [(voice, _joined([folder / voice / f"{clip}.flac" for clip in clips])) for voice, clips in BUNDLED]
    shared = os.environ.get("MERIT_SHARED_DATA")
    if shared and (Path(shared) / "ravdess16k").is_dir():
        actors = [(f"actor {number}", Path(shared) / f"ravdess16k/Actor_{number:02}") for number in RAVDESS_ACTORS]
        return voices + [
            (name, _joined([place / f"{clip}-{name[6:]:0>2}.flac" for clip in RAVDESS_CLIPS])) for name, place in actors
        ]
    return voices + [
        (voice, _joined([folder / voice / f"{clip}.flac" for clip in clips])) for voice, clips in MORE_BUNDLED
    ]


def mixes(snr_db: float) -> Iterator[Mix]:
    """Every voice in every noise at a ratio."""
    folder = bundled("data_manifests/sample") / "noise"
    for voice, clean in speech():
        for name in NOISES:
            noise = np.resize(_joined([folder / f"{name}.flac"]), len(clean))
            gain = _rms(clean) / _rms(noise) * 10.0 ** (-snr_db / 20.0)
            yield Mix(voice, name, clean, (clean + np.float32(gain) * noise).astype(np.float32))


def _joined(paths: list[Path]) -> FloatArray:
    return np.concatenate([read_audio(path).samples for path in paths]).astype(np.float32)


def _rms(samples: FloatArray) -> float:
    return float(np.sqrt(np.mean(samples.astype(np.float64) ** 2)))
