"""The recipe of a mix."""

from collections.abc import Collection
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from merit_cli.audio.levels import LevelName
from merit_cli.config.frozen import FrozenConfig
from merit_cli.errors import unknown_name
from merit_cli.mixing.distortions.config import Distortion
from merit_cli.mixing.snr_plan import SnrList, SnrPlan, num_ratios
from merit_cli.mixing.speech_detector import DetectorName

NoiseSet = Literal["any", "matched", "unseen"]
_USUAL_SPLITS = ("train", "dev", "test")
Segment = Literal["random", "start", "loud", "loop"]


class SplitPlan(FrozenConfig):
    """What a split does differently; None takes the recipe's own.

    Args:
        snr: Ratios in dB.
        variants: Mixtures of each utterance.
        noise_sets: See `MixRecipe`.
    """

    snr: SnrPlan | None = None
    variants: int | None = Field(default=None, ge=1)
    noise_sets: tuple[NoiseSet, ...] | None = Field(default=None, min_length=1)


class MixRecipe(FrozenConfig):
    """Everything that decides what a mix sounds like.

    Args:
        name: Of the recipe; part of the default output folder.
        snr: Ratios in dB; short spellings as `parse_snr` reads them.
        level: Definition of level that the ratio is stated in.
        detector: What tells speech from pauses for the level ``vad``; ``silero`` is a network to be fetched.
        variants: Mixtures of each utterance, each with its own noise and segment.
        num_noises: Noises heard at once, each brought to the same level before they are added up.
        noise_sets: ``any`` noise of the split, only ``matched`` (of a class that train has), only ``unseen``;
            an utterance is mixed with each set named.
        unseen_noise: Noise classes kept out of train and dev, whole; a number draws so many of them.
        by_split: What a split does differently.
        segment: Where the noise is cut: at ``random``, at its ``start``, where it is ``loud``est, or at random
            as a ``loop`` that goes on from its end to its beginning.
        loop_fade: Cross-fade in seconds where a noise is repeated; a noise shorter than the speech always is.
        min_noise_dbfs: A drawn piece of noise quieter than this is drawn again, ten times, then skipped.
        distortions: What is done to speech, noise and mixture, in order (see `mixing.distortions`). The ratio is
            that of speech as it is heard to noise, before anything is done to the mixture.
        sample_rate: Of the mixtures, in Hz.
        format: Container of the written files. ``ogg`` is lossy: its parts are turned down together until what is
            decoded lies within full scale, and the ratio that coding leaves is recorded as achieved; coding is heard
            as noise, so that above some 15 dB the achieved ratio falls short by 2 dB and more.
        encoding: soundfile's name of the sample format. Nothing is ever dithered.
        channels: What becomes of several channels; ``each`` makes an utterance or a noise of every one.
        stems: Also write the scaled noise.
        levels_report: Also record the levels of speech and noise under every definition.
        splits: Only these splits; empty takes all.
        seed: Of all drawing.
    """

    name: str = "mix"
    snr: SnrPlan = SnrList(values=(-5.0, 0.0, 5.0))
    level: LevelName = "rms"
    detector: DetectorName = "energy"
    variants: int = Field(default=1, ge=1)
    num_noises: int = Field(default=1, ge=1, le=8)
    noise_sets: tuple[NoiseSet, ...] = Field(default=("any",), min_length=1)
    unseen_noise: tuple[str, ...] | Annotated[int, Field(ge=1)] = ()
    by_split: dict[str, SplitPlan] = Field(default_factory=dict)
    segment: Segment = "random"
    loop_fade: float = Field(default=0.05, ge=0.0, le=1.0)
    min_noise_dbfs: float = Field(default=-80.0, ge=-100.0, le=0.0)
    distortions: tuple[Distortion, ...] = ()
    sample_rate: int = Field(default=16000, ge=1000, le=192000)
    format: Literal["flac", "wav", "ogg"] = "flac"
    encoding: Literal["PCM_16", "PCM_24", "FLOAT", "VORBIS"] = "PCM_16"
    channels: Literal["mix", "first", "each"] = "mix"
    stems: bool = False
    levels_report: bool = False
    splits: tuple[str, ...] = ()
    seed: int = 0

    @field_validator("name")
    @classmethod
    def _is_one_name(cls, name: str) -> str:
        if not name or not name.isprintable() or {*"/\\"} & {*name}:
            raise ValueError("a name is part of the output folder's: no / and no \\ in it, and not empty")
        return name

    @model_validator(mode="after")
    def _can_be_written(self) -> "MixRecipe":
        if (self.format == "ogg") != (self.encoding == "VORBIS"):
            raise ValueError("the format ogg goes with the encoding VORBIS, and with no other")
        if self.encoding == "FLOAT" and self.format != "wav":
            raise ValueError("the encoding FLOAT needs the format wav")
        return self

    @model_validator(mode="after")
    def _has_unseen_noise(self) -> "MixRecipe":
        asked = {name for split in ("", *self.by_split) for name in self.plan_of(split).noise_sets}
        if asked & {"matched", "unseen"} and not self.unseen_noise:
            raise ValueError("the noise sets matched and unseen need unseen_noise, the classes to hold out")
        return self

    def plan_of(self, split: str) -> "ResolvedSplit":
        """What holds for one split."""
        own = self.by_split.get(split, SplitPlan())
        return ResolvedSplit(
            snr=own.snr or self.snr,
            variants=own.variants or self.variants,
            noise_sets=own.noise_sets or self.noise_sets,
        )


def check_splits(recipe: MixRecipe, splits: Collection[str]) -> tuple[str, ...]:
    """Sentences on splits of the speech that ``by_split`` says nothing of.

    Args:
        recipe: How to mix.
        splits: Of the speech; empty where it has none.

    Raises:
        UsageError: ``by_split`` names a split that is neither train, dev nor test, and no speech has it.
    """
    if not recipe.by_split:
        return ()
    for name in recipe.by_split:
        if name not in {*splits, *_USUAL_SPLITS}:
            raise unknown_name("split", name, {*splits, *_USUAL_SPLITS} - {""}, place="by_split")
    if not any(splits):
        return ("the speech has no splits: nothing of by_split applies, all is mixed as the rest of the recipe says",)
    others = ", ".join(name or "(none)" for name in sorted({*splits} - {*recipe.by_split}))
    return (f"not in by_split, so mixed as the rest of the recipe says: {others}",) if others else ()


class ResolvedSplit(FrozenConfig):
    """`SplitPlan` with nothing left open."""

    snr: SnrPlan
    variants: int
    noise_sets: tuple[NoiseSet, ...]

    @property
    def num_mixtures(self) -> int:
        """Mixtures of each utterance."""
        return len(self.noise_sets) * self.variants * num_ratios(self.snr)
