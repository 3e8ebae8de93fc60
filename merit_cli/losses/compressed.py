"""Distance of power-compressed spectra, and of waveforms: what PHASEN and CMGAN are trained on.

Speech falls off by some 60 dB over its spectrum; a power of 0.3 makes 18 dB of that, so that the weak
bins count too. Both signals are brought to one scale by the caller or by `unit_rms_gain`.

Shape suffixes: B batch, N samples, T frames, F bins.
"""

from typing import Literal, NamedTuple

import torch
from pydantic import Field
from torch import Tensor

from merit_cli.config.frozen import FrozenConfig
from merit_cli.losses.spectral import MaskedSum
from merit_cli.losses.spectrum import StftShape, sample_mask, spectrum_mask, stft
from merit_cli.losses.waveform import absolute_error_sum

POWER_FLOOR = 1e-8
"""Added to |X|^2 before the power, which has no finite slope at 0; 100 dB under a bin at unit RMS."""
SILENT_RMS = 1e-8
"""A signal under this is silent: its gain is 1."""


def unit_rms_gain(wave_BN: Tensor, lengths_B: Tensor) -> Tensor:
    """Gain (B, 1) that brings each utterance to an RMS of 1; 1 for silence.

    >>> unit_rms_gain(torch.tensor([[2.0, -2.0, 9.0], [0.0, 0.0, 0.0]]), torch.tensor([2, 3])).tolist()
    [[0.5], [1.0]]
    """
    valid_BN = sample_mask(lengths_B.to(wave_BN.device), wave_BN.shape[1])
    energy_B1 = wave_BN.square().where(valid_BN, 0.0).sum(1, keepdim=True)
    power_B1 = energy_B1 / lengths_B.to(wave_BN).clamp(min=1).unsqueeze(1)
    is_silent_B1 = power_B1 < SILENT_RMS**2
    return torch.rsqrt(power_B1.where(~is_silent_B1, 1.0))


def compress(spectrum: Tensor, power: float) -> Tensor:
    """|X|^power with the phase kept, for a complex spectrum of any shape.

    >>> compress(torch.tensor([8.0j]), 1 / 3).imag.item()
    2.0...
    """
    return spectrum * _squared(spectrum) ** ((power - 1.0) / 2.0)


def decompress(spectrum: Tensor, power: float) -> Tensor:
    """The inverse of `compress`, but for the floor."""
    return spectrum * _squared(spectrum) ** ((1.0 / power - 1.0) / 2.0)


def _squared(spectrum: Tensor) -> Tensor:
    return spectrum.real.square() + spectrum.imag.square() + POWER_FLOOR


class CompressedSums(NamedTuple):
    """Sums over valid bins, and over valid samples for ``waveform``."""

    complex: MaskedSum
    magnitude: MaskedSum
    waveform: MaskedSum


class CompressedLossConfig(FrozenConfig):
    """Weights of the terms; the defaults are CMGAN's. PHASEN's are 0.5, 0.5 and 0, with a Hann window, FFT 512.

    Args:
        power: Of the magnitude.
        complex_weight: Of the squared distance of real and imaginary parts, added.
        magnitude_weight: Of the squared distance of compressed magnitudes.
        waveform_weight: Of the absolute distance of samples.
        window_length: In samples.
        hop_length: In samples.
        fft_size: In samples.
        window: Its form.
    """

    power: float = Field(default=0.3, gt=0.0, le=1.0)
    complex_weight: float = Field(default=0.1, ge=0.0)
    magnitude_weight: float = Field(default=0.9, ge=0.0)
    waveform_weight: float = Field(default=0.2, ge=0.0)
    window_length: int = Field(default=400, ge=16, multiple_of=2)
    hop_length: int = Field(default=100, ge=4)
    fft_size: int = Field(default=400, ge=16, multiple_of=2)
    window: Literal["hamming", "hann"] = "hamming"

    def weights(self) -> dict[str, float]:
        """Of each term, under the names of `CompressedSums`."""
        return {"complex": self.complex_weight, "magnitude": self.magnitude_weight, "waveform": self.waveform_weight}

    @property
    def shape(self) -> StftShape:
        """The transform."""
        return StftShape(self.window_length, self.hop_length, self.fft_size, self.window)


def compressed_sums(
    enhanced_BN: Tensor, clean_BN: Tensor, lengths_B: Tensor, config: CompressedLossConfig
) -> CompressedSums:
    """Sums of the three distances, none negative; 0 is best. Padding does not count.

    Source: Yin et al. (2020), PHASEN, eq. 6-8; Cao et al. (2022), CMGAN, eq. 5-7.

    Args:
        enhanced_BN: Estimate.
        clean_BN: Reference on the same scale.
        lengths_B: Valid samples.
        config: Power and transform.
    """
    dtype = torch.promote_types(enhanced_BN.dtype, torch.float32)
    lengths_B = lengths_B.to(clean_BN.device)
    estimate_BTF, reference_BTF = (
        compress(stft(wave_BN.to(dtype), lengths_B, config.shape), config.power) for wave_BN in (enhanced_BN, clean_BN)
    )
    valid_BT1 = spectrum_mask(lengths_B, reference_BTF.shape[1], config.shape).unsqueeze(-1)
    error_BTF = torch.view_as_real(estimate_BTF - reference_BTF).square().sum(-1)
    magnitudes = (torch.sqrt(_squared(value_BTF)) for value_BTF in (estimate_BTF, reference_BTF))
    magnitude_error_BTF = (next(magnitudes) - next(magnitudes)).square()
    num_bins = valid_BT1.sum().to(dtype) * reference_BTF.shape[-1]
    return CompressedSums(
        complex=MaskedSum(error_BTF.where(valid_BT1, 0.0).sum(), num_bins),
        magnitude=MaskedSum(magnitude_error_BTF.where(valid_BT1, 0.0).sum(), num_bins),
        waveform=absolute_error_sum(enhanced_BN, clean_BN, lengths_B),
    )


def compressed_loss(enhanced_BN: Tensor, clean_BN: Tensor, lengths_B: Tensor, config: CompressedLossConfig) -> Tensor:
    """The weighted sum of the three means, scalar; less is better.

    Args:
        enhanced_BN: Estimate.
        clean_BN: Reference on the same scale.
        lengths_B: Valid samples.
        config: Weights.
    """
    sums = compressed_sums(enhanced_BN, clean_BN, lengths_B, config)
    weights = config.weights()
    terms = [weights[name] * total / count.clamp(min=1.0) for name, (total, count) in sums._asdict().items()]
    return torch.stack(terms).sum()
