"""One utterance of an enhancement run: from file to file."""

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Literal

import numpy as np
import numpy.typing as npt

from merit_cli.enhancers.contract import Engineering, Enhancer, EnhancerConfig
from merit_cli.errors import MeritError
from merit_cli.io.audio_file import PCM16_FULL_SCALE, Audio, audio_info, read_audio, resample, write_audio
from merit_cli.manifests.utterance import Utterance
from merit_cli.units import Seconds
from merit_cli.workflows.enhance.recipe import EnhanceRecipe

FloatArray = npt.NDArray[np.float32]

AUDIO_FOLDER = "enhanced"
"""Below a run's own."""


@dataclass(frozen=True)
class EnhanceJob:
    """What a worker needs to enhance one utterance."""

    utterance: Utterance
    recipe: EnhanceRecipe
    output: Path
    device: str = "cpu"


@dataclass(frozen=True)
class Enhanced:
    """An enhanced utterance: its manifest line, the seconds it took and a remark."""

    utterance: Utterance
    work_seconds: float
    remark: str


@dataclass(frozen=True)
class Made:
    """What an enhancer made of a file.

    Args:
        samples: (N,) of one channel, (N, channels) of several.
        sample_rate: In Hz.
        work_seconds: The enhancer's own.
    """

    samples: FloatArray
    sample_rate: int
    work_seconds: float


def enhance_utterance(job: EnhanceJob) -> Enhanced:
    """Enhance one utterance and write it under ``enhanced/``.

    Raises:
        BadData: The audio cannot be used.
        NoInput: The audio is gone.
        Unavailable: The output cannot be written.
    """
    source, recipe = job.utterance, job.recipe
    try:
        made = enhanced_audio(source.audio, recipe, device=job.device, start=source.start, length=source.num_samples)
    except MeritError as error:
        raise placed(error, source) from error
    return write_enhanced(job, made)


def placed(error: MeritError, source: Utterance) -> MeritError:
    """The error, which names the utterance where it names no other place."""
    return type(error)(error.message, place=error.place or source.id, hint=error.hint)


def write_enhanced(job: EnhanceJob, made: Made) -> Enhanced:
    """Write what was made of an utterance under ``enhanced/``.

    Raises:
        Unavailable: It cannot be written.
    """
    source, recipe = job.utterance, job.recipe
    path = job.output / AUDIO_FOLDER / f"{mirrored_name(source)}.{recipe.format}"
    write_audio(path, np.clip(made.samples, -1.0, 1.0), made.sample_rate, subtype=recipe.encoding)
    return Enhanced(_enhanced_line(source, recipe.enhancer, path, made), made.work_seconds, _remark(made.samples))


def mirrored_name(source: Utterance) -> str:
    """The file's place in the folder it was found in, without suffix; the id where its name says nothing of it.

    >>> mirrored_name(Utterance("a__b", Path("/in/a/b.wav"), 16000, 1))
    'a/b'
    >>> mirrored_name(Utterance("x__v0", Path("/mix/noisy/x__v0.flac"), 16000, 1))
    'x__v0'
    """
    parts = source.audio.with_suffix("").parts
    for count in range(1, len(parts)):
        if "__".join(parts[-count:]) == source.id:
            return str(PurePosixPath(*parts[-count:]))
    return source.id


def enhanced_audio(
    path: Path, recipe: EnhanceRecipe, *, device: str = "cpu", start: int = 0, length: int | None = None
) -> Made:
    """The enhanced samples of a file or of a segment of it, at the rate that the recipe asks for.

    Args:
        path: The file.
        recipe: How.
        device: Where the enhancer computes.
        start: First sample, at the file's own rate.
        length: Samples, at the file's own rate; None reads to the end.

    Raises:
        BadData: The audio cannot be used.
        NoInput: There is no such file.
        UsageError: The enhancer cannot compute so.
        Unavailable: The enhancer's weights, an extra or the device are missing.
    """
    enhancer = built_enhancer(recipe.enhancer, recipe.chunk, Engineering(device, recipe.precision))
    made: list[FloatArray] = []
    work_seconds, sample_rate = 0.0, 0
    for audio in read_channels(path, recipe, start=start, length=length):
        sample_rate = audio.sample_rate
        started = time.perf_counter()
        made.append(enhancer(audio.samples, sample_rate))
        work_seconds += time.perf_counter() - started
    return made_of(made, sample_rate, recipe, work_seconds)


def read_channels(path: Path, recipe: EnhanceRecipe, *, start: int, length: int | None) -> Iterator[Audio]:
    """What is enhanced of a file, one channel after the other.

    Raises:
        BadData: The audio cannot be used.
        NoInput: There is no such file.
    """
    wanted: Iterable[Literal["mix", "first"] | int]
    wanted = range(audio_info(path).num_channels) if recipe.channels == "each" else [recipe.channels]
    for channel in wanted:
        yield read_audio(path, start=start, num_samples=length, channels=channel)


def made_of(channels: Sequence[FloatArray], sample_rate: int, recipe: EnhanceRecipe, work_seconds: float) -> Made:
    """The enhanced channels (N,) of a file, at the rate that the recipe asks for."""
    assert channels, "a file has a channel"
    rate = sample_rate if recipe.rate == "keep" else recipe.rate
    at_rate = [resample(channel_N, sample_rate, rate) for channel_N in channels]
    return Made(at_rate[0] if len(at_rate) == 1 else np.stack(at_rate, axis=1), rate, work_seconds)


def _enhanced_line(source: Utterance, enhancer: EnhancerConfig, path: Path, made: Made) -> Utterance:
    """The manifest line of an enhanced file; references stay only where they are aligned with it."""
    line = replace(
        source,
        audio=path,
        start=0,
        sample_rate=made.sample_rate,
        num_samples=len(made.samples),
        noisy=source.noisy or source.audio,
        enhancer="+".join(filter(None, [source.enhancer, enhancer.name])),
    )
    is_whole = source.start == 0 and audio_info(source.audio).num_samples == source.num_samples
    is_aligned = is_whole and made.sample_rate == source.sample_rate
    return line if is_aligned else replace(line, noisy=None, clean=None, noise=None)


def _remark(enhanced: FloatArray) -> str:
    num_clipped = int(np.count_nonzero(np.abs(enhanced) > 1.0 - 0.5 / PCM16_FULL_SCALE))
    return f"{num_clipped} samples were clipped at full scale" if num_clipped else ""


@lru_cache(maxsize=1)
def built_enhancer(config: EnhancerConfig, chunk: Seconds, engineering: Engineering = Engineering()) -> Enhancer:
    """The enhancer of a config, built once in a process."""
    return config.build(chunk=chunk, engineering=engineering)
