"""Negative SNR within the band of breath, where the rumble of heart and hand does not count.

In chest recordings most of the energy lies below the breath: a full-band ratio teaches a model to keep the rumble.

Shape suffixes: B batch, N samples, F bins.
"""

import math

import torch
import torch.nn.functional as nnf
from torch import Tensor

from merit_cli.audio.band_level import BREATH_BAND_HZ
from merit_cli.losses.spectral import MaskedSum
from merit_cli.losses.spectrum import sample_mask
from merit_cli.losses.waveform import negative_ratio_sum

SAMPLE_RATE = 16_000
_ORDER = 4
_TAIL = 3200
"""Zeros behind the signal, in samples: what the filter rings on must not come back at the beginning."""


def in_breath_band(wave_BN: Tensor) -> Tensor:
    """Waveforms of 16 kHz (B, N) in 100-1000 Hz, in phase; with gradient.

    The response is that of `merit_cli.audio.band_level.in_band`: a Butterworth band-pass of order 4, run both ways.

    Source: Oppenheim and Schafer, Discrete-Time Signal Processing, sec. 7.3 (bilinear transform of Butterworth's).

    >>> time = torch.arange(16000) / 16000
    >>> tones = torch.stack([torch.sin(2 * torch.pi * hertz * time) for hertz in (40.0, 400.0)])
    >>> [round(power, 2) for power in in_breath_band(tones).square().mean(1).tolist()]
    [0.0, 0.5]
    """
    num_samples = wave_BN.shape[1]
    spectrum_BF = torch.fft.rfft(nnf.pad(wave_BN, (0, _TAIL)))
    response_F = _response(spectrum_BF.shape[1]).to(wave_BN)
    filtered_BN: Tensor = torch.fft.irfft(spectrum_BF * response_F, n=num_samples + _TAIL)[:, :num_samples]
    return filtered_BN


def negative_band_snr_sum(enhanced_BN: Tensor, clean_BN: Tensor, lengths_B: Tensor) -> MaskedSum:
    """Sum over utterances of the negative SNR in 100-1000 Hz in dB; less is better, -30 is best.

    Args:
        enhanced_BN: Estimate at 16 kHz.
        clean_BN: Reference.
        lengths_B: Valid samples.
    """
    wide = torch.promote_types(enhanced_BN.dtype, torch.float32)
    valid_BN = sample_mask(lengths_B, clean_BN.shape[1]).to(clean_BN.device)
    enhanced_BN, clean_BN = (in_breath_band(one_BN.to(wide).where(valid_BN, 0.0)) for one_BN in (enhanced_BN, clean_BN))
    return negative_ratio_sum(enhanced_BN, clean_BN, lengths_B, ratio="snr")


def _response(num_bins: int) -> Tensor:
    """Gain of the filter at each bin (F,), once forwards and once backwards."""
    low, high = (math.tan(math.pi * hertz / SAMPLE_RATE) for hertz in BREATH_BAND_HZ)
    warped_F = torch.tan(torch.linspace(0.0, math.pi / 2, num_bins, dtype=torch.float64)[:-1].clamp(min=1e-9))
    offset_F = (warped_F.square() - low * high) / ((high - low) * warped_F)
    return nnf.pad(1.0 / (1.0 + offset_F.pow(2 * _ORDER)), (0, 1))  # nothing passes at half the sample rate
