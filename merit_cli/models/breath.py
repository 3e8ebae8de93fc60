"""A small convolutional network over log-mel spectrograms of breath cycles.

Shape suffixes: B batch, N samples, F frequency bins, M mel bands, T frames, D channels, C classes.
"""

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from merit_cli.audio.mel import mel_filters
from merit_cli.models.classifier import ClassifierConfig, SpectrogramClassifier

RANGE_DB = 80.0
"""Mel bands are kept down to this far under the clip's loudest one."""


class BreathCnnConfig(ClassifierConfig):
    """Settings of `BreathCnn`; the default has about 79 000 parameters.

    Args:
        name: Fixed.
        sample_rate: Of the input, in Hz.
        duration: Of the input, in seconds; shorter cycles are repeated.
        window_length: STFT window in samples (32 ms: crackles last 4-16 ms).
        hop_length: In samples (20 ms; windows overlap by 12 ms, so no crackle falls between two).
        fft_size: Zero-padded, so that no low mel band is empty.
        num_mels: Mel bands.
        low_hz: Lower edge.
        high_hz: Upper edge.
        channels: Of the convolutions, each of which halves both axes.
    """

    name: Literal["breath-cnn"] = "breath-cnn"
    sample_rate: int = Field(default=4000, ge=2000)
    duration: float = Field(default=5.0, gt=0.5, le=30.0)
    window_length: int = Field(default=128, ge=16)
    hop_length: int = Field(default=80, ge=4)
    fft_size: int = Field(default=512, ge=16)
    num_mels: int = Field(default=64, ge=16)
    low_hz: float = Field(default=50.0, ge=0.0)
    high_hz: float = Field(default=2000.0, gt=0.0)
    channels: tuple[int, ...] = (16, 32, 64, 96)

    def build(self, num_classes: int) -> "BreathCnn":
        """The untrained network."""
        return BreathCnn(self, num_classes)


class LogMel(nn.Module):
    """Log-mel spectrogram of each clip, at mean 0 and variance 1 over the clip, so that gain does not matter."""

    window_N: Tensor
    filters_MF: Tensor

    def __init__(self, config: BreathCnnConfig) -> None:
        super().__init__()
        self.config = config
        filters_MF = mel_filters(
            config.num_mels,
            num_bins=config.fft_size // 2 + 1,
            sample_rate=config.sample_rate,
            lowest_hz=config.low_hz,
            highest_hz=config.high_hz,
        )
        self.register_buffer("window_N", torch.hann_window(config.window_length), persistent=False)
        self.register_buffer("filters_MF", torch.as_tensor(filters_MF, dtype=torch.float32), persistent=False)

    def forward(self, waves_BN: Tensor) -> Tensor:
        """Standardised decibels (B, M, T)."""
        spectrum_BFT = torch.stft(
            waves_BN,
            self.config.fft_size,
            hop_length=self.config.hop_length,
            win_length=self.config.window_length,
            window=self.window_N,
            return_complex=True,
        )
        power_BMT = torch.einsum("bft,mf->bmt", spectrum_BFT.abs().square(), self.filters_MF)
        db_BMT = 10.0 * torch.log10(power_BMT + 1e-12)
        db_BMT = torch.maximum(db_BMT, db_BMT.amax(dim=(1, 2), keepdim=True) - RANGE_DB)
        centred_BMT = db_BMT - db_BMT.mean(dim=(1, 2), keepdim=True)
        return centred_BMT / (centred_BMT.square().mean(dim=(1, 2), keepdim=True).sqrt() + 1e-3)


class BreathCnn(SpectrogramClassifier):
    """Convolutions, then mean over frequency and mean plus maximum over time (Kong et al. 2020, PANNs)."""

    def __init__(self, config: BreathCnnConfig, num_classes: int) -> None:
        super().__init__()
        self.config = config
        self.log_mel = LogMel(config)
        blocks: list[nn.Module] = []
        num_in = 1
        for num_out in config.channels:
            blocks += [
                nn.Conv2d(num_in, num_out, 3, padding=1, bias=False),
                nn.BatchNorm2d(num_out),
                nn.ReLU(),
                nn.AvgPool2d(2),
            ]
            num_in = num_out
        self.blocks = nn.Sequential(*blocks)
        self.num_features = num_in
        self.head = nn.Linear(num_in, num_classes)

    def spectrogram(self, waves_BN: Tensor) -> Tensor:
        """Standardised log-mel bands (B, M, T)."""
        return self.log_mel(waves_BN)  # type: ignore[no-any-return]

    def embed(self, maps_BMT: Tensor) -> Tensor:
        """Features (B, D) of standardised spectrograms."""
        maps_BDMT = self.blocks(maps_BMT.unsqueeze(1))
        over_time_BDT = maps_BDMT.mean(dim=2)
        return over_time_BDT.mean(dim=2) + over_time_BDT.amax(dim=2)  # type: ignore[no-any-return]

    def classify(self, features_BD: Tensor) -> Tensor:
        """Logits (B, C)."""
        return self.head(features_BD)  # type: ignore[no-any-return]
