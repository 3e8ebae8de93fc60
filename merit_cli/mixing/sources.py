"""Reading speech and noise at the rate of a mix."""

import filecmp
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from merit_cli.io.audio_file import Audio, Channels, FloatArray, audio_info, read_audio
from merit_cli.io.audio_segment import read_segment_resampled
from merit_cli.manifests.utterance import Utterance
from merit_cli.mixing.recipe import MixRecipe

CHANNEL = "channel"
"""Key of ``info`` that says which channel of its file a source is, from 0."""


def source_length(source: Utterance, sample_rate: int) -> int:
    """Samples of a source at another rate."""
    return source.num_samples * sample_rate // source.sample_rate


def split_channels(sources: Iterable[Utterance]) -> Iterator[Utterance]:
    """Each source, or each channel of one that has several, its number in ``info`` and after ``__c`` in the id.

    A source that names a channel of its file is that channel already.

    Raises:
        BadData: A file cannot be read.
    """
    for source in sources:
        count = audio_info(source.audio).num_channels
        named = _named_channel(source)
        if count == 1 or (named is not None and named < count):
            yield source
        else:
            for number in range(count):
                yield replace(source, id=f"{source.id}__c{number}", info={**source.info, CHANNEL: str(number)})


def _named_channel(source: Utterance) -> int | None:
    """The number in ``info``; None where there is none, as other people's words for a channel are not."""
    name = source.info.get(CHANNEL, "")
    return int(name) if name.isdecimal() else None


def _channel(source: Utterance, recipe: MixRecipe) -> Channels:
    if recipe.channels == "each":
        return _named_channel(source) or 0
    return recipe.channels


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
        channels=_channel(source, recipe),
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
        channels=_channel(source, recipe),
    )


def share_samples(one: Utterance, other: Utterance) -> bool:
    """Whether two sources hold the same samples: of one channel of one file, or of a copy of it, byte for byte."""
    if one.start >= other.start + other.num_samples or other.start >= one.start + one.num_samples:
        return False
    if one.info.get(CHANNEL) != other.info.get(CHANNEL):
        return False
    return one.audio == other.audio or _are_copies(one.audio, other.audio)


def _are_copies(one: Path, other: Path) -> bool:
    size = _num_bytes(one)
    if size is None or size != _num_bytes(other):
        return False
    try:
        return filecmp.cmp(one, other, shallow=False)
    except OSError:  # it will be met again, and named, when it is read
        return False


@lru_cache(maxsize=65536)
def _num_bytes(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None


def is_as_written(source: Utterance, audio: Audio, recipe: MixRecipe) -> bool:
    """Whether the source's file, copied, is what the recipe would write of it: all of it, same format and encoding."""
    if audio.notes or audio.file is None or source.audio.suffix != f".{recipe.format}":
        return False
    return (audio.file.num_samples, audio.file.subtype) == (source.num_samples, recipe.encoding)
