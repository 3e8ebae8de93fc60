"""The recipe of a training run."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, SerializeAsAny, model_validator

from merit_cli.backbones import BACKBONES
from merit_cli.backbones.model_folder import DEFAULT_BACKBONE, DEFAULT_MODEL, tasks_of
from merit_cli.backbones.normalisation import LevelPolicy
from merit_cli.backbones.text import TextEncoderConfig
from merit_cli.backbones.waveform import WaveformConfig
from merit_cli.config.component import component_config
from merit_cli.config.frozen import FrozenConfig
from merit_cli.data.class_balance import Balance
from merit_cli.data.kept_features import LeaveOut
from merit_cli.losses.objective import ObjectiveConfig
from merit_cli.models import MODELS
from merit_cli.models.speech_text import reads_words
from merit_cli.models.waveform_model import hears_waveform
from merit_cli.training.adversary import AdversaryConfig
from merit_cli.training.optim import OptimiserConfig
from merit_cli.training.remix import RemixConfig
from merit_cli.units import Seconds, seconds_to_samples


def model_config(value: object) -> FrozenConfig:
    """The config of the model that a recipe names."""
    return component_config(MODELS, value, default=DEFAULT_MODEL)


def backbone_config(value: object) -> FrozenConfig:
    """The config of the encoder that a recipe names."""
    return component_config(BACKBONES, value, default=DEFAULT_BACKBONE)


ModelChoice = Annotated[SerializeAsAny[FrozenConfig], BeforeValidator(model_config)]
BackboneChoice = Annotated[SerializeAsAny[FrozenConfig], BeforeValidator(backbone_config)]


class DataConfig(FrozenConfig):
    """What the model is shown.

    Args:
        level: ``normalised`` brings each mixture to -26 dBFS, so that its level does not tell its
            emotion; ``natural`` leaves it.
        max_duration: Only the first seconds of an utterance are used.
        sample_rate: In Hz.
        cache_features: Whether features of a frozen encoder are kept on disk; ``auto`` keeps those of
            encoders with weights whose input stays the same.
        mixtures: ``fixed`` trains on the mixtures as they were rendered; ``fresh`` mixes the train split anew for
            every epoch, by the recipe of the mix under a seed that metrics.jsonl names.
        crop: A random piece of this length of each utterance is trained on, in seconds; None takes all of it.
        balance: ``up`` shows every emotion as often as the most frequent one in each epoch, ``down`` as seldom as the
            rarest one, drawn anew; ``none`` shows every utterance once.
        remix: How the noises of a batch are dealt out anew at every step; None trains on the mixtures
            as they are.
        leave_out: Training speakers that are not learned from: a fold of so many, for features that are cross-fitted
            later; None learns from all.
    """

    level: LevelPolicy = "normalised"
    max_duration: Seconds = Field(default=Seconds(12.0), gt=0.0)
    sample_rate: Literal[16000] = 16000
    cache_features: Literal["auto", "always", "never"] = "auto"
    mixtures: Literal["fixed", "fresh"] = "fixed"
    crop: Seconds | None = Field(default=None, gt=0.0)
    balance: Balance = "none"
    remix: RemixConfig | None = None
    leave_out: LeaveOut | None = None

    @property
    def stays_the_same(self) -> bool:
        """Whether an utterance is the same in every epoch."""
        return self.remix is None and self.crop is None and self.mixtures == "fixed"

    @property
    def crop_samples(self) -> int | None:
        """The piece in samples."""
        return None if self.crop is None else seconds_to_samples(self.crop, self.sample_rate)

    @model_validator(mode="after")
    def _cache_fits(self) -> Self:
        if not self.stays_the_same and self.cache_features == "always":
            raise ValueError("features cannot be kept while remix, crop or fresh mixtures change what is heard")
        return self


class TrainRecipe(FrozenConfig):
    """Everything that decides what is learned.

    Args:
        name: Of the recipe; part of the default output folder.
        model: A registered name, or one with its parameters.
        backbone: The encoder in front, likewise.
        text: The text encoder of a model that reads transcripts: a folder or a hub id as ``path``; None for others.
        data: What the model is shown.
        optimiser: AdamW's settings.
        objective: Weights of the loss terms.
        adversary: A discriminator of a metric beside a model that enhances; None trains without.
        enhancement_metric: Signal metric, higher is better, by which the dev split judges enhancement.
        epochs: Passes over the train split.
        patience: The run ends when the best epoch is so many epochs ago; None trains all epochs.
        average_best: The model has the mean of the weights of so many best epochs, where dev scores it above the best
            epoch's; 1 takes the best epoch's.
        limit: Use only so many utterances of each split, spread over the emotions, for a quick look; 0 uses all.
        batch_size: Utterances in memory at once.
        accumulation: Such batches in one optimiser step; means are taken over all of them.
        precision: Autocast of the forward pass.
        seed: Of weights, order and dropout.
        init_from: Run or model folder to begin with, as the second of two steps does, or several, such as the voice's
            and the words' of a fusion; of what two of them have, the first's is taken; what all lack begins anew.
        cross_fitted: Run or model folders that tuned an encoder and left training speakers out (``data.leave_out``):
            the kept features of those speakers are theirs, as if they were strangers; all others' are the run's own.
        checkpoint_every_steps: Optimiser steps between checkpoints within an epoch; 0: at epochs' ends only.
        log_every_steps: Optimiser steps between lines of metrics.jsonl and measurements of the tasks' conflict. Such a
            step takes a backward pass more of each task: 1.6 times the time of another for the small recipe, so 3 %
            of the time in all where it is one of 20; counting the experts, at every step, takes under 1 %.
        mix_back: Share of the noisy signal that the finished model leaves in its enhanced one.
        mask_exponent: Power of the mask's gain in the finished model; over 1 it takes more of the noise.
        overfit_batches: Train and choose on this many batches of the train split; 0 trains on all.
    """

    name: str = "train"
    model: ModelChoice = Field(default_factory=lambda: model_config({}))
    backbone: BackboneChoice = Field(default_factory=lambda: backbone_config({}))
    text: TextEncoderConfig | None = None
    data: DataConfig = DataConfig()
    optimiser: OptimiserConfig = OptimiserConfig()
    objective: ObjectiveConfig = ObjectiveConfig()
    adversary: AdversaryConfig | None = None
    enhancement_metric: Literal["si_sdr_db", "band_si_sdr_db", "snr_db", "ssnr_active_db"] = "si_sdr_db"
    epochs: int = Field(default=20, ge=1)
    patience: int | None = Field(default=None, ge=1)
    average_best: int = Field(default=1, ge=1)
    limit: int = Field(default=0, ge=0)
    batch_size: int = Field(default=8, ge=1)
    accumulation: int = Field(default=1, ge=1)
    precision: Literal["fp32", "bf16", "fp16"] = "fp32"
    seed: int = Field(default=0, ge=0)
    init_from: str | tuple[str, ...] | None = None
    cross_fitted: tuple[str, ...] = ()
    checkpoint_every_steps: int = Field(default=200, ge=0)
    log_every_steps: int = Field(default=20, ge=1)
    mix_back: float = Field(default=0.0, ge=0.0, lt=1.0)
    mask_exponent: float = Field(default=1.0, gt=0.0, le=4.0)
    overfit_batches: int = Field(default=0, ge=0)

    @model_validator(mode="before")
    @classmethod
    def _own_backbone(cls, tree: Any) -> Any:
        """A model of waveforms has no encoder in front, unless the recipe says otherwise."""
        if isinstance(tree, Mapping) and "backbone" not in tree and hears_waveform(model_config(tree.get("model", {}))):
            return {**tree, "backbone": "waveform"}
        return tree

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        name, is_waveform = self.model.model_dump().get("name"), isinstance(self.backbone, WaveformConfig)
        if hears_waveform(self.model):
            if not is_waveform:
                raise ValueError(f"the model {name!r} hears the waveform itself: leave backbone out")
            if self.mask_exponent != 1.0:
                raise ValueError(f"the model {name!r} has no mask: leave mask_exponent out")
        elif is_waveform:
            raise ValueError(f"the model {name!r} needs an encoder: leave backbone out, or name one")
        if self.objective.weighting.name != "fixed" and not {"enhancement", "emotion"} <= set(tasks_of(self.model)):
            weighting = self.objective.weighting.name
            raise ValueError(
                f"the model {name!r} does not both enhance and classify: leave objective.weighting {weighting} out"
            )
        self._check_words()
        self._check_balance()
        if self.adversary is not None and "enhancement" not in tasks_of(self.model):
            raise ValueError(f"the model {name!r} does not enhance: leave adversary out")
        return self

    def _check_words(self) -> None:
        name = self.model.model_dump().get("name")
        if reads_words(self.model) and self.text is None:
            raise ValueError(f"the model {name!r} reads transcripts: set text.path to a folder or id of a text encoder")
        if self.text is not None and not reads_words(self.model):
            raise ValueError(f"the model {name!r} does not read: leave text out, or train --model fusion")

    def _check_balance(self) -> None:
        if self.data.balance == "none":
            return
        if "emotion" not in tasks_of(self.model):
            raise ValueError(
                f"the model {self.model.model_dump().get('name')!r} has no classes: leave data.balance out"
            )
        objective = self.objective
        if objective.corrects_classes and not objective.double_correction:
            raise ValueError(
                f"data.balance {self.data.balance} and the objective's class weights or scaling both make up for "
                "unequal classes: set objective.class_weighting none, or objective.double_correction true"
            )
