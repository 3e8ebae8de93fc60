"""Losses of clips that were mixed by patches; lower is better, mean over the batch.

Shape suffixes: B batch, C classes, D features.
"""

import torch
import torch.nn.functional as nnf
from torch import Tensor


def mixed_cross_entropy(
    logits_BC: Tensor, labels_B: Tensor, order_B: Tensor, own_share: float, class_weights_C: Tensor
) -> Tensor:
    """Class-weighted cross-entropy against both labels of each mixture, by their shares.

    Args:
        logits_BC: Of mixtures.
        labels_B: Of the clips that keep ``own_share``.
        order_B: The clip that each took the rest from.
        own_share: From 0 to 1.
        class_weights_C: Weight of each class.
    """
    own = nnf.cross_entropy(logits_BC, labels_B, weight=class_weights_C)
    other = nnf.cross_entropy(logits_BC, labels_B[order_B], weight=class_weights_C)
    return own_share * own + (1.0 - own_share) * other


def mixed_contrastive_loss(
    mixed_BD: Tensor, clips_BD: Tensor, order_B: Tensor, own_share: float, *, temperature: float
) -> Tensor:
    """How badly the features of a mixture point at the two clips it is made of, among all clips of the batch.

    Cosine similarities over the temperature are a softmax over clips; the loss is its cross-entropy with
    ``own_share`` on the clip itself and the rest on the other.

    Args:
        mixed_BD: Projected features of mixtures.
        clips_BD: Features of the clips as they are, without gradient.
        order_B: The clip that each took the rest from.
        own_share: From 0 to 1.
        temperature: Of the softmax.

    Source: Bae et al. (2023), section 2.3.
    """
    similarity_BB = nnf.normalize(mixed_BD) @ nnf.normalize(clips_BD).T / temperature
    log_probability_BB = similarity_BB.log_softmax(dim=1)
    rows = torch.arange(len(mixed_BD), device=mixed_BD.device)
    own_B, other_B = log_probability_BB[rows, rows], log_probability_BB[rows, order_B]
    return -(own_share * own_B + (1.0 - own_share) * other_B).mean()
