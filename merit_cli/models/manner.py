"""MANNER: a mask on the channels of a waveform's first layer, from a U-net of conformers and attention.

Source: Park, Kang, Shin and Han (2022), MANNER: Multi-view attention network for noise erasure, section 2;
the norms and kernels that it does not name are those of its open implementation.

Every scale has as many samples for an utterance in a padded batch as for it alone, all beyond is zero,
and statistics and attentions leave it out, so an utterance in a padded batch is enhanced as it would be
alone.

Shape suffixes: B batch, N samples, C channels.
"""

from itertools import pairwise
from typing import ClassVar, Literal, Self

import torch
import torch.nn.functional as nnf
from pydantic import Field, model_validator
from torch import Tensor, nn

from merit_cli.config.frozen import FrozenConfig
from merit_cli.losses.spectrum import sample_mask
from merit_cli.models.levels import levelled
from merit_cli.models.multi_view_attention import (
    DEPTHWISE_KERNEL,
    GatedUnit,
    MultiViewAttention,
    NormedConvolution,
    unchanged,
)
from merit_cli.models.padded_norms import PaddedBatchNorm, masked
from merit_cli.models.waveform_model import HEARS_WAVEFORM

GROWTH = 2
"""Channels of a scale over those of the one above it, and of a conformer's inside over its outside."""


class MannerConfig(FrozenConfig):
    """Settings of `Manner`; the defaults are the paper's, base with 24.1 and small with 21.3 million parameters.

    A recipe that trains in minutes on two cores: ``size=small, hidden=12``, 0.91 million parameters.

    Args:
        name: Fixed.
        size: ``base`` has an attention block at every scale, ``small`` at the coarsest only.
        hidden: Channels of the finest scale.
        depth: Scales; each has twice the channels of the one above.
        kernel: Of the convolutions between scales, at least the stride.
        stride: Between scales.
        segment: Samples of an attention's chunk.
    """

    tasks: ClassVar[tuple[str, ...]] = ("enhancement",)
    hears: ClassVar[str] = HEARS_WAVEFORM
    name: Literal["manner"] = "manner"
    size: Literal["small", "base"] = "base"
    hidden: int = Field(default=60, ge=6, multiple_of=6)
    depth: int = Field(default=4, ge=1, le=6)
    kernel: int = Field(default=8, ge=1)
    stride: int = Field(default=4, ge=2)
    segment: int = Field(default=64, ge=2, multiple_of=2)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.kernel < self.stride:
            raise ValueError(f"the kernel {self.kernel} is under the stride {self.stride}")
        return self

    def build(self) -> "Manner":
        """The untrained network."""
        return Manner(self)


class ResidualConformer(nn.Module):
    """A gated, a depthwise and two pointwise convolutions, beside a pointwise one."""

    def __init__(self, channels_in: int, channels: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            [
                NormedConvolution(channels_in, GROWTH * channels_in, activation=_gated, has_bias=True),
                NormedConvolution(
                    channels_in, channels_in, kernel=DEPTHWISE_KERNEL, activation=nnf.silu, groups=channels_in
                ),
                NormedConvolution(channels_in, channels, activation=nnf.silu, has_bias=True),
                NormedConvolution(channels, channels, activation=unchanged),
            ]
        )
        self.shortcut = NormedConvolution(channels_in, channels, activation=unchanged)

    def forward(self, maps_BCN: Tensor, mask_B1N: Tensor | None) -> Tensor:
        """(B, channels, N)."""
        inner_BCN = maps_BCN
        for layer in self.layers:
            inner_BCN = layer(inner_BCN, mask_B1N)
        return torch.relu(inner_BCN + self.shortcut(maps_BCN, mask_B1N))


def _gated(maps_BCN: Tensor) -> Tensor:
    return nnf.glu(maps_BCN, dim=1)


def _attention(config: MannerConfig, level: int, channels: int) -> MultiViewAttention | None:
    has_attention = config.size == "base" or level == config.depth - 1
    return MultiViewAttention(channels, config.segment) if has_attention else None


class Coarser(nn.Module):
    """From a scale to the next: twice the channels at a lower rate.

    Args:
        config: Sizes.
        level: Of the scale above, 0 the finest.
    """

    def __init__(self, config: MannerConfig, level: int) -> None:
        super().__init__()
        fine = config.hidden * GROWTH**level
        self.down = nn.Conv1d(fine, fine, config.kernel, config.stride)
        self.norm = PaddedBatchNorm(fine)
        self.conformer = ResidualConformer(fine, GROWTH * fine)
        self.attention = _attention(config, level, GROWTH * fine)

    def forward(self, maps_BCN: Tensor, mask_B1N: Tensor | None) -> Tensor:
        """Maps at the rate of the mask."""
        maps_BCN = masked(torch.relu(self.norm(self.down(maps_BCN), mask_B1N)), mask_B1N)
        maps_BCN = self.conformer(maps_BCN, mask_B1N)
        return maps_BCN if self.attention is None else self.attention(maps_BCN, mask_B1N)


