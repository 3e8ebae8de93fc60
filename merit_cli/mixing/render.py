"""Rendering the mixtures of one utterance to files, and measuring what was written."""

import math
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from merit_cli.audio.levels import mean_power, measure_levels, noise_power
from merit_cli.audio.snr import PEAK_LIMIT, FloatArray, WideArray, power_ratio_db
from merit_cli.errors import MeritError, Unavailable
from merit_cli.io.atomic import atomic_path
from merit_cli.io.audio_file import read_audio, write_audio
from merit_cli.manifests.mixture import Mixture, NoiseUse
from merit_cli.manifests.utterance import Utterance
from merit_cli.mixing.mixture import Mixed, Scene, Voice, mix, power_of_speech, read_voice, set_scene, turned_down
from merit_cli.mixing.noise_pools import noise_class
from merit_cli.mixing.plan import PlannedMixture
from merit_cli.mixing.recipe import MixRecipe
from merit_cli.mixing.segments import SilentSource

SNR_TOLERANCE_DB = 0.05
"""A written mixture further than this from its request is remarked on in the ledger."""

_LOSSY_TRIES = 8
"""The second has sufficed for noise at full scale."""


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
        dry = read_voice(job.mixtures[0], job.recipe)
    except Unavailable:
        raise
    except MeritError as error:
        return (error,) * len(job.mixtures)
    bench = _Bench(job, dry)
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
    """What the mixtures of one utterance share: the dry voice, the last scene, and the last clean file."""

    def __init__(self, job: RenderJob, dry: Voice) -> None:
        self.job, self.recipe, self.dry = job, job.recipe, dry
        self.source = job.mixtures[0].speech
        self.scene: tuple[str, Scene] | None = None
        self.clean: tuple[tuple[object, ...], Path, FloatArray, float] | None = None
        self.speech_levels: tuple[Voice, dict[str, float]] | None = None

    def render(self, planned: PlannedMixture) -> Rendered:
        recipe = self.recipe
        if self.scene is None or planned.draw_key != self.scene[0]:
            self.scene = planned.draw_key, set_scene(planned, recipe, self.dry)
        scene = self.scene[1]
        mixed = mix(scene, planned.snr_db, sample_rate=recipe.sample_rate)
        paths = {part: self.job.output / part / f"{planned.id}.{recipe.format}" for part in ("noisy", "clean", "noise")}
        mixed, noisy_back, clean_back, clean_power = self._write(paths, mixed, scene)
        speech: WideArray = mixed.clean
        residual: WideArray = np.subtract(noisy_back, clean_back, dtype=np.float64)
        if not scene.is_additive:
            clean_power, speech, residual = scene.voice.power, scene.voice.heard_N, scene.pieces.sum_N * mixed.gain
        achieved = power_ratio_db(clean_power, noise_power(residual, recipe.sample_rate, recipe.level))
        error = abs(achieved - planned.snr_db)
        if math.isinf(error):
            self._take_back(paths)
            lost = "noise" if achieved > 0.0 else "speech"
            raise SilentSource(
                f"at {planned.snr_db:g} dB the {lost} is lost below the steps of {recipe.encoding}", place=planned.id
            )
        remark = ""
        if error > SNR_TOLERANCE_DB:
            cause = "lossy coding" if recipe.encoding == "VORBIS" else "quantisation"
            remark = f"measured {achieved:.3f} dB for {planned.snr_db:g} dB: {cause}"
        by_rms = math.inf
        if recipe.level != "rms":
            by_rms = power_ratio_db(mean_power(speech), mean_power(residual))
        done = self._record(planned, mixed, scene, achieved, by_rms)
        return Rendered(self._line(planned, paths, done), error, remark)

    def _write(self, paths: dict[str, Path], mixed: Mixed, scene: Scene) -> tuple[Mixed, FloatArray, FloatArray, float]:
        """Write all parts; the mixture as written, noisy and clean as they decode, and the power of clean.

        An encoding with losses decodes to other peaks than it was given: where one lies over full scale, all parts
        are turned down by as much and written again.
        """
        recipe = self.recipe
        for _ in range(_LOSSY_TRIES):
            write_audio(paths["noisy"], mixed.noisy, recipe.sample_rate, subtype=recipe.encoding)
            if recipe.stems:
                write_audio(paths["noise"], mixed.noise, recipe.sample_rate, subtype=recipe.encoding)
            clean_back, clean_power = self._write_clean(paths["clean"], mixed, scene)
            noisy_back = read_audio(paths["noisy"]).samples
            if recipe.encoding != "VORBIS":
                break
            decoded = [noisy_back, clean_back, *([read_audio(paths["noise"]).samples] if recipe.stems else [])]
            peak = max(float(np.abs(samples).max()) for samples in decoded)
            if peak <= 1.0:
                break
            mixed = turned_down(mixed, PEAK_LIMIT / peak)
        return mixed, noisy_back, clean_back, clean_power

    def _write_clean(self, path: Path, mixed: Mixed, scene: Scene) -> tuple[FloatArray, float]:
        """Write the clean file, or copy one that is the same; what it holds, and its power.

        Speech that is neither distorted nor turned down is the source's own file where that is of the
        rate and format asked for.
        """
        same = tuple(one for one in scene.drawn if one.where != "noise"), mixed.shared_gain
        is_new = self.clean is None or self.clean[0] != same
        if is_new and same == ((), 1.0) and self.dry.is_file:  # also after others: a resumed run begins anywhere
            self.clean = same, self.source.audio, self.dry.target_N.astype(np.float32), self.dry.power
        if self.clean is not None and self.clean[0] == same:
            with atomic_path(path) as temporary:
                shutil.copyfile(self.clean[1], temporary)
            return self.clean[2:]
        recipe = self.recipe
        write_audio(path, mixed.clean, recipe.sample_rate, subtype=recipe.encoding)
        back = read_audio(path).samples
        power = power_of_speech(back, recipe)
        self.clean = same, path, back, power
        return back, power

    def _take_back(self, paths: dict[str, Path]) -> None:
        for path in paths.values():
            path.unlink(missing_ok=True)
        self.clean = None

    def _record(self, planned: PlannedMixture, mixed: Mixed, scene: Scene, achieved: float, by_rms: float) -> Mixture:
        first, *more = (
            NoiseUse(noise.id, noise_class(noise), start, mixed.gain * gain)
            for noise, start, gain in zip(planned.noises, scene.pieces.starts, scene.pieces.gains, strict=True)
        )
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
            other_snr_db={"rms": round(by_rms, 2)} if math.isfinite(by_rms) else {},
            noise_set="" if planned.noise_set == "any" else planned.noise_set,
            more_noises=tuple(more),
            distortions=tuple(one.to_line() for one in scene.drawn),
            measured="" if scene.is_additive else "before distortions",
            levels=self._levels_report(scene, mixed.gain) if self.recipe.levels_report else {},
            detector="" if self.recipe.level != "vad" or self.recipe.detector == "energy" else self.recipe.detector,
        )

    def _levels_report(self, scene: Scene, gain: float) -> dict[str, float]:
        """Levels of speech and noise as the ratio compares them; those of speech measured once for each voice."""
        if self.speech_levels is None or self.speech_levels[0] is not scene.voice:
            self.speech_levels = scene.voice, self._levels(scene.voice.heard_N, "speech")
        return {**self.speech_levels[1], **self._levels(scene.pieces.sum_N * gain, "noise")}

    def _levels(self, samples: WideArray, kind: Literal["speech", "noise"]) -> dict[str, float]:
        measured = measure_levels(samples, self.recipe.sample_rate, kind=kind)
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
            num_samples=self.dry.heard_N.size,
            speaker=speech.speaker,
            split=speech.split,
            labels=speech.labels,
            info={**speech.info, **({"stationary": stationary.pop()} if len(stationary) == 1 else {})},
            transcript=speech.transcript,
            transcript_source=speech.transcript_source,
            mixture=mixture,
        )
