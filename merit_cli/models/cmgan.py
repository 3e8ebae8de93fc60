"""CMGAN's generator: conformers over time and over frequency, a mask and a complex correction.

Source: Cao, Abdulatif and Yang (2022), CMGAN: Conformer-based Metric GAN for speech enhancement, section 2.

Convolutions over time are causal and every statistic leaves padding out, so an utterance in a padded
batch is enhanced as it would be alone.

Shape suffixes: B batch, N samples, C channels, T frames, F bins, S sequences, D features.
"""

from typing import ClassVar, Literal, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from merit_cli.config.frozen import FrozenConfig
from merit_cli.losses.compressed import compress, decompress
from merit_cli.losses.spectrum import StftShape, istft, spectrum_mask, stft
from merit_cli.models.conformer import ConformerBlock
from merit_cli.models.dense_maps import DenseBlock, NormalisedConvolution, Upsampling
from merit_cli.models.levels import levelled
from merit_cli.models.padded_norms import PaddedInstanceNorm, frames_to_maps, masked
from merit_cli.models.waveform_model import HEARS_WAVEFORM

MASK_SLOPE = -0.25
"""Start of the mask's PReLU: with a negative slope an unsure mask is positive."""


class CmganConfig(FrozenConfig):
    """Settings of `Cmgan`; the defaults have the paper's 1.83 million parameters.

    On two cores in minutes: ``channels=16, num_blocks=1, num_heads=1, dense_depth=2, kernel=15, hop_length=200``,
    67 000 parameters.

    Args:
        name: Fixed.
        window_length: Hamming window and FFT, in samples at 16 kHz; a multiple of 4.
        hop_length: In samples, at most half the window.
        power: Of the magnitudes that the network sees.
        channels: Of every map; a multiple of ``num_heads``.
        dense_depth: Convolutions in a dense block, with dilations 1, 2, 4, ... over time.
        num_blocks: Two-stage conformers.
        num_heads: Of each attention.
        kernel: Of the conformers' depthwise convolutions, odd.
        max_distance: Of relative positions, in frames or bins.
        dropout: In the conformers.
    """

    tasks: ClassVar[tuple[str, ...]] = ("enhancement",)
    hears: ClassVar[str] = HEARS_WAVEFORM
    chunk_seconds: ClassVar[float] = 4.0  # attention over time: 1.0 GB at paper size, 4.0 GB for 8 s
    name: Literal["cmgan"] = "cmgan"
    window_length: int = Field(default=400, ge=16, multiple_of=4)
    hop_length: int = Field(default=100, ge=4)
    power: float = Field(default=0.3, gt=0.0, le=1.0)
    channels: int = Field(default=64, ge=4)
    dense_depth: int = Field(default=4, ge=1, le=6)
    num_blocks: int = Field(default=4, ge=1)
    num_heads: int = Field(default=4, ge=1)
    kernel: int = Field(default=31, ge=3)
    max_distance: int = Field(default=512, ge=1)
    dropout: float = Field(default=0.2, ge=0.0, lt=1.0)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.channels % self.num_heads:
            raise ValueError(f"{self.channels} channels are no multiple of {self.num_heads} heads")
        if self.kernel % 2 == 0:
            raise ValueError(f"the kernel {self.kernel} is not odd")
        if 2 * self.hop_length > self.window_length:
            raise ValueError(f"the hop {self.hop_length} is over half of the window {self.window_length}")
        return self

    @property
    def shape(self) -> StftShape:
        """The transform."""
        return StftShape(self.window_length, self.hop_length, self.window_length, "hamming")

    def build(self) -> "Cmgan":
        """The untrained generator."""
        return Cmgan(self)


class TwoStageBlock(nn.Module):
    """A conformer along time for each bin, then one along frequency for each frame, each with a bypass."""

    def __init__(self, config: CmganConfig) -> None:
        super().__init__()
        self.over_time, self.over_frequency = (
            ConformerBlock(
                config.channels,
                num_heads=config.num_heads,
                kernel=config.kernel,
                max_distance=config.max_distance,
                dropout=config.dropout,
            )
            for _ in range(2)
        )

    def forward(self, maps_BCTF: Tensor, valid_BT: Tensor | None) -> Tensor:
        """Same shape; frames of padding come out as they went in to the second stage."""
        num_bins = maps_BCTF.shape[3]
        rows_STD = maps_BCTF.permute(0, 3, 2, 1).flatten(0, 1)
        valid_ST = None if valid_BT is None else valid_BT.repeat_interleave(num_bins, 0)
        rows_STD = rows_STD + self.over_time(rows_STD, valid_ST)
        maps_BTFC: Tensor = rows_STD.unflatten(0, (-1, num_bins)).transpose(1, 2)
        frames_SFD = maps_BTFC.flatten(0, 1) if valid_BT is None else maps_BTFC[valid_BT]
        frames_SFD = frames_SFD + self.over_frequency(frames_SFD)
        if valid_BT is None:
            maps_BTFC = frames_SFD.view_as(maps_BTFC)
        else:
            maps_BTFC = maps_BTFC.masked_scatter(valid_BT[:, :, None, None], frames_SFD.to(maps_BTFC.dtype))
        return maps_BTFC.permute(0, 3, 1, 2)


