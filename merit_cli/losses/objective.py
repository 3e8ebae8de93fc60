"""The training objective, from sums that parts of an effective batch can share.

A mean over an effective batch is not the mean of its micro-batches' means. So a step first takes
`objective_sums` of each part, adds them with `add_objective_sums` (over micro-batches and ranks), and
hands the whole to `loss_terms` of each part: values and gradients of the parts then add up to those of
the whole batch.

Shape suffixes: B batch, N samples, C classes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal, NamedTuple, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor

from merit_cli.carriers import LossTerms, MultiTaskOutput, SpeechBatch
from merit_cli.config.frozen import FrozenConfig
from merit_cli.losses.attributes import AttributeSums, add_attribute_sums, attribute_sums, concordance_loss
from merit_cli.losses.emotion import CrossEntropyLoss, EmotionLoss, VectorScalingLoss, emotion_sum, target_shares
from merit_cli.losses.enhancement import EnhancementTerms, enhancement_sums, weighted
from merit_cli.losses.load_balance import BalanceOver, RouterSums, add_router_sums, balance_loss, router_sums, z_loss
from merit_cli.losses.spectral import MaskedSum
from merit_cli.losses.weighting import FixedWeighting, Weighting


class ObjectiveConfig(FrozenConfig):
    """Weights of the objective's terms.

    Args:
        enhancement: What the enhancement term is made of.
        enhancement_weight: Of that term, against 1 for emotion.
        emotion_weight: Of the loss over classes.
        emotion_loss: ``cross_entropy``, ``focal`` or ``vector_scaling``, or one of them with its parameters.
        attributes_weight: Of the sum of 1 - CCC over arousal, valence and dominance; it belongs to the emotion task.
        weighting: How the two weighted losses become one step: ``fixed``, ``uncertainty``, ``gradnorm``,
            ``pcgrad`` or ``cagrad``, or one of them with its parameters. Balance and z-loss are added as they are.
        balance_weight: Switch loss, alpha.
        balance_over: Each router by itself, or both together.
        router_z_weight: Of the routers' z-loss.
        class_weighting: ``inverse_frequency`` is N / (C n_c).
        double_correction: Allow two means against unequal classes at once, which overcorrect.
    """

    enhancement: EnhancementTerms = EnhancementTerms()
    enhancement_weight: float = Field(default=1.0, ge=0.0)
    emotion_weight: float = Field(default=1.0, ge=0.0)
    emotion_loss: EmotionLoss = CrossEntropyLoss()
    attributes_weight: float = Field(default=1.0, ge=0.0)
    weighting: Weighting = FixedWeighting()
    balance_weight: float = Field(default=0.01, ge=0.0)
    balance_over: BalanceOver = "per_router"
    router_z_weight: float = Field(default=1e-3, ge=0.0)
    class_weighting: Literal["inverse_frequency", "none"] = "inverse_frequency"
    double_correction: bool = False

    @model_validator(mode="after")
    def _corrects_once(self) -> Self:
        is_scaled = isinstance(self.emotion_loss, VectorScalingLoss)
        if is_scaled and self.class_weighting != "none" and not self.double_correction:
            raise ValueError(
                "vector_scaling and class weights both make up for unequal classes: set class_weighting none, or "
                "double_correction true"
            )
        return self

    @model_validator(mode="after")
    def _losses_are_positive(self) -> Self:
        name, terms = self.weighting.name, self.enhancement
        if name in ("uncertainty", "gradnorm") and (terms.si_sdr or terms.snr or terms.band_snr):
            raise ValueError(
                f"weighting {name} needs losses that cannot fall below 0: leave out si_sdr, snr and band_snr"
            )
        if name != "fixed" and not (self.enhancement_weight and self.emotion_weight):
            raise ValueError(f"weighting {name} needs both tasks: give both a weight over 0")
        return self

    @property
    def corrects_classes(self) -> bool:
        """Whether the loss over classes makes up for unequal ones."""
        return self.class_weighting != "none" or isinstance(self.emotion_loss, VectorScalingLoss)

    def task_losses(self, terms: LossTerms) -> dict[str, Tensor]:
        """Each task's loss with its weight."""
        emotion = self.emotion_weight * terms.emotion
        if terms.attributes is not None:
            emotion = emotion + self.attributes_weight * terms.attributes
        return {"enhancement": self.enhancement_weight * terms.enhancement, "emotion": emotion}

    def router_loss(self, terms: LossTerms) -> Tensor:
        """Balance and z-loss with their weights."""
        return self.balance_weight * terms.load_balance + self.router_z_weight * terms.router_z


class CountedObjective(ObjectiveConfig):
    """An objective that knows how often each class stands in the training set, as vector scaling needs.

    Args:
        class_counts: In the order of the class indices.
    """

    class_counts: tuple[int, ...] = ()


def counted(config: ObjectiveConfig, class_counts: Sequence[int]) -> CountedObjective:
    """The objective with the counts of its training set."""
    return CountedObjective(**{**dict(config), "class_counts": tuple(class_counts)})


class ObjectiveSums(NamedTuple):
    """Unnormalised terms; empty or None for a task that the model or the batch does not have."""

    enhancement: Mapping[str, MaskedSum]
    emotion: MaskedSum | None
    routers: Mapping[str, RouterSums]
    attributes: AttributeSums | None = None

    def to(self, device: torch.device | str) -> "ObjectiveSums":
        """The same with every tensor on ``device``."""
        return ObjectiveSums(
            {name: MaskedSum(*(value.to(device) for value in one)) for name, one in self.enhancement.items()},
            None if self.emotion is None else MaskedSum(*(value.to(device) for value in self.emotion)),
            {task: RouterSums(*(value.to(device) for value in one)) for task, one in self.routers.items()},
            None if self.attributes is None else AttributeSums(*(value.to(device) for value in self.attributes)),
        )


