"""Reading speech and noise at the rate of a mix."""

import numpy as np

from merit_cli.io.audio_file import FloatArray, read_audio, resample
from merit_cli.manifests.utterance import Utterance
from merit_cli.mixing.recipe import MixRecipe


def source_length(source: Utterance, sample_rate: int) -> int:
    """Samples of a source at another rate."""
    return source.num_samples * sample_rate // source.sample_rate


def read_source(source: Utterance, recipe: MixRecipe) -> FloatArray:
    """All of a source (N,) at the recipe's rate.

    Raises:
        BadData: It cannot be read.
    """
    return read_audio(
        source.audio,
        sample_rate=recipe.sample_rate,
        start=source.start,
        num_samples=source.num_samples,
        channels=recipe.channels,
    ).samples


def read_part(source: Utterance, recipe: MixRecipe, start: int, num_samples: int) -> FloatArray:
    """``num_samples`` of a source from ``start``, both at the recipe's rate; only what is needed is decoded.

    Raises:
        BadData: It cannot be read.
    """
    from_rate, to_rate = source.sample_rate, recipe.sample_rate
    first = start * from_rate // to_rate
    wanted = min(-(-num_samples * from_rate // to_rate) + 1, source.num_samples - first)
    audio = read_audio(source.audio, start=source.start + first, num_samples=wanted, channels=recipe.channels)
    part = resample(audio.samples, from_rate, to_rate)[:num_samples]
    return np.pad(part, (0, num_samples - part.size), mode="edge") if part.size < num_samples else part
