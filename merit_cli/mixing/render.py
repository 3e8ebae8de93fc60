"""Rendering the mixtures of one utterance to files, and measuring what was written."""

import math
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from merit_cli.audio.levels import LevelName, noise_power, speech_power
from merit_cli.audio.snr import FloatArray, WideArray, power_ratio_db
from merit_cli.errors import MeritError, Unavailable
from merit_cli.io.atomic import atomic_path
from merit_cli.io.audio_file import read_audio, write_audio
from merit_cli.manifests.mixture import Mixture, NoiseUse
from merit_cli.manifests.utterance import Utterance
from merit_cli.mixing.mixture import Mixed, Pieces, Voice, cut_noise, make_voice, mix, read_speech
from merit_cli.mixing.noise_pools import noise_class
from merit_cli.mixing.plan import PlannedMixture
from merit_cli.mixing.recipe import MixRecipe

SNR_TOLERANCE_DB = 0.05
"""A written mixture further than this from its request is remarked on in the ledger."""


@dataclass(frozen=True)
class RenderJob:
    """What a worker needs to render the mixtures of one utterance.

    Args:
        mixtures: All of the same speech.
        recipe: How to mix.
        output: Gets ``noisy/``, ``clean/`` and, where asked, ``noise/``.
    """

    mixtures: tuple[PlannedMixture, ...]
    recipe: MixRecipe
    output: Path


@dataclass(frozen=True)
class Rendered:
    """A rendered mixture: its manifest line, its error and a remark where it is out of tolerance."""

    utterance: Utterance
    snr_error_db: float
    remark: str


def render(job: RenderJob) -> tuple[Rendered | MeritError, ...]:
    """Each mixture of the job written and measured, or why it could not be made.

    The speech is read, measured and, as long as no mixture has to be turned down, encoded once.

    Raises:
        Unavailable: The output cannot be written.
    """
    try:
        voice = make_voice(read_speech(job.mixtures[0], job.recipe), job.recipe)
    except Unavailable:
        raise
    except MeritError as error:
        return (error,) * len(job.mixtures)
    bench = _Bench(job, voice)
    results: list[Rendered | MeritError] = []
    for planned in job.mixtures:
        try:
            results.append(bench.render(planned))
        except Unavailable:
            raise
        except MeritError as error:
            results.append(error)
    return tuple(results)


class _Bench:
    """What the mixtures of one utterance share: the voice, the last noise, and clean files by gain."""

    def __init__(self, job: RenderJob, voice: Voice) -> None:
        self.job, self.recipe, self.voice = job, job.recipe, voice
        self.key, self.pieces = "", None  # type: tuple[str, Pieces | None]
        self.clean_files: dict[float, tuple[Path, FloatArray, float]] = {}
        self.levels = self._levels(voice.heard_N, "speech") if self.recipe.levels_report else {}

    def render(self, planned: PlannedMixture) -> Rendered:
        recipe = self.recipe
        if self.pieces is None or planned.draw_key != self.key:
            self.pieces, self.key = cut_noise(planned, recipe, self.voice.heard_N.size), planned.draw_key
        mixed = mix(self.voice, self.pieces, planned.snr_db)
        paths = {part: self.job.output / part / f"{planned.id}.{recipe.format}" for part in ("noisy", "clean", "noise")}
        write_audio(paths["noisy"], mixed.noisy, recipe.sample_rate, subtype=recipe.encoding)
        if recipe.stems:
            write_audio(paths["noise"], mixed.noise, recipe.sample_rate, subtype=recipe.encoding)
        clean_back, clean_power = self._write_clean(paths["clean"], mixed)
        noisy_back = read_audio(paths["noisy"]).samples
        residual: WideArray = np.subtract(noisy_back, clean_back, dtype=np.float64)
        achieved = power_ratio_db(clean_power, noise_power(residual, recipe.sample_rate, recipe.level))
        error = abs(achieved - planned.snr_db)
        remark = (
            f"measured {achieved:.3f} dB for {planned.snr_db:g} dB: quantisation" if error > SNR_TOLERANCE_DB else ""
        )
        done = self._record(planned, mixed, self.pieces, achieved, residual)
        return Rendered(self._line(planned, paths, done), error, remark)

    def _write_clean(self, path: Path, mixed: Mixed) -> tuple[FloatArray, float]:
        """Write the clean file, or copy one of the same gain; what it holds, and its power."""
        known = self.clean_files.get(mixed.shared_gain)
        if known is not None:
            with atomic_path(path) as temporary:
                shutil.copyfile(known[0], temporary)
            return known[1], known[2]
        recipe = self.recipe
        write_audio(path, mixed.clean, recipe.sample_rate, subtype=recipe.encoding)
        back = read_audio(path).samples
        power = speech_power(back, recipe.sample_rate, recipe.level)
        self.clean_files[mixed.shared_gain] = (path, back, power)
        return back, power

    def _record(
        self, planned: PlannedMixture, mixed: Mixed, pieces: Pieces, achieved: float, residual: WideArray
    ) -> Mixture:
        first, *more = (
            NoiseUse(noise.id, noise_class(noise), start, mixed.gain * gain)
            for noise, start, gain in zip(planned.noises, pieces.starts, pieces.gains, strict=True)
        )
        others: tuple[LevelName, ...] = () if self.recipe.level == "rms" else ("rms",)
        rate = self.recipe.sample_rate
        other_snr_db = {
            level: power_ratio_db(speech_power(mixed.clean, rate, level), noise_power(residual, rate, level))
            for level in others
        }
        return Mixture(
            clean_id=planned.speech.id,
            noise_id=first.noise_id,
            noise_class="+".join(dict.fromkeys(use.noise_class for use in (first, *more))),
            snr_db=planned.snr_db,
            achieved_snr_db=round(achieved, 4),
            level=self.recipe.level,
            variant=planned.variant,
            noise_start=first.noise_start,
            gain=first.gain,
            shared_gain=mixed.shared_gain,
            seed=planned.seed,
            other_snr_db={level: round(value, 2) for level, value in other_snr_db.items() if math.isfinite(value)},
            noise_set="" if planned.noise_set == "any" else planned.noise_set,
            more_noises=tuple(more),
            levels={**self.levels, **self._levels(mixed.noise, "noise")} if self.recipe.levels_report else {},
        )

    def _levels(self, samples: WideArray, kind: str) -> dict[str, float]:
        from merit_cli.audio.levels import measure_levels

        measured = measure_levels(samples, self.recipe.sample_rate, kind=kind)  # type: ignore[arg-type]
        return {f"{kind}_{name}": round(value, 2) for name, value in measured.items() if math.isfinite(value)}

    def _line(self, planned: PlannedMixture, paths: dict[str, Path], mixture: Mixture) -> Utterance:
        """The manifest line of a rendered mixture."""
        speech = planned.speech
        stationary = {noise.info["stationary"] for noise in planned.noises if "stationary" in noise.info}
        return Utterance(
            id=planned.id,
            audio=paths["noisy"],
            clean=paths["clean"],
            noise=paths["noise"] if self.recipe.stems else None,
            sample_rate=self.recipe.sample_rate,
            num_samples=self.voice.heard_N.size,
            speaker=speech.speaker,
            split=speech.split,
            labels=speech.labels,
            info={**speech.info, **({"stationary": stationary.pop()} if len(stationary) == 1 else {})},
            mixture=mixture,
        )
