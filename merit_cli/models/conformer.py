"""One conformer block with relative positions, over a batch of sequences.

Source: Gulati et al. (2020), Conformer, figure 1; the relative positions are those of Shaw, Uszkoreit
and Vaswani (2018), eq. 4, for keys only.

Shape suffixes: S sequences, T positions, D features, H heads, K features of a head, R query-key pairs.
"""

import torch
import torch.nn.functional as nnf
from torch import Tensor, nn

from merit_cli.models.padded_norms import PaddedBatchNorm, masked

SCORES_AT_ONCE = 2**26
"""Attention scores held at once where no gradient is wanted (256 MiB in float32)."""


class FeedForward(nn.Sequential):
    """LayerNorm, a layer four times as wide with Swish, back."""

    def __init__(self, dim: int, *, dropout: float) -> None:
        super().__init__(
            nn.LayerNorm(dim),
            nn.Linear(dim, 4 * dim),
            nn.SiLU(),
            nn.Dropout(dropout),
            nn.Linear(4 * dim, dim),
            nn.Dropout(dropout),
        )


class RelativeAttention(nn.Module):
    """Self-attention whose scores know the distance between query and key.

    Args:
        dim: D.
        num_heads: H; divides D.
        max_distance: Distances beyond it count as it.
        dropout: Of the result.
    """

    def __init__(self, dim: int, *, num_heads: int, max_distance: int, dropout: float) -> None:
        super().__init__()
        assert dim % num_heads == 0, (dim, num_heads)
        self.num_heads = num_heads
        self.max_distance = max_distance
        self.norm = nn.LayerNorm(dim)
        self.query = nn.Linear(dim, dim, bias=False)
        self.key_value = nn.Linear(dim, 2 * dim, bias=False)
        self.distance = nn.Embedding(2 * max_distance + 1, dim // num_heads)
        self.output = nn.Linear(dim, dim)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x_STD: Tensor, valid_ST: Tensor | None) -> Tensor:
        """Same shape; nothing attends to padding."""
        num_sequences, num_positions, _ = x_STD.shape
        at_once = max(1, SCORES_AT_ONCE // (self.num_heads * num_positions**2))
        if torch.is_grad_enabled() or at_once >= num_sequences:
            return self._attend(x_STD, valid_ST)
        slices = [slice(start, start + at_once) for start in range(0, num_sequences, at_once)]
        return torch.cat([self._attend(x_STD[rows], None if valid_ST is None else valid_ST[rows]) for rows in slices])

    def _attend(self, x_STD: Tensor, valid_ST: Tensor | None) -> Tensor:
        normed_STD = self.norm(x_STD)
        keys_STD, values_STD = self.key_value(normed_STD).chunk(2, dim=-1)
        query_SHTK, key_SHTK, value_SHTK = (
            part_STD.unflatten(-1, (self.num_heads, -1)).transpose(1, 2)
            for part_STD in (self.query(normed_STD), keys_STD, values_STD)
        )
        scale = query_SHTK.shape[-1] ** -0.5
        bias_SHTT = self._distance_scores(query_SHTK) * scale
        if valid_ST is not None:
            bias_SHTT = bias_SHTT.masked_fill(~valid_ST[:, None, None, :], torch.finfo(bias_SHTT.dtype).min)
        mixed_SHTK = nnf.scaled_dot_product_attention(query_SHTK, key_SHTK, value_SHTK, attn_mask=bias_SHTT)
        return self.dropout(self.output(mixed_SHTK.transpose(1, 2).flatten(2)))  # type: ignore[no-any-return]

    def _distance_scores(self, query_SHTK: Tensor) -> Tensor:
        """Query times the embedding of its distance to each key."""
        num_positions = query_SHTK.shape[2]
        position_T = torch.arange(num_positions, device=query_SHTK.device)
        distance_TT = (position_T[:, None] - position_T).clamp(-self.max_distance, self.max_distance)
        embedded_TTK = self.distance(distance_TT + self.max_distance)
        flat_TRK = query_SHTK.flatten(0, 1).transpose(0, 1)
        scores_TRT: Tensor = flat_TRK @ embedded_TTK.transpose(1, 2).to(flat_TRK.dtype)
        return scores_TRT.transpose(0, 1).reshape(*query_SHTK.shape[:3], num_positions)


class ConvolutionModule(nn.Module):
    """LayerNorm, a gated layer twice as wide, depthwise convolution, batch norm, Swish, back.

    Args:
        dim: D.
        kernel: Positions seen, odd.
        dropout: Of the result.
    """

    def __init__(self, dim: int, *, kernel: int, dropout: float) -> None:
        super().__init__()
        assert kernel % 2 == 1, kernel
        self.norm = nn.LayerNorm(dim)
        self.widen = nn.Linear(dim, 4 * dim)
        self.convolve = nn.Conv1d(2 * dim, 2 * dim, kernel, padding=kernel // 2, groups=2 * dim)
        self.batch_norm = PaddedBatchNorm(2 * dim)
        self.narrow = nn.Linear(2 * dim, dim)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x_STD: Tensor, valid_ST: Tensor | None) -> Tensor:
        """Same shape; padding counts as zeros."""
        mask_S1T = None if valid_ST is None else valid_ST.unsqueeze(1)
        gated_SDT = nnf.glu(self.widen(self.norm(x_STD)), dim=-1).transpose(1, 2)
        convolved_SDT = self.convolve(masked(gated_SDT, mask_S1T))
        active_STD = nnf.silu(self.batch_norm(convolved_SDT, mask_S1T)).transpose(1, 2)
        return self.dropout(self.narrow(active_STD))  # type: ignore[no-any-return]


class ConformerBlock(nn.Module):
    """Half a feed-forward layer, attention, convolution, half a feed-forward layer, LayerNorm.

    Args:
        dim: D.
        num_heads: Of the attention.
        kernel: Of the depthwise convolution, odd.
        max_distance: Of relative positions.
        dropout: After each part.
    """

    def __init__(self, dim: int, *, num_heads: int, kernel: int, max_distance: int, dropout: float) -> None:
        super().__init__()
        self.before = FeedForward(dim, dropout=dropout)
        self.attention = RelativeAttention(dim, num_heads=num_heads, max_distance=max_distance, dropout=dropout)
        self.convolution = ConvolutionModule(dim, kernel=kernel, dropout=dropout)
        self.after = FeedForward(dim, dropout=dropout)
        self.norm = nn.LayerNorm(dim)

    def forward(self, x_STD: Tensor, valid_ST: Tensor | None = None) -> Tensor:
        """Same shape.

        Args:
            x_STD: Sequences.
            valid_ST: True on positions that are not padding; None where all are.
        """
        x_STD = x_STD + 0.5 * self.before(x_STD)
        x_STD = x_STD + self.attention(x_STD, valid_ST)
        x_STD = x_STD + self.convolution(x_STD, valid_ST)
        x_STD = x_STD + 0.5 * self.after(x_STD)
        return self.norm(x_STD)  # type: ignore[no-any-return]
