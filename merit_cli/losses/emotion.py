"""Class-weighted cross-entropy over the labelled utterances of a batch.

Shape suffixes: B batch, C classes.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as nnf
from torch import Tensor

from merit_cli.carriers import NO_LABEL
from merit_cli.losses.spectral import MaskedSum


def class_weights(counts: Sequence[int]) -> tuple[float, ...]:
    """w_c = N / (C n_c): mean 1 over the training set; a class without examples weighs 0.

    >>> class_weights([30, 10])
    (0.6666666666666666, 2.0)
    """
    total, num_classes = sum(counts), len(counts)
    return tuple(total / (num_classes * count) if count else 0.0 for count in counts)


def weighted_cross_entropy_sum(logits_BC: Tensor, emotion_B: Tensor, weight_C: Tensor | None) -> MaskedSum:
    """Sum of w_c times the cross-entropy in nats, and the sum of w_c; not negative, 0 is best.

    Args:
        logits_BC: Unnormalised scores.
        emotion_B: Class indices; `NO_LABEL` is left out of both sums.
        weight_C: Class weights; None weighs all alike.
    """
    logits_BC = logits_BC.to(torch.promote_types(logits_BC.dtype, torch.float32))
    weight_C = logits_BC.new_ones(logits_BC.shape[-1]) if weight_C is None else weight_C.to(logits_BC)
    total = nnf.cross_entropy(logits_BC, emotion_B, weight=weight_C, ignore_index=NO_LABEL, reduction="sum")
    has_label_B = emotion_B != NO_LABEL
    return MaskedSum(total, (weight_C[emotion_B.clamp(min=0)] * has_label_B).sum())


def weighted_cross_entropy(logits_BC: Tensor, emotion_B: Tensor, weight_C: Tensor | None = None) -> Tensor:
    """Weighted mean of `weighted_cross_entropy_sum`; 0 where no utterance has a label.

    >>> weighted_cross_entropy(torch.zeros(2, 4), torch.tensor([1, NO_LABEL])).item()
    1.38629...
    """
    total, weight = weighted_cross_entropy_sum(logits_BC, emotion_B, weight_C)
    return total / torch.where(weight > 0, weight, 1.0)
