"""PHASEN: an amplitude stream and a phase stream that gate each other.

Source: Yin, Luo, Xiong and Zeng (2020), PHASEN: A phase-and-harmonics-aware speech enhancement network,
section 3. Sizes in common use come from an open implementation, which differs from the paper: the
recurrent layer is a GRU of 300 units a direction (not an LSTM of 600), the attention of a frequency
transformation block is one value a channel and frame (not a bin and frame), and two kernels of the
phase stream are wider. They are taken here.

Convolutions see zeros beyond an utterance's end and every statistic leaves padding out, so an utterance
in a padded batch is enhanced as it would be alone.

Shape suffixes: B batch, N samples, A amplitude channels, P phase channels, T frames, F bins, H hidden.
"""

from typing import ClassVar, Literal, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from merit_cli.config.frozen import FrozenConfig
from merit_cli.losses.spectrum import StftShape, istft, spectrum_frames, spectrum_mask, stft
from merit_cli.models.blstm import reverse_frames
from merit_cli.models.levels import levelled
from merit_cli.models.padded_norms import GlobalLayerNorm, PaddedBatchNorm, frames_to_maps, masked
from merit_cli.models.waveform_model import HEARS_WAVEFORM

SQUEEZED_CHANNELS = 5
"""Before the attention of a frequency transformation block."""
ATTENTION_KERNEL = 9
"""Frames seen by that attention."""
HEAD_CHANNELS = 8
"""Of the amplitude stream in front of the recurrent layer."""
UNIT_FLOOR = 1e-12
"""Added to the squared modulus before a complex number is brought to modulus 1."""


class PhasenConfig(FrozenConfig):
    """Settings of `Phasen`; the defaults are the light version, 96 and 48 channels the paper's.

    A recipe that trains in minutes on two cores: ``amplitude_channels=8, phase_channels=4, num_blocks=2,
    rnn_hidden=64, head_hidden=128, hop_length=200, phase=correction``, 1.5 million parameters.

    Args:
        name: Fixed.
        window_length: Hann window, in samples at 16 kHz.
        hop_length: In samples, at most half the window.
        fft_size: At least the window.
        num_blocks: Two-stream blocks.
        amplitude_channels: Of the amplitude stream.
        phase_channels: Of the phase stream.
        rnn_hidden: Units of each direction of the recurrent layer.
        head_hidden: Of the two layers behind it.
        phase: ``free`` predicts the phase, as in the paper; ``correction`` adds the prediction to the noisy
            phase before it is brought to modulus 1, which learns much faster.
    """

    tasks: ClassVar[tuple[str, ...]] = ("enhancement",)
    hears: ClassVar[str] = HEARS_WAVEFORM
    name: Literal["phasen"] = "phasen"
    window_length: int = Field(default=400, ge=16, multiple_of=2)
    hop_length: int = Field(default=100, ge=4)
    fft_size: int = Field(default=512, ge=16, multiple_of=2)
    num_blocks: int = Field(default=3, ge=1)
    amplitude_channels: int = Field(default=24, ge=1)
    phase_channels: int = Field(default=12, ge=1)
    rnn_hidden: int = Field(default=300, ge=1)
    head_hidden: int = Field(default=600, ge=1)
    phase: Literal["free", "correction"] = "free"

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if 2 * self.hop_length > self.window_length:
            raise ValueError(f"the hop {self.hop_length} is over half of the window {self.window_length}")
        if self.fft_size < self.window_length:
            raise ValueError(f"the FFT of {self.fft_size} is shorter than the window of {self.window_length}")
        return self

    @property
    def shape(self) -> StftShape:
        """The transform."""
        return StftShape(self.window_length, self.hop_length, self.fft_size, "hann")

    def build(self) -> "Phasen":
        """The untrained network."""
        return Phasen(self)


