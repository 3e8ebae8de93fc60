"""Recordings as they are cut: at the model's rate, enhanced where they are to be; whole, or block by block."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from merit_cli.enhancers.contract import Enhancer, EnhancerConfig
from merit_cli.enhancers.long_signals import STRETCH, enhanced_blocks
from merit_cli.io.audio_blocks import mono_blocks
from merit_cli.io.audio_file import FloatArray, Resampler, audio_info, read_audio, resample

ENHANCE_RATE = 16000
"""Recordings are enhanced at this rate in Hz, whatever their own (Tzeng et al. 2025)."""


@dataclass(frozen=True)
class CutSettings:
    """How recordings become clips.

    Args:
        sample_rate: Of the clips, in Hz.
        num_samples: Of each clip.
        fade: Cross-fade of repetitions, in samples.
        enhancer: Applied to whole recordings first; None leaves them as they are.
    """

    sample_rate: int
    num_samples: int
    fade: int
    enhancer: EnhancerConfig | None = None


def recording_blocks(audio: Path, settings: CutSettings) -> Iterator[FloatArray]:
    """A recording at the rate of ``settings``, enhanced where it is to be, in blocks (N,).

    One of at most ten minutes is one block. A longer one gives the same to rounding, but for the joins of
    an enhancer that wants the whole signal (`enhancers.long_signals`).

    Raises:
        NoInput: There is no such file.
        BadData: It cannot be read.
    """
    if audio_info(audio).duration <= STRETCH:
        yield _whole(audio, settings)
    elif settings.enhancer is None:
        yield from mono_blocks(audio, sample_rate=settings.sample_rate)
    else:
        enhancer, back = _enhancer(settings.enhancer), Resampler(ENHANCE_RATE, settings.sample_rate)
        for block_N in enhanced_blocks(enhancer, lambda: mono_blocks(audio, sample_rate=ENHANCE_RATE), ENHANCE_RATE):
            yield back(block_N)
        yield back(np.zeros(0, dtype=np.float32), last=True)


def _whole(audio: Path, settings: CutSettings) -> FloatArray:
    if settings.enhancer is None:
        return read_audio(audio, sample_rate=settings.sample_rate).samples
    noisy_N = read_audio(audio, sample_rate=ENHANCE_RATE).samples
    return resample(_enhancer(settings.enhancer)(noisy_N, ENHANCE_RATE), ENHANCE_RATE, settings.sample_rate)


@lru_cache(maxsize=2)
def _enhancer(config: EnhancerConfig) -> Enhancer:
    return config.build()
