"""Every kind of distortion with settings that need no network, and sounds to try them on."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import soundfile

from merit_cli.config.frozen import FrozenConfig
from merit_cli.mixing.distortions.config import Distortion
from merit_cli.mixing.distortions.contract import DistortionConfig, WideArray


class Chain(FrozenConfig):
    """A recipe of nothing but a chain."""

    distortions: tuple[Distortion, ...] = ()


LINKS: tuple[dict[str, Any], ...] = (
    {"name": "reverb"},
    {"name": "room", "rt60": 0.25},
    {"name": "band_limit", "low_hz": [50, 300], "high_hz": [2000, 3400]},
    {"name": "resample", "to_rate": [4000, 6000]},
    {"name": "stethoscope"},
    {"name": "clip", "peak_share": [0.2, 0.5]},
    {"name": "clip", "level_dbfs": -20, "shape": "soft"},
    *({"name": "codec", "codecs": codec} for codec in ("mp3", "vorbis", "opus", "ulaw", "alaw", "gsm")),
    {"name": "packet_loss", "loss": 0.3},
    {"name": "packet_loss", "loss": 0.3, "burst": 3, "concealment": "repeat"},
    {"name": "gain"},
)
"""One link a kind or more; reverb still lacks its files."""


def chirp(num_samples: int, sample_rate: int) -> WideArray:
    """A tone that rises from 100 Hz to a fifth of the rate, with a swelling loudness."""
    time = np.arange(num_samples) / sample_rate
    end = num_samples / sample_rate
    phase = 2.0 * np.pi * (100.0 * time + (0.2 * sample_rate - 100.0) * time * time / (2.0 * end))
    return 0.3 * np.sin(phase) * (0.3 + 0.7 * np.sin(np.pi * time / end) ** 2)


def lag(first: npt.NDArray[np.float64], second: npt.NDArray[np.float64]) -> int:
    """Samples by which ``second`` comes later."""
    from scipy.signal import fftconvolve

    return int(np.argmax(fftconvolve(second, first[::-1]))) - (first.size - 1)


def write_response(path: Path, taps: npt.NDArray[np.float64], sample_rate: int) -> Path:
    """An impulse response in a file of floats."""
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, taps, sample_rate, subtype="FLOAT")
    return path


def write_responses(folder: Path) -> Path:
    """A folder of two decaying impulse responses at 16 kHz."""
    generator = np.random.default_rng(3)
    for name, delay in (("near/a.wav", 40), ("far/b.wav", 170)):
        taps = np.zeros(3000)
        taps[delay:] = 0.03 * generator.standard_normal(3000 - delay) * np.exp(-np.arange(3000 - delay) / 600)
        taps[delay] = 1.0
        write_response(folder / name, taps, 16000)
    return folder


def make_link(link: dict[str, Any], folder: Path) -> DistortionConfig:
    """A link's config from what a recipe would say; impulse responses are written to a folder."""
    if link["name"] == "room" and find_spec("pyroomacoustics") is None:
        pytest.skip("needs the extra room (pyroomacoustics)")
    files = {"files": str(write_responses(folder))} if link["name"] == "reverb" else {}
    return Chain.model_validate({"distortions": [{**link, **files}]}).distortions[0]
