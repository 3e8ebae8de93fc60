"""Rendering one planned mixture to files, and measuring what was written."""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from merit_cli.audio.levels import LevelName
from merit_cli.audio.snr import is_silent, measure_snr_db, mix_at_snr
from merit_cli.errors import BadData
from merit_cli.io.audio_file import FloatArray, read_audio, resample, write_audio
from merit_cli.manifests.utterance import Mixture, Utterance
from merit_cli.mixing.plan import PlannedMixture, generator_for
from merit_cli.mixing.recipe import MixRecipe

SNR_TOLERANCE_DB = 0.05
"""A written mixture further than this from its request is remarked on in the ledger."""
_NUM_DRAWS = 10
_LEVELS: tuple[LevelName, ...] = ("rms", "active", "p56")


class SilentSource(BadData):
    """Speech or noise is silent, so there is no ratio to set."""


@dataclass(frozen=True)
class RenderJob:
    """What a worker needs to render one mixture."""

    planned: PlannedMixture
    recipe: MixRecipe
    output: Path


@dataclass(frozen=True)
class Rendered:
    """A rendered mixture: its manifest line, its error and a remark where it is out of tolerance."""

    utterance: Utterance
    snr_error_db: float
    remark: str


def render(job: RenderJob) -> Rendered:
    """Write noisy, clean and, where asked, noise of one mixture, and measure the files.

    Raises:
        SilentSource: The speech is silent, or every drawn piece of the noise is.
        BadData: A source cannot be read.
        Unavailable: The output cannot be written.
    """
    planned, recipe = job.planned, job.recipe
    rate = recipe.sample_rate
    clean = _read(planned.speech, recipe)
    if is_silent(clean):
        raise SilentSource("the speech is silent", place=planned.speech.id)
    noise, noise_start = draw_noise(planned, recipe, clean.size)
    mix = mix_at_snr(clean, noise, planned.snr_db, sample_rate=rate, level=recipe.level)
    paths = {part: job.output / part / f"{planned.id}.{recipe.format}" for part in ("noisy", "clean", "noise")}
    write_audio(paths["noisy"], mix.noisy, rate, subtype=recipe.encoding)
    write_audio(paths["clean"], mix.clean, rate, subtype=recipe.encoding)
    if recipe.stems:
        write_audio(paths["noise"], mix.noise, rate, subtype=recipe.encoding)
    noisy_back, clean_back = read_audio(paths["noisy"]).samples, read_audio(paths["clean"]).samples
    measured = {
        level: measure_snr_db(noisy_back, clean_back, sample_rate=rate, level=level)
        for level in (_LEVELS if recipe.level != "rms" else ("rms",))
    }
    achieved = measured.pop(recipe.level)
    error = abs(achieved - planned.snr_db)
    remark = f"measured {achieved:.3f} dB for {planned.snr_db:g} dB: quantisation" if error > SNR_TOLERANCE_DB else ""
    done = Mixture(
        clean_id=planned.speech.id,
        noise_id=planned.noise.id,
        noise_class=planned.noise.info.get("noise_class", ""),
        snr_db=planned.snr_db,
        achieved_snr_db=round(achieved, 4),
        level=recipe.level,
        variant=planned.variant,
        noise_start=noise_start,
        gain=mix.gain,
        shared_gain=mix.shared_gain,
        seed=planned.seed,
        other_snr_db={level: round(value, 2) for level, value in measured.items() if math.isfinite(value)},
    )
    return Rendered(_line(job, paths, done, num_samples=clean.size), error, remark)


def _line(job: RenderJob, paths: dict[str, Path], mixture: Mixture, *, num_samples: int) -> Utterance:
    """The manifest line of a rendered mixture."""
    speech, noise = job.planned.speech, job.planned.noise
    stationary = {key: noise.info[key] for key in ("stationary",) if key in noise.info}
    return Utterance(
        id=job.planned.id,
        audio=paths["noisy"],
        clean=paths["clean"],
        noise=paths["noise"] if job.recipe.stems else None,
        sample_rate=job.recipe.sample_rate,
        num_samples=num_samples,
        speaker=speech.speaker,
        split=speech.split,
        labels=speech.labels,
        info={**speech.info, **stationary},
        mixture=mixture,
    )


def draw_noise(planned: PlannedMixture, recipe: MixRecipe, num_samples: int) -> tuple[FloatArray, int]:
    """A piece of the noise (num_samples,) at the recipe's rate, and where it starts.

    A piece that is silent is drawn again. A noise shorter than the speech is repeated from a drawn
    offset.

    Raises:
        SilentSource: Every drawn piece is silent.
    """
    generator = generator_for(planned.seed, "segment", planned.draw_key)
    total = planned.noise.num_samples * recipe.sample_rate // planned.noise.sample_rate
    whole = _read(planned.noise, recipe) if total < num_samples else None
    for _ in range(_NUM_DRAWS if recipe.segment == "random" else 1):
        last = total - num_samples if whole is None else whole.size - 1
        start = int(generator.integers(0, last + 1)) if recipe.segment == "random" and last > 0 else 0
        if whole is not None:
            piece = whole[np.arange(start, start + num_samples) % whole.size]
        else:
            piece = _read_piece(planned.noise, recipe, start, num_samples)
        if not is_silent(piece):
            return piece, start
    raise SilentSource("every drawn piece of the noise is silent", place=planned.noise.id)


def _read(source: Utterance, recipe: MixRecipe) -> FloatArray:
    audio = read_audio(
        source.audio,
        sample_rate=recipe.sample_rate,
        start=source.start,
        num_samples=source.num_samples,
        channels=recipe.channels,
    )
    return audio.samples


def _read_piece(source: Utterance, recipe: MixRecipe, start: int, num_samples: int) -> FloatArray:
    """Read and resample only what is needed: ``num_samples`` from ``start``, both at the recipe's rate."""
    from_rate, to_rate = source.sample_rate, recipe.sample_rate
    first = start * from_rate // to_rate
    wanted = min(-(-num_samples * from_rate // to_rate) + 1, source.num_samples - first)
    audio = read_audio(source.audio, start=source.start + first, num_samples=wanted, channels=recipe.channels)
    piece = resample(audio.samples, from_rate, to_rate)[:num_samples]
    return np.pad(piece, (0, num_samples - piece.size), mode="wrap") if piece.size < num_samples else piece