def objective_sums(
    output: MultiTaskOutput,
    *,
    lengths_B: Tensor,
    clean_BN: Tensor | None = None,
    emotion_B: Tensor | None = None,
    class_weight_C: Tensor | None = None,
    terms: EnhancementTerms = EnhancementTerms(),
    emotion_share_BC: Tensor | None = None,
    attributes_BA: Tensor | None = None,
    emotion_loss: EmotionLoss = CrossEntropyLoss(),
    class_counts: Sequence[int] = (),
) -> ObjectiveSums:
    """Sums of every term that output and targets allow.

    Args:
        output: In model scale.
        lengths_B: Valid samples.
        clean_BN: Clean waveform in model scale.
        emotion_B: Class indices.
        class_weight_C: See `merit_cli.losses.emotion.class_weights`.
        terms: Which distances of enhanced from clean speech to take.
        emotion_share_BC: Annotators' shares; used where the loss takes soft labels.
        attributes_BA: Ratings on the scale 0 to 1, NaN where there is none.
        emotion_loss: Over the classes.
        class_counts: Of the training set.
    """
    enhancement = {} if clean_BN is None else enhancement_sums(output, clean_BN, lengths_B, terms)
    emotion = None
    if emotion_B is not None and output.emotion_logits_BC is not None:
        logits_BC = output.emotion_logits_BC
        shares_BC = target_shares(
            emotion_B, logits_BC.shape[-1], emotion_share_BC if emotion_loss.soft_labels else None
        )
        emotion = emotion_sum(logits_BC, shares_BC, emotion_loss, weight_C=class_weight_C, class_counts=class_counts)
    attributes = None
    if attributes_BA is not None and output.attributes_BA is not None:
        attributes = attribute_sums(output.attributes_BA, attributes_BA)
    routers = {task: router_sums(routing) for task, routing in output.routing.items()}
    return ObjectiveSums(enhancement, emotion, routers, attributes)


def batch_sums(
    output: MultiTaskOutput, batch: SpeechBatch, config: ObjectiveConfig, class_weight_C: Tensor | None
) -> ObjectiveSums:
    """`objective_sums` of a batch in model scale."""
    return objective_sums(
        output,
        lengths_B=batch.lengths_B,
        clean_BN=batch.clean_BN,
        emotion_B=batch.emotion_B,
        class_weight_C=class_weight_C,
        terms=config.enhancement,
        emotion_share_BC=batch.emotion_share_BC,
        attributes_BA=batch.attributes_BA,
        emotion_loss=config.emotion_loss,
        class_counts=config.class_counts if isinstance(config, CountedObjective) else (),
    )


def add_objective_sums(*parts: ObjectiveSums) -> ObjectiveSums:
    """The sums of a whole effective batch, without gradient: normalisers for `loss_terms`."""
    return ObjectiveSums(
        enhancement={
            name: added
            for name in parts[0].enhancement
            if (added := _add_masked([part.enhancement[name] for part in parts])) is not None
        },
        emotion=_add_masked([part.emotion for part in parts]),
        routers={
            task: RouterSums(*(value.detach() for value in add_router_sums(*(part.routers[task] for part in parts))))
            for task in parts[0].routers
        },
        attributes=_add_attributes([part.attributes for part in parts if part.attributes is not None]),
    )


def _add_attributes(parts: list[AttributeSums]) -> AttributeSums | None:
    return AttributeSums(*(value.detach() for value in add_attribute_sums(*parts))) if parts else None


def _add_masked(parts: list[MaskedSum | None]) -> MaskedSum | None:
    present = [part for part in parts if part is not None]
    if not present:
        return None
    return MaskedSum(*(torch.stack(values).sum(0).detach() for values in zip(*present, strict=True)))


def loss_terms(part: ObjectiveSums, config: ObjectiveConfig, *, whole: ObjectiveSums | None = None) -> LossTerms:
    """The weighted terms of one part; ``total`` is what to differentiate.

    The parts of `LossTerms` are given before weighting; ``enhancement`` is the weighted sum of its terms.

    Args:
        part: Sums with gradient.
        config: Weights.
        whole: Sums of the effective batch; None where ``part`` is all of it.
    """
    whole = part if whole is None else whole
    zero = _zero_like(part)
    means = {name: _mean(term, whole.enhancement[name], zero) for name, term in part.enhancement.items()}
    enhancement = weighted(means, config.enhancement, zero)
    emotion = _mean(part.emotion, whole.emotion, zero)
    attributes = None
    if part.attributes is not None and whole.attributes is not None:
        attributes = concordance_loss(part.attributes, whole.attributes).to(zero.dtype)
    balance = balance_loss(part.routers, whole.routers, over=config.balance_over) if part.routers else zero
    router_z = z_loss(part.routers, whole.routers) if part.routers else zero
    terms = LossTerms(zero, enhancement, emotion, load_balance=balance, router_z=router_z, attributes=attributes)
    losses = config.task_losses(terms)
    return replace(terms, total=losses["enhancement"] + losses["emotion"] + config.router_loss(terms))


def _mean(part: MaskedSum | None, whole: MaskedSum | None, zero: Tensor) -> Tensor:
    if part is None or whole is None:
        return zero
    return part.total / torch.where(whole.weight > 0, whole.weight.detach(), 1.0)


def _zero_like(sums: ObjectiveSums) -> Tensor:
    for term in (*sums.enhancement.values(), sums.emotion):
        if term is not None:
            return torch.zeros_like(term.total).detach()
    if sums.attributes is not None:
        return torch.zeros_like(sums.attributes.count_A[0], dtype=torch.float32)
    return torch.zeros(())
