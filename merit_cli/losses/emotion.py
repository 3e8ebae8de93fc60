"""Losses over emotion classes: cross-entropy and what is made of it for classes of unequal size.

With target shares q (one class, or the shares of annotators), class weights w and log-probabilities log p, every loss
here is a sum over utterances and classes of -w_c q_c f(p_c) log p_c, over the sum of w_c q_c.

Shape suffixes: B batch, C classes.
"""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import torch
import torch.nn.functional as nnf
from pydantic import BeforeValidator, Field
from torch import Tensor

from merit_cli.carriers import NO_LABEL
from merit_cli.config.frozen import FrozenConfig
from merit_cli.losses.spectral import MaskedSum

SMALLEST_MISS = 1e-7
"""Floor of 1 - p in the focal factor, whose slope is infinite at 0 for powers under one."""


class CrossEntropyLoss(FrozenConfig):
    """-log p of the target.

    Source of label smoothing: Szegedy et al. (2016), Rethinking the Inception architecture, section 7.

    Args:
        label_smoothing: eps: a target share q_c becomes (1 - eps) q_c + eps / C.
        soft_labels: Whether targets are the annotators' shares (labels ``p_<emotion>`` of the manifest) where an
            utterance has them, else its one label.
    """

    name: Literal["cross_entropy"] = "cross_entropy"
    label_smoothing: float = Field(default=0.0, ge=0.0, lt=1.0)
    soft_labels: bool = False


class FocalLoss(FrozenConfig):
    """-(1 - p)^gamma log p of the target, which leaves out what is known already; gamma 0 is cross-entropy.

    Source: Lin et al. (2017), Focal loss for dense object detection, eqs. 4 and 5 (its alpha is our class weight).

    Args:
        gamma: Power of the miss.
        label_smoothing: As in `CrossEntropyLoss`.
        soft_labels: Likewise.
    """

    name: Literal["focal"] = "focal"
    gamma: float = Field(default=2.0, ge=0.0)
    label_smoothing: float = Field(default=0.0, ge=0.0, lt=1.0)
    soft_labels: bool = False


class VectorScalingLoss(FrozenConfig):
    """Cross-entropy of logits z_c (n_c / n_max)^gamma + tau log(n_c / N); in training only, for it makes up for n_c.

    gamma 0 and tau 0 is cross-entropy; gamma 0 and tau 1 is the adjustment of Menon et al. (2021).

    Source: Kini et al. (2021), Label-imbalanced and group-sensitive classification under overparameterization, eq. 2.

    Args:
        gamma: Of the logits' scale.
        tau: Of their offset.
        label_smoothing: As in `CrossEntropyLoss`.
        soft_labels: Likewise.
    """

    name: Literal["vector_scaling"] = "vector_scaling"
    gamma: float = Field(default=0.0, ge=0.0)
    tau: float = Field(default=0.3, ge=0.0)
    label_smoothing: float = Field(default=0.0, ge=0.0, lt=1.0)
    soft_labels: bool = False


def _named(value: Any) -> Any:
    """A bare name stands for the loss with its defaults."""
    return {"name": value} if isinstance(value, str) else value


EmotionLoss = Annotated[
    Annotated[CrossEntropyLoss | FocalLoss | VectorScalingLoss, Field(discriminator="name")], BeforeValidator(_named)
]


def class_weights(counts: Sequence[int]) -> tuple[float, ...]:
    """w_c = N / (C n_c): mean 1 over the training set; a class without examples weighs 0.

    >>> class_weights([30, 10])
    (0.6666666666666666, 2.0)
    """
    total, num_classes = sum(counts), len(counts)
    return tuple(total / (num_classes * count) if count else 0.0 for count in counts)


def target_shares(emotion_B: Tensor, num_classes: int, share_BC: Tensor | None = None) -> Tensor:
    """Target shares q (B, C): the annotators' where there are any, else 1 for the label; 0 without either.

    >>> target_shares(torch.tensor([1, NO_LABEL]), 2).tolist()
    [[0.0, 1.0], [0.0, 0.0]]
    """
    label_BC = nnf.one_hot(emotion_B.clamp(min=0), num_classes) * (emotion_B != NO_LABEL).unsqueeze(1)
    if share_BC is None:
        return label_BC.float()
    return torch.where(share_BC.sum(1, keepdim=True) > 0, share_BC.float(), label_BC.float())


def emotion_sum(
    logits_BC: Tensor,
    share_BC: Tensor,
    loss: CrossEntropyLoss | FocalLoss | VectorScalingLoss,
    *,
    weight_C: Tensor | None = None,
    class_counts: Sequence[int] = (),
) -> MaskedSum:
    """Sum of the loss in nats, not negative, 0 is best, and the sum of w_c q_c.

    Args:
        logits_BC: Unnormalised scores.
        share_BC: Of `target_shares`.
        loss: Which, with its parameters.
        weight_C: Class weights w; None weighs all alike.
        class_counts: n, of the training set, for vector scaling.
    """
    logits_BC = logits_BC.to(torch.promote_types(logits_BC.dtype, torch.float32))
    if isinstance(loss, VectorScalingLoss):
        logits_BC = _scaled(logits_BC, class_counts, loss)
    weight_C = logits_BC.new_ones(logits_BC.shape[-1]) if weight_C is None else weight_C.to(logits_BC)
    share_BC = share_BC.to(logits_BC)
    log_p_BC = logits_BC.log_softmax(-1)
    target_BC = weight_C * _smoothed(share_BC, loss.label_smoothing)
    if isinstance(loss, FocalLoss) and loss.gamma > 0.0:
        target_BC = target_BC * (-torch.expm1(log_p_BC)).clamp(min=SMALLEST_MISS) ** loss.gamma
    return MaskedSum(-(target_BC * log_p_BC).sum(), (weight_C * share_BC).sum())


def _smoothed(share_BC: Tensor, smoothing: float) -> Tensor:
    spread_B1 = share_BC.sum(1, keepdim=True) / share_BC.shape[1]  # 0 stays 0 without a label
    return (1.0 - smoothing) * share_BC + smoothing * spread_B1


def _scaled(logits_BC: Tensor, class_counts: Sequence[int], loss: VectorScalingLoss) -> Tensor:
    assert len(class_counts) == logits_BC.shape[-1], (class_counts, logits_BC.shape)
    count_C = torch.tensor(class_counts, dtype=logits_BC.dtype, device=logits_BC.device).clamp(min=1.0)
    return logits_BC * (count_C / count_C.max()) ** loss.gamma + loss.tau * (count_C / count_C.sum()).log()


def weighted_cross_entropy(logits_BC: Tensor, emotion_B: Tensor, weight_C: Tensor | None = None) -> Tensor:
    """Weighted mean of the cross-entropy; 0 where no utterance has a label.

    >>> weighted_cross_entropy(torch.zeros(2, 4), torch.tensor([1, NO_LABEL])).item()
    1.38629...
    """
    shares_BC = target_shares(emotion_B, logits_BC.shape[-1])
    total, weight = emotion_sum(logits_BC, shares_BC, CrossEntropyLoss(), weight_C=weight_C)
    return total / torch.where(weight > 0, weight, 1.0)
