"""Negative ratios of speech to error in the waveform, in dB: scale-invariant, and plain.

SI-SDR does not see the level of the output, so it does not teach a model to hold back where it is
unsure. SNR does: too much left of a noise costs as much as too much taken from the speech.

Shape suffixes: B batch, N samples.
"""

from typing import Literal

import torch
from torch import Tensor

from merit_cli.losses.spectral import MaskedSum
from merit_cli.losses.spectrum import sample_mask

WaveformLoss = Literal["si_sdr", "snr"]

SI_SDR_FLOOR = 1e-8
"""Relative to the clean power: the loss is bounded at -80 dB, and a silent output at +80."""
SNR_FLOOR = 1e-3
"""Relative to the clean power: beyond 30 dB there is nothing to gain (Wisdom et al. 2020)."""


def negative_ratio_sum(
    enhanced_BN: Tensor, clean_BN: Tensor, lengths_B: Tensor, *, ratio: WaveformLoss = "si_sdr"
) -> MaskedSum:
    """Sum over utterances of the negative ratio in dB; less is better. Silent clean speech is left out.

    Both signals lose their mean first. A silent output has an SNR of 0 dB.

    Source: Le Roux et al. (2019), SDR: half-baked or well done?, eq. 3; Wisdom et al. (2020), Unsupervised
    sound separation using mixture invariant training, eq. 2.

    Args:
        enhanced_BN: Estimate.
        clean_BN: Reference.
        lengths_B: Valid samples.
        ratio: ``si_sdr``, or ``snr``, which asks for the level of the reference as well.
    """
    dtype = torch.promote_types(enhanced_BN.dtype, torch.float32)
    valid_BN = sample_mask(lengths_B, clean_BN.shape[1]).to(clean_BN.device)
    estimate_BN = _centred(enhanced_BN.to(dtype), valid_BN)
    reference_BN = _centred(clean_BN.to(dtype), valid_BN)
    power_B1 = reference_BN.square().sum(1, keepdim=True)
    has_speech_B1 = power_B1 > 0.0
    power_B1 = power_B1.where(has_speech_B1, 1.0)
    if ratio == "si_sdr":
        target_BN = (estimate_BN * reference_BN).sum(1, keepdim=True) / power_B1 * reference_BN
        floor_B = (SI_SDR_FLOOR * power_B1).squeeze(1)
        speech_B = target_BN.square().sum(1) + floor_B
    else:
        target_BN = reference_BN
        floor_B = (SNR_FLOOR * power_B1).squeeze(1)
        speech_B = power_B1.squeeze(1)
    error_B = (estimate_BN - target_BN).square().sum(1)
    loss_B = -10.0 * torch.log10(speech_B / (error_B + floor_B)) * has_speech_B1.squeeze(1)
    return MaskedSum(loss_B.sum(), has_speech_B1.sum().to(dtype))


def negative_ratio(
    enhanced_BN: Tensor, clean_BN: Tensor, lengths_B: Tensor, *, ratio: WaveformLoss = "si_sdr"
) -> Tensor:
    """Mean of `negative_ratio_sum` over utterances, in dB.

    >>> clean = torch.tensor([[1.0, -1.0, 1.0, -1.0]])
    >>> noisy = clean + torch.tensor([[0.1, 0.1, -0.1, -0.1]])
    >>> round(negative_ratio(noisy, clean, torch.tensor([4])).item(), 3)
    -20.0
    >>> round(negative_ratio(0.5 * clean, clean, torch.tensor([4]), ratio="snr").item(), 2)
    -6.0
    """
    total, weight = negative_ratio_sum(enhanced_BN, clean_BN, lengths_B, ratio=ratio)
    return total / weight.clamp(min=1.0)


def absolute_error_sum(enhanced_BN: Tensor, clean_BN: Tensor, lengths_B: Tensor) -> MaskedSum:
    """Sum of |enhanced - clean| over valid samples, not negative; 0 is best."""
    return _error_sum((enhanced_BN - clean_BN).abs(), lengths_B)


def squared_error_sum(enhanced_BN: Tensor, clean_BN: Tensor, lengths_B: Tensor) -> MaskedSum:
    """Sum of (enhanced - clean)^2 over valid samples, not negative; 0 is best.

    >>> squared_error_sum(torch.tensor([[1.0, 3.0, 9.0]]), torch.zeros(1, 3), torch.tensor([2]))
    MaskedSum(total=tensor(10.), weight=tensor(2.))
    """
    return _error_sum((enhanced_BN - clean_BN).square(), lengths_B)


def _error_sum(error_BN: Tensor, lengths_B: Tensor) -> MaskedSum:
    wide_BN = error_BN.to(torch.promote_types(error_BN.dtype, torch.float32))
    valid_BN = sample_mask(lengths_B.to(error_BN.device), error_BN.shape[1])
    return MaskedSum(wide_BN.where(valid_BN, 0.0).sum(), valid_BN.sum().to(wide_BN.dtype))


def _centred(wave_BN: Tensor, valid_BN: Tensor) -> Tensor:
    count_B1 = valid_BN.sum(1, keepdim=True).clamp(min=1)
    mean_B1 = (wave_BN * valid_BN).sum(1, keepdim=True) / count_B1
    return (wave_BN - mean_B1) * valid_BN
