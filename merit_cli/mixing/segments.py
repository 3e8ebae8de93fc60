"""The piece of a noise that is heard under an utterance, read without decoding the rest.

A noise that is too short, or cut as a ``loop``, goes on from its end to its beginning: the last
``loop_fade`` seconds are cross-faded into the first (sine and cosine, so that the power of noise is
kept), and the noise repeats with a period that much shorter than itself. The first pass is untouched.
"""

from collections.abc import Callable
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from merit_cli.audio.levels import SILENCE_POWER, mean_power
from merit_cli.errors import BadData
from merit_cli.io.audio_file import FloatArray
from merit_cli.manifests.utterance import Utterance
from merit_cli.mixing.draws import Draws
from merit_cli.mixing.recipe import MixRecipe
from merit_cli.mixing.sources import CHANNEL, read_part, source_length
from merit_cli.units import db_to_power

_NUM_DRAWS = 10
_LOUD_HOP_SECONDS = 0.1
_LOUD_BLOCK_SECONDS = 60.0
_LOUD_NOISES_KEPT = 64
"""Noises whose energies are kept: 0.3 MB for an hour of noise."""
Reader = Callable[[int, int], FloatArray]
"""Samples of a noise from a start, at the rate of the mixture."""


class Unmixable(BadData):
    """There is nothing wrong with the files, but no mixture to be made of them: it is skipped."""


class SilentSource(Unmixable):
    """Speech or noise is silent, so there is no ratio to set."""


class SameSource(Unmixable):
    """The noise is the speech itself."""


def draw_piece(noise: Utterance, recipe: MixRecipe, draws: Draws, num_samples: int) -> tuple[FloatArray, int]:
    """A piece of the noise (num_samples,) at the recipe's rate, and where it starts.

    Raises:
        SilentSource: Every drawn piece is quieter than ``min_noise_dbfs``.
        BadData: The noise cannot be read.
    """
    total = source_length(noise, recipe.sample_rate)
    quiet = max(SILENCE_POWER, db_to_power(recipe.min_noise_dbfs))
    for _ in range(_NUM_DRAWS if recipe.segment in ("random", "loop") else 1):
        start = _draw_start(noise, recipe, draws, num_samples, total)
        piece = read_piece(noise, recipe, start, num_samples)
        if mean_power(piece) > quiet:
            return piece, start
    raise SilentSource("every drawn piece of the noise is silent", place=noise.id)


def _draw_start(noise: Utterance, recipe: MixRecipe, draws: Draws, num_samples: int, total: int) -> int:
    period = total - _fade_length(recipe, total)
    if recipe.segment == "start" or total <= 1:
        return 0
    if recipe.segment == "loud" and total > num_samples:
        return _loudest_start(noise, recipe, num_samples, total)
    if recipe.segment == "random" and total >= num_samples:
        return draws.integer(total - num_samples + 1)
    return 0 if recipe.segment == "loud" else draws.integer(period)


def read_piece(noise: Utterance, recipe: MixRecipe, start: int, num_samples: int) -> FloatArray:
    """``num_samples`` of a noise from ``start``, both at the recipe's rate, repeated where it ends."""
    total = source_length(noise, recipe.sample_rate)

    def read(first: int, count: int) -> FloatArray:
        return read_part(noise, recipe, first, count)

    if start + num_samples <= total:
        return read(start, num_samples)
    return _looped(read, start, num_samples, total=total, fade=_fade_length(recipe, total))


def _looped(read: Reader, start: int, num_samples: int, *, total: int, fade: int) -> FloatArray:
    """The piece of a repeated noise; only the parts of it that are needed are read."""
    period = total - fade
    first = read(start, total - start)  # ends with the fade
    left = num_samples - (period - start)
    head = read(0, min(period, max(left, fade)))
    again = np.concatenate([_cross_fade(first[period - start :], head[:fade]), head[fade:]])
    repeats = -(-left // again.size)  # more than one only of a whole period
    return np.concatenate([first[: period - start], np.tile(again, repeats)])[:num_samples]


def _cross_fade(tail: FloatArray, head: FloatArray) -> FloatArray:
    angle = (np.arange(tail.size) + 0.5) / tail.size * (np.pi / 2)
    return (tail * np.cos(angle) + head * np.sin(angle)).astype(np.float32)


def _fade_length(recipe: MixRecipe, total: int) -> int:
    return min(round(recipe.loop_fade * recipe.sample_rate), total // 4)


def _loudest_start(noise: Utterance, recipe: MixRecipe, num_samples: int, total: int) -> int:
    """Start of the piece with the most energy, on a grid of .1 s; the first of equals."""
    hop = max(1, round(_LOUD_HOP_SECONDS * recipe.sample_rate))
    energy = np.concatenate([[0.0], np.cumsum(_hop_energies(_Whole(noise, recipe), hop, total))])
    width = max(1, -(-num_samples // hop))
    if energy.size <= width:
        return 0
    return min(int(np.argmax(energy[width:] - energy[:-width])) * hop, total - num_samples)


class _Whole:
    """A noise as a recipe reads it; equal to another that is read from the same samples."""

    def __init__(self, noise: Utterance, recipe: MixRecipe) -> None:
        self.noise, self.recipe = noise, recipe
        self.samples = (noise.audio, noise.start, noise.num_samples, noise.info.get(CHANNEL))
        self.reading = (recipe.sample_rate, recipe.channels)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Whole) and (self.samples, self.reading) == (other.samples, other.reading)

    def __hash__(self) -> int:
        return hash((self.samples, self.reading))


@lru_cache(maxsize=_LOUD_NOISES_KEPT)
def _hop_energies(whole: _Whole, hop: int, total: int) -> npt.NDArray[np.float64]:
    """Energy of each .1 s of a noise, decoded block by block, once for all its mixtures."""
    block = round(_LOUD_BLOCK_SECONDS * whole.recipe.sample_rate) // hop * hop
    energies = []
    for first in range(0, total, block):
        part = read_part(whole.noise, whole.recipe, first, min(block, total - first)).astype(np.float64)
        part = np.pad(part, (0, -part.size % hop))
        energies.append(np.add.reduce(np.square(part).reshape(-1, hop), axis=1))
    return np.concatenate(energies)
