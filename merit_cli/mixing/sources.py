"""Reading speech and noise at the rate of a mix."""

from merit_cli.io.audio_file import Audio, FloatArray, read_audio
from merit_cli.io.audio_segment import read_segment_resampled
from merit_cli.manifests.utterance import Utterance
from merit_cli.mixing.recipe import MixRecipe


def source_length(source: Utterance, sample_rate: int) -> int:
    """Samples of a source at another rate."""
    return source.num_samples * sample_rate // source.sample_rate


def read_source(source: Utterance, recipe: MixRecipe) -> Audio:
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
    )


def read_part(source: Utterance, recipe: MixRecipe, start: int, num_samples: int) -> FloatArray:
    """``num_samples`` of a source from ``start``, both at the recipe's rate; only what is needed is decoded.

    Raises:
        BadData: It cannot be read.
    """
    return read_segment_resampled(
        source.audio,
        sample_rate=recipe.sample_rate,
        start=start,
        num_samples=num_samples,
        first=source.start,
        length=source.num_samples,
        from_rate=source.sample_rate,
        channels=recipe.channels,
    )


def is_as_written(source: Utterance, audio: Audio, recipe: MixRecipe) -> bool:
    """Whether the source's file, copied, is what the recipe would write of it: all of it, same format and encoding."""
    if audio.notes or audio.file is None or source.audio.suffix != f".{recipe.format}":
        return False
    return (audio.file.num_samples, audio.file.subtype) == (source.num_samples, recipe.encoding)
