"""A discriminator that predicts a metric of a signal from its spectrum and that of the clean one.

Source: Cao, Abdulatif and Yang (2022), CMGAN, section 2.2; Fu et al. (2021), MetricGAN+, for the
learnable sigmoid.

Shape suffixes: B batch, N samples, C channels, T frames, F bins.
"""

from itertools import pairwise
from typing import Literal

import torch
import torch.nn.functional as nnf
from pydantic import Field
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from merit_cli.config.frozen import FrozenConfig
from merit_cli.losses.compressed import compress, unit_rms_gain
from merit_cli.losses.spectrum import StftShape, spectrum_frames, stft
from merit_cli.models.padded_norms import PaddedInstanceNorm

NUM_LAYERS = 4
SHORTEST = 2**NUM_LAYERS
"""Frames: each layer halves them."""
SMOOTHING = 1e-6
"""Of the magnitude around 0, where its slope is not defined; it leaves 0 at 0."""


class MetricDiscriminatorConfig(FrozenConfig):
    """Settings of `MetricDiscriminator`; the default has 0.18 million parameters.

    Args:
        name: Fixed.
        window_length: Hamming window and FFT, in samples at 16 kHz.
        hop_length: In samples.
        power: Of the magnitudes.
        channels: Of the first layer; each next has twice as many.
        dropout: In front of the last layer.
    """

    name: Literal["metric-discriminator"] = "metric-discriminator"
    window_length: int = Field(default=400, ge=64, multiple_of=2)
    hop_length: int = Field(default=100, ge=4)
    power: float = Field(default=0.3, gt=0.0, le=1.0)
    channels: int = Field(default=16, ge=1)
    dropout: float = Field(default=0.3, ge=0.0, lt=1.0)

    @property
    def shape(self) -> StftShape:
        """The transform."""
        return StftShape(self.window_length, self.hop_length, self.window_length, "hamming")

    def build(self) -> "MetricDiscriminator":
        """The untrained discriminator."""
        return MetricDiscriminator(self)


class HalvingLayer(nn.Module):
    """Strided convolution under spectral norm, instance norm, PReLU: half the frames and bins."""

    def __init__(self, channels_in: int, channels: int) -> None:
        super().__init__()
        self.convolve = spectral_norm(nn.Conv2d(channels_in, channels, 4, stride=2, padding=1, bias=False))
        self.norm = PaddedInstanceNorm(channels)
        self.activate = nn.PReLU(channels)

    def forward(self, maps_BCTF: Tensor, frames_B: Tensor) -> tuple[Tensor, Tensor]:
        """Maps, zero beyond each utterance's frames, and those frames."""
        frames_B = frames_B // 2
        halved_BCTF = self.convolve(maps_BCTF)
        mask = _frame_mask(frames_B, halved_BCTF.shape[2])
        normed_BCTF = self.activate(self.norm(halved_BCTF, None if bool(mask.all()) else mask))
        return normed_BCTF * mask, frames_B


class LearnableSigmoid(nn.Module):
    """A sigmoid with a learned slope."""

    def __init__(self) -> None:
        super().__init__()
        self.slope = nn.Parameter(torch.ones(1))

    def forward(self, x: Tensor) -> Tensor:
        """In (0, 1)."""
        return torch.sigmoid(self.slope * x)


class MetricDiscriminator(nn.Module):
    """A metric in (0, 1) for each pair of clean and processed waveforms.

    In train mode each pass takes one step of the spectral norms' power iteration, which is part of the
    state.
    """

    def __init__(self, config: MetricDiscriminatorConfig) -> None:
        super().__init__()
        self.config = config
        sizes = [2, *(config.channels * 2**index for index in range(NUM_LAYERS))]
        self.layers = nn.ModuleList(HalvingLayer(*pair) for pair in pairwise(sizes))
        self.widen = spectral_norm(nn.Linear(sizes[-1], sizes[-1] // 2))
        self.dropout = nn.Dropout(config.dropout)
        self.activate = nn.PReLU(sizes[-1] // 2)
        self.score = spectral_norm(nn.Linear(sizes[-1] // 2, 1))
        self.sigmoid = LearnableSigmoid()

    def forward(self, clean_BN: Tensor, processed_BN: Tensor, lengths_B: Tensor) -> Tensor:
        """Scores (B,).

        Args:
            clean_BN: References; their RMS sets the scale of both signals.
            processed_BN: What is to be scored; the references themselves should get 1.
            lengths_B: Valid samples.
        """
        gain_B1 = unit_rms_gain(clean_BN, lengths_B)
        magnitudes = [self._magnitude(wave_BN * gain_B1, lengths_B) for wave_BN in (clean_BN, processed_BN)]
        maps_BCTF = torch.stack(magnitudes, dim=1)
        missing = max(0, SHORTEST - maps_BCTF.shape[2])
        maps_BCTF = nnf.pad(maps_BCTF, (0, 0, 0, missing))
        frames_B = spectrum_frames(lengths_B.to(clean_BN.device), self.config.shape).clamp(min=SHORTEST)
        for layer in self.layers:
            maps_BCTF, frames_B = layer(maps_BCTF, frames_B)
        mask = _frame_mask(frames_B, maps_BCTF.shape[2])
        pooled_BC = maps_BCTF.masked_fill(~mask, -torch.inf).amax(dim=(2, 3))
        hidden_BC = self.activate(self.dropout(self.widen(pooled_BC)))
        return self.sigmoid(self.score(hidden_BC)).squeeze(1)  # type: ignore[no-any-return]

    def _magnitude(self, wave_BN: Tensor, lengths_B: Tensor) -> Tensor:
        spectrum_BTF = compress(stft(wave_BN, lengths_B, self.config.shape), self.config.power)
        squared_BTF = spectrum_BTF.real.square() + spectrum_BTF.imag.square()
        return torch.sqrt(squared_BTF + SMOOTHING**2) - SMOOTHING


def _frame_mask(frames_B: Tensor, num_frames: int) -> Tensor:
    """True (B, 1, T, 1) on valid frames."""
    return (torch.arange(num_frames, device=frames_B.device) < frames_B.unsqueeze(1))[:, None, :, None]