class MaskDecoder(nn.Module):
    """An unbounded mask of the magnitude."""

    def __init__(self, config: CmganConfig) -> None:
        super().__init__()
        self.dense = DenseBlock(config.channels, config.dense_depth)
        self.upsample = Upsampling(config.channels)
        self.reduce = nn.Conv2d(config.channels, 1, (1, 2))
        self.norm = PaddedInstanceNorm(1)
        self.activate = nn.PReLU(1)
        self.final = nn.Conv2d(1, 1, 1)
        self.slope = nn.PReLU(config.shape.num_bins, init=MASK_SLOPE)

    def forward(self, maps_BCTF: Tensor, mask: Tensor | None) -> Tensor:
        """Mask (B, T, F)."""
        reduced_B1TF = self.reduce(self.upsample(self.dense(maps_BCTF, mask)))
        mask_BTF = self.final(self.activate(self.norm(reduced_B1TF, mask))).squeeze(1)
        return self.slope(mask_BTF.transpose(1, 2)).transpose(1, 2)  # type: ignore[no-any-return]


class ComplexDecoder(nn.Module):
    """What is added to the masked spectrum, real and imaginary."""

    def __init__(self, config: CmganConfig) -> None:
        super().__init__()
        self.dense = DenseBlock(config.channels, config.dense_depth)
        self.upsample = Upsampling(config.channels)
        self.norm = PaddedInstanceNorm(config.channels)
        self.activate = nn.PReLU(config.channels)
        self.reduce = nn.Conv2d(config.channels, 2, (1, 2))

    def forward(self, maps_BCTF: Tensor, mask: Tensor | None) -> Tensor:
        """Complex (B, T, F)."""
        wide_BCTF = self.upsample(self.dense(maps_BCTF, mask))
        parts_B2TF = self.reduce(self.activate(self.norm(wide_BCTF, mask)))
        return torch.complex(*parts_B2TF.float().unbind(1))


class Cmgan(nn.Module):
    """From noisy to enhanced waveforms at 16 kHz, of any level."""

    def __init__(self, config: CmganConfig) -> None:
        super().__init__()
        self.config = config
        self.widen = NormalisedConvolution(3, config.channels, (1, 1))
        self.dense = DenseBlock(config.channels, config.dense_depth)
        self.halve = NormalisedConvolution(config.channels, config.channels, (1, 3), stride=2)
        self.blocks = nn.ModuleList(TwoStageBlock(config) for _ in range(config.num_blocks))
        self.mask_decoder = MaskDecoder(config)
        self.complex_decoder = ComplexDecoder(config)

    def forward(self, noisy_BN: Tensor, lengths_B: Tensor | None = None) -> Tensor:
        """Enhanced waveforms (B, N), zero beyond each length; silence stays silence.

        Args:
            noisy_BN: Waveforms; scaled to an RMS of 1 for the network, and back.
            lengths_B: Valid samples; None where all are.
        """
        level, shape, power = levelled(noisy_BN, lengths_B), self.config.shape, self.config.power
        noisy_BTF = compress(stft(level.wave_BN, level.lengths_B, shape), power)
        enhanced_BTF = decompress(self.enhance(noisy_BTF, level.lengths_B), power)
        wave_BN = istft(enhanced_BTF, level.lengths_B, num_samples=noisy_BN.shape[1], shape=shape)
        return level.restored(wave_BN)

    def enhance(self, noisy_BTF: Tensor, lengths_B: Tensor) -> Tensor:
        """The compressed complex spectrum (B, T, F), enhanced."""
        valid_BT = spectrum_mask(lengths_B, noisy_BTF.shape[1], self.config.shape)
        mask = frames_to_maps(valid_BT)
        maps_BCTF = torch.stack([noisy_BTF.abs(), noisy_BTF.real, noisy_BTF.imag], dim=1)
        maps_BCTF = self.halve(self.dense(self.widen(maps_BCTF, mask), mask), mask)
        for block in self.blocks:
            maps_BCTF = block(maps_BCTF, None if mask is None else valid_BT)
        maps_BCTF = masked(maps_BCTF, mask)
        mask_BTF: Tensor = self.mask_decoder(maps_BCTF, mask).float()
        correction_BTF: Tensor = self.complex_decoder(maps_BCTF, mask)
        return mask_BTF * noisy_BTF + correction_BTF
