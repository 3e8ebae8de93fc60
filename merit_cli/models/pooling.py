"""From the valid frames, or tokens, of an utterance to one vector: attentive statistics, or the mean.

Shape suffixes: B batch, T frames, D features.
"""

from typing import Literal

import torch
from torch import Tensor, nn

VARIANCE_FLOOR = 1e-5
AttentionInit = Literal["scaled", "unit"]
Pooling = Literal["attentive_statistics", "mean"]


class AttentiveStatisticsPooling(nn.Module):
    """Weighted mean and standard deviation, weights softmax over frames of v' tanh(W x + b).

    Source: Okabe et al. (2018), eqs. 1-6, without their bias k (it cancels in the softmax).

    Args:
        dim: D; the pooled vector has 2 D.
        attention_init: Variance of v's start: ``scaled`` 1/D; ``unit`` 1, as released with Tzeng et
            al. (2026), which saturates the softmax.
    """

    def __init__(self, dim: int, *, attention_init: AttentionInit = "scaled") -> None:
        super().__init__()
        self.out_dim = 2 * dim
        self.project = nn.Linear(dim, dim)
        self.vector_D = nn.Parameter(torch.randn(dim) * (dim**-0.5 if attention_init == "scaled" else 1.0))

    def forward(self, frames_BTD: Tensor, valid_BT: Tensor) -> Tensor:
        """Pooled (B, 2 D): mean, then standard deviation; an utterance without a frame gives mean 0."""
        score_BT = torch.tanh(self.project(frames_BTD)) @ self.vector_D.to(frames_BTD.dtype)
        hidden_BT = score_BT.float() if score_BT.dtype in (torch.float16, torch.bfloat16) else score_BT
        lowest = torch.finfo(hidden_BT.dtype).min
        weight_BT1 = hidden_BT.masked_fill(~valid_BT, lowest).softmax(1).unsqueeze(-1)
        clean_BTD = frames_BTD.masked_fill(~valid_BT.unsqueeze(-1), 0.0).to(weight_BT1.dtype)
        mean_B1D = (weight_BT1 * clean_BTD).sum(1, keepdim=True)
        variance_BD = (weight_BT1 * (clean_BTD - mean_B1D).square()).sum(1)
        return torch.cat([mean_B1D.squeeze(1), variance_BD.clamp(min=VARIANCE_FLOOR).sqrt()], dim=-1)


class MaskedMeanPooling(nn.Module):
    """Mean over the valid frames or tokens; padding does not count.

    Args:
        dim: D.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.out_dim = dim

    def forward(self, frames_BTD: Tensor, valid_BT: Tensor) -> Tensor:
        """Pooled (B, D); an utterance without a frame gives 0."""
        clean_BTD = frames_BTD.masked_fill(~valid_BT.unsqueeze(-1), 0.0)
        return clean_BTD.sum(1) / valid_BT.sum(1, keepdim=True).clamp(min=1).to(clean_BTD.dtype)


def make_pooling(
    kind: Pooling, dim: int, *, attention_init: AttentionInit = "scaled"
) -> AttentiveStatisticsPooling | MaskedMeanPooling:
    """The pooling of that name; its ``out_dim`` is the size of what it gives."""
    if kind == "mean":
        return MaskedMeanPooling(dim)
    return AttentiveStatisticsPooling(dim, attention_init=attention_init)
