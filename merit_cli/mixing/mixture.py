"""One mixture as arrays: the pure function behind rendered corpora and on-the-fly training alike.

Speech is distorted first where the recipe says so, then the noises are brought to one level, added
up and distorted, then scaled to the asked ratio against the speech as it is heard, then what is heard
is distorted as a whole, and last of all one gain brings every part below full scale.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from merit_cli.audio.levels import noise_power
from merit_cli.audio.snr import FloatArray, WideArray, is_silent, noise_gain, turn_down
from merit_cli.mixing.distortions.chain import (
    Parts,
    distort_noise,
    distort_noisy,
    distort_speech,
    draw_chain,
    keeps_ratio,
)
from merit_cli.mixing.distortions.contract import Drawn
from merit_cli.mixing.draws import Draws
from merit_cli.mixing.plan import PlannedMixture
from merit_cli.mixing.recipe import MixRecipe
from merit_cli.mixing.segments import SameSource, SilentSource, draw_piece, read_piece
from merit_cli.mixing.source_marks import check_mark
from merit_cli.mixing.sources import is_as_written, read_source, share_samples
from merit_cli.mixing.speech_detector import detected_power


@dataclass(frozen=True)
class Voice:
    """Speech ready to be mixed, measured once for all the mixtures it stands in.

    Args:
        heard_N: As it reaches the microphone.
        target_N: What a model should give back; the same unless the recipe distorts speech.
        power: Mean power of ``heard_N`` under the recipe's level.
        is_file: Whether the source's file holds ``target_N`` as the recipe would write it.
    """

    heard_N: WideArray
    target_N: WideArray
    power: float
    is_file: bool = False


@dataclass(frozen=True)
class Pieces:
    """The noise of a mixture, before it is scaled to a ratio.

    Args:
        sum_N: All pieces at one level, added up.
        power: Mean power of that under the recipe's level.
        starts: First sample of each at the mixture's rate.
        gains: What each was multiplied by; 1 for a single one.
    """

    sum_N: WideArray
    power: float
    starts: tuple[int, ...]
    gains: tuple[float, ...]


@dataclass(frozen=True)
class Scene:
    """A mixture before it has a ratio; the ratios of a grid share one.

    Args:
        voice: The speech.
        pieces: The noise.
        drawn: What is done to speech, noise and mixture.
    """

    voice: Voice
    pieces: Pieces
    drawn: tuple[Drawn, ...]

    @property
    def is_additive(self) -> bool:
        """Whether what is written is target plus noise, so that its ratio can be measured."""
        return keeps_ratio(self.drawn) and self.voice.heard_N is self.voice.target_N


@dataclass(frozen=True)
class Mixed:
    """A mixture (N,) as it is to be written, and how it came about.

    Args:
        noisy: What is heard.
        clean: The target.
        noise: The noise as it was added.
        gain: What `Pieces.sum_N` was multiplied by.
        shared_gain: What all parts were multiplied by at the end.
    """

    noisy: WideArray
    clean: WideArray
    noise: WideArray
    gain: float
    shared_gain: float


def read_voice(planned: PlannedMixture, recipe: MixRecipe) -> Voice:
    """The speech of a mixture as it was recorded, at the recipe's rate.

    Raises:
        SilentSource: It is silent.
        BadData: It cannot be read, or is not the one that was planned with.
    """
    for mark in planned.marks[:1]:
        check_mark(planned.speech.audio, mark)
    audio = read_source(planned.speech, recipe)
    if is_silent(audio.samples):
        raise SilentSource("the speech is silent", place=planned.speech.id)
    speech_N = audio.samples.astype(np.float64)
    power = power_of_speech(speech_N, recipe)
    return Voice(speech_N, speech_N, power, is_file=is_as_written(planned.speech, audio, recipe))


def power_of_speech(speech_N: WideArray | FloatArray, recipe: MixRecipe) -> float:
    """Mean power of speech under the recipe's level.

    Raises:
        Unavailable: The recipe's detector is not installed.
    """
    return detected_power(speech_N, recipe.sample_rate, recipe.level, detector=recipe.detector)


def set_scene(planned: PlannedMixture, recipe: MixRecipe, dry: Voice) -> Scene:
    """Voice, noise and distortions of a mixture, drawn, or as the plan says.

    Args:
        planned: The mixture.
        recipe: How to mix.
        dry: The speech as it was recorded.

    Raises:
        SameSource: A noise is the speech itself.
        SilentSource: Every drawn piece of a noise is too quiet, or a distortion left nothing.
        BadData: A noise or an impulse response cannot be read, or is not the one that was planned with.
    """
    for noise, mark in zip(planned.noises, planned.marks[1:], strict=False):  # no marks without a plan
        check_mark(noise.audio, mark)
    for noise in planned.noises:
        if share_samples(planned.speech, noise):
            hint = "keep the speech out of the noise, or give more noise"
            raise SameSource(f"the noise {noise.id!r} is the speech itself", place=planned.id, hint=hint)
    drawn = planned.distortions
    if drawn is None:
        drawn = draw_chain(recipe.distortions, Draws(planned.seed, "distortions", planned.draw_key).uniform)
    voice = dry
    if any(one.where == "speech" for one in drawn):
        heard_N, target_N = distort_speech(drawn, dry.heard_N, recipe.sample_rate)
        voice = Voice(heard_N, target_N, power_of_speech(heard_N, recipe))
    if voice.power <= 0.0:
        raise SilentSource("the speech has no power at the level of the ratio", place=planned.speech.id)
    return Scene(voice, _cut_noise(planned, recipe, drawn, voice.heard_N.size), drawn)


def _cut_noise(planned: PlannedMixture, recipe: MixRecipe, drawn: Sequence[Drawn], num_samples: int) -> Pieces:
    """The noise under ``num_samples`` of speech."""
    draws = Draws(planned.seed, "segment", planned.draw_key)
    pieces: list[FloatArray] = []
    starts: list[int] = []
    for number, noise in enumerate(planned.noises):
        if planned.starts is None:
            piece, start = draw_piece(noise, recipe, draws, num_samples)
        else:
            start = planned.starts[number]
            piece = read_piece(noise, recipe, start, num_samples)
        pieces.append(piece)
        starts.append(start)
    gains = _to_one_level(pieces, recipe)
    total = pieces[0].astype(np.float64)
    for piece, gain in zip(pieces[1:], gains[1:], strict=True):
        total += piece.astype(np.float64) * gain
    total = distort_noise(drawn, total, recipe.sample_rate)
    power = noise_power(total, recipe.sample_rate, recipe.level)
    if power <= 0.0:
        raise SilentSource("the noise has no power at the level of the ratio", place=planned.noises[0].id)
    return Pieces(total, power, tuple(starts), gains)


def _to_one_level(pieces: Sequence[FloatArray], recipe: MixRecipe) -> tuple[float, ...]:
    """Gains that bring every piece to the level of the first, rounded to float32."""
    if len(pieces) == 1:
        return (1.0,)
    powers = [noise_power(piece, recipe.sample_rate, recipe.level) for piece in pieces]
    return tuple(noise_gain(powers[0], power, 0.0) if power > 0.0 else 1.0 for power in powers)


def mix(scene: Scene, snr_db: float, *, sample_rate: int) -> Mixed:
    """The mixture at a ratio in dB."""
    voice, pieces = scene.voice, scene.pieces
    gain = noise_gain(voice.power, pieces.power, snr_db)
    noise = pieces.sum_N * gain
    parts = Parts(voice.heard_N + noise, voice.target_N, noise)
    if scene.drawn:
        parts = distort_noisy(scene.drawn, *parts, sample_rate)
    shared = turn_down(*parts)
    if shared != 1.0:
        parts = Parts(*(part * shared for part in parts))
    return Mixed(*parts, gain, shared)


def turned_down(mixed: Mixed, gain: float) -> Mixed:
    """The same mixture with every part at a lower level; the shared gain stays a float32."""
    shared = float(np.float32(mixed.shared_gain * gain))
    noisy, clean, noise = (part * (shared / mixed.shared_gain) for part in (mixed.noisy, mixed.clean, mixed.noise))
    return Mixed(noisy, clean, noise, mixed.gain, shared)


def mix_planned(planned: PlannedMixture, recipe: MixRecipe) -> Mixed:
    """One planned mixture, from its files to arrays.

    Raises:
        Unmixable: The speech is silent, or a noise is the speech itself, or every drawn piece of it is silent.
        BadData: A source cannot be read.
    """
    return mix(set_scene(planned, recipe, read_voice(planned, recipe)), planned.snr_db, sample_rate=recipe.sample_rate)