class Finer(nn.Module):
    """Back from a scale to the one above: half the channels at a higher rate.

    Args:
        config: Sizes.
        level: Of the scale above, 0 the finest.
    """

    def __init__(self, config: MannerConfig, level: int) -> None:
        super().__init__()
        fine = config.hidden * GROWTH**level
        self.conformer = ResidualConformer(GROWTH * fine, fine)
        self.up = nn.ConvTranspose1d(fine, fine, config.kernel, config.stride)
        self.norm = PaddedBatchNorm(fine)
        self.attention = _attention(config, level, fine)

    def forward(self, maps_BCN: Tensor, mask_B1N: Tensor | None, fine_mask_B1N: Tensor | None) -> Tensor:
        """Maps at the rate of the finer mask."""
        maps_BCN = self.up(self.conformer(maps_BCN, mask_B1N))
        maps_BCN = masked(torch.relu(self.norm(maps_BCN, fine_mask_B1N)), fine_mask_B1N)
        return maps_BCN if self.attention is None else self.attention(maps_BCN, fine_mask_B1N)


class Manner(nn.Module):
    """From noisy to enhanced waveforms at 16 kHz, of any level and length."""

    def __init__(self, config: MannerConfig) -> None:
        super().__init__()
        self.config = config
        coarsest = config.hidden * GROWTH**config.depth
        self.lift = NormedConvolution(1, config.hidden, kernel=3, has_bias=True)
        self.encoder = nn.ModuleList(Coarser(config, level) for level in range(config.depth))
        self.decoder = nn.ModuleList(Finer(config, level) for level in range(config.depth))
        self.turn = nn.Linear(coarsest, coarsest, bias=False)
        self.gate = GatedUnit(config.hidden)
        self.lower = nn.Conv1d(config.hidden, 1, 3, padding=1)

    def forward(self, noisy_BN: Tensor, lengths_B: Tensor | None = None) -> Tensor:
        """Enhanced waveforms (B, N), zero beyond each length; silence stays silence.

        Args:
            noisy_BN: Waveforms; scaled to an RMS of 1 for the network, and back.
            lengths_B: Valid samples; None where all are.
        """
        level = levelled(noisy_BN, lengths_B)
        num_samples = noisy_BN.shape[1]
        totals = self.samples_per_scale(torch.tensor(num_samples))
        padded_BN = nnf.pad(level.wave_BN, (0, int(totals[0]) - num_samples))
        masks = [
            None if bool((valid_B == total).all()) else sample_mask(valid_B, int(total)).unsqueeze(1)
            for valid_B, total in zip(self.samples_per_scale(level.lengths_B), totals, strict=True)
        ]
        enhanced_B1N = self.enhance(padded_BN.unsqueeze(1), masks)
        return level.restored(enhanced_B1N.squeeze(1)[:, :num_samples].to(noisy_BN.dtype))

    def samples_per_scale(self, lengths: Tensor) -> list[Tensor]:
        """Samples of every scale, from the finest, such that each is reached whole from the next.

        >>> [int(count) for count in MannerConfig(hidden=6).build().samples_per_scale(torch.tensor(16000))]
        [16212, 4052, 1012, 252, 62]
        """
        kernel, stride = self.config.kernel, self.config.stride
        for _ in range(self.config.depth):
            lengths = ((lengths - kernel + stride - 1) // stride + 1).clamp(min=1)
        scales = [lengths]
        for _ in range(self.config.depth):
            scales.append((scales[-1] - 1) * stride + kernel)
        return scales[::-1]

    def enhance(self, wave_B1N: Tensor, masks: list[Tensor | None]) -> Tensor:
        """Enhanced (B, 1, N), of a length that the scales reach, with the mask of every scale."""
        lifted_BCN = self.lift(wave_B1N, masks[0])
        maps_BCN, skips_BCN = lifted_BCN, []
        for coarser, mask in zip(self.encoder, masks[1:], strict=True):
            maps_BCN = coarser(maps_BCN, mask)
            skips_BCN.append(maps_BCN)
        maps_BCN = torch.relu(self.turn(maps_BCN.transpose(1, 2))).transpose(1, 2)
        steps = list(zip(self.decoder, skips_BCN, pairwise(masks), strict=True))
        for finer, skip_BCN, (fine_mask, mask) in reversed(steps):
            maps_BCN = finer(maps_BCN + skip_BCN, mask, fine_mask)
        return self.lower(masked(lifted_BCN * self.gate(maps_BCN), masks[0]))  # type: ignore[no-any-return]