class RectifiedConvolution(nn.Module):
    """Convolution of the same size, batch norm, ReLU."""

    def __init__(self, channels_in: int, channels: int, kernel: tuple[int, int] = (1, 1)) -> None:
        super().__init__()
        self.convolve = nn.Conv2d(channels_in, channels, kernel, padding=(kernel[0] // 2, kernel[1] // 2))
        self.norm = PaddedBatchNorm(channels)

    def forward(self, maps: Tensor, mask: Tensor | None) -> Tensor:
        """(B, channels, T, F)."""
        return torch.relu(self.norm(self.convolve(masked(maps, mask)), mask))


class FrequencyTransformation(nn.Module):
    """Attention over time, then a learned matrix over all bins, which sees harmonics as one.

    Args:
        channels: A.
        num_bins: F.
    """

    def __init__(self, channels: int, num_bins: int) -> None:
        super().__init__()
        self.squeeze = RectifiedConvolution(channels, SQUEEZED_CHANNELS)
        self.attend = nn.Conv1d(SQUEEZED_CHANNELS * num_bins, channels, ATTENTION_KERNEL, padding=ATTENTION_KERNEL // 2)
        self.norm = PaddedBatchNorm(channels)
        self.transform = nn.Linear(num_bins, num_bins, bias=False)
        self.join = RectifiedConvolution(2 * channels, channels)

    def forward(self, maps_BATF: Tensor, mask: Tensor | None) -> Tensor:
        """Same shape."""
        squeezed_BXT = masked(self.squeeze(maps_BATF, mask), mask).transpose(2, 3).flatten(1, 2)
        frames_mask = None if mask is None else mask.squeeze(3)
        attention_BAT = torch.relu(self.norm(self.attend(squeezed_BXT), frames_mask))
        transformed_BATF = self.transform(maps_BATF * attention_BAT.unsqueeze(-1))
        return self.join(torch.cat([maps_BATF, transformed_BATF], dim=1), mask)  # type: ignore[no-any-return]


class TwoStreamBlock(nn.Module):
    """One step of both streams, each then gated by the other."""

    def __init__(self, config: PhasenConfig) -> None:
        super().__init__()
        amplitude, phase = config.amplitude_channels, config.phase_channels
        self.amplitude = nn.ModuleList(
            [
                FrequencyTransformation(amplitude, config.shape.num_bins),
                RectifiedConvolution(amplitude, amplitude, (5, 5)),
                RectifiedConvolution(amplitude, amplitude, (25, 1)),
                RectifiedConvolution(amplitude, amplitude, (5, 5)),
                FrequencyTransformation(amplitude, config.shape.num_bins),
            ]
        )
        self.norms = nn.ModuleList(GlobalLayerNorm(phase) for _ in range(2))
        self.convolutions = nn.ModuleList(
            [
                nn.Conv2d(phase, phase, (5, 5), padding=(2, 2)),
                nn.Conv2d(phase, phase, (25, 1), padding=(12, 0)),
            ]
        )
        self.gate_amplitude = nn.Conv2d(phase, amplitude, 1)
        self.gate_phase = nn.Conv2d(amplitude, phase, 1)

    def forward(self, amplitude_BATF: Tensor, phase_BPTF: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor]:
        """Both streams, in their shapes."""
        for layer in self.amplitude:
            amplitude_BATF = layer(amplitude_BATF, mask)
        for norm, convolve in zip(self.norms, self.convolutions, strict=True):
            phase_BPTF = convolve(masked(norm(phase_BPTF, mask), mask))
        return (
            amplitude_BATF * torch.tanh(self.gate_amplitude(phase_BPTF)),
            phase_BPTF * torch.tanh(self.gate_phase(amplitude_BATF)),
        )


class AmplitudeHead(nn.Module):
    """A bidirectional recurrent layer over frames and three linear ones: a mask in (0, 1)."""

    def __init__(self, config: PhasenConfig) -> None:
        super().__init__()
        num_bins, hidden = config.shape.num_bins, config.head_hidden
        self.narrow = RectifiedConvolution(config.amplitude_channels, HEAD_CHANNELS)
        self.onwards, self.backwards = (
            nn.GRU(HEAD_CHANNELS * num_bins, config.rnn_hidden, batch_first=True) for _ in range(2)
        )
        self.layers = nn.Sequential(
            nn.Linear(2 * config.rnn_hidden, hidden),
            nn.ReLU(),
            nn.Linear(hidden, hidden),
            nn.ReLU(),
            nn.Linear(hidden, num_bins),
            nn.Sigmoid(),
        )

    def forward(self, maps_BATF: Tensor, mask: Tensor | None, frames_B: Tensor) -> Tensor:
        """Mask (B, T, F)."""
        frames_BTH = self.narrow(maps_BATF, mask).permute(0, 2, 1, 3).flatten(2)
        ahead_BTH = self.onwards(frames_BTH)[0]
        behind_BTH = reverse_frames(self.backwards(reverse_frames(frames_BTH, frames_B))[0], frames_B)
        return self.layers(torch.cat([ahead_BTH, behind_BTH], dim=-1))  # type: ignore[no-any-return]


class Phasen(nn.Module):
    """From noisy to enhanced waveforms at 16 kHz, of any level."""

    def __init__(self, config: PhasenConfig) -> None:
        super().__init__()
        self.config = config
        amplitude, phase = config.amplitude_channels, config.phase_channels
        self.see_bins = RectifiedConvolution(2, amplitude, (1, 7))
        self.see_frames = RectifiedConvolution(amplitude, amplitude, (7, 1))
        self.phase_near = nn.Conv2d(2, phase, (5, 3), padding=(2, 1))
        self.phase_far = nn.Conv2d(phase, phase, (25, 3), padding=(12, 1))
        self.blocks = nn.ModuleList(TwoStreamBlock(config) for _ in range(config.num_blocks))
        self.amplitude_head = AmplitudeHead(config)
        self.phase_head = nn.Conv2d(phase, 2, 1)

    def forward(self, noisy_BN: Tensor, lengths_B: Tensor | None = None) -> Tensor:
        """Enhanced waveforms (B, N), zero beyond each length; silence stays silence.

        Args:
            noisy_BN: Waveforms; scaled to an RMS of 1 for the network, and back.
            lengths_B: Valid samples; None where all are.
        """
        level, shape = levelled(noisy_BN, lengths_B), self.config.shape
        enhanced_BTF = self.enhance(stft(level.wave_BN, level.lengths_B, shape), level.lengths_B)
        wave_BN = istft(enhanced_BTF, level.lengths_B, num_samples=noisy_BN.shape[1], shape=shape)
        return level.restored(wave_BN)

    def enhance(self, noisy_BTF: Tensor, lengths_B: Tensor) -> Tensor:
        """The complex spectrum (B, T, F), enhanced: masked magnitude, phase of modulus 1."""
        shape = self.config.shape
        mask = frames_to_maps(spectrum_mask(lengths_B, noisy_BTF.shape[1], shape))
        parts_B2TF = torch.stack([noisy_BTF.real, noisy_BTF.imag], dim=1)
        amplitude_BATF = self.see_frames(self.see_bins(parts_B2TF, mask), mask)
        phase_BPTF = self.phase_far(masked(self.phase_near(parts_B2TF), mask))
        for block in self.blocks:
            amplitude_BATF, phase_BPTF = block(amplitude_BATF, phase_BPTF, mask)
        frames_B = spectrum_frames(lengths_B, shape)
        mask_BTF: Tensor = self.amplitude_head(amplitude_BATF, mask, frames_B).float()
        phase_BTF = torch.complex(*self.phase_head(phase_BPTF).float().unbind(1))
        if self.config.phase == "correction":
            phase_BTF = phase_BTF + _unit(noisy_BTF)
        return mask_BTF * noisy_BTF.abs() * _unit(phase_BTF)


def _unit(spectrum: Tensor) -> Tensor:
    return spectrum * torch.rsqrt(spectrum.real.square() + spectrum.imag.square() + UNIT_FLOOR)
