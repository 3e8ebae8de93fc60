"""Negative scale-invariant signal-to-distortion ratio.

Shape suffixes: B batch, N samples.
"""

import torch
from torch import Tensor

from merit_cli.losses.spectral import MaskedSum
from merit_cli.losses.spectrum import sample_mask

POWER_FLOOR = 1e-8
"""Relative to the clean power: the loss is bounded at -80 dB, and a silent output at +80."""


def negative_si_sdr_sum(enhanced_BN: Tensor, clean_BN: Tensor, lengths_B: Tensor) -> MaskedSum:
    """Sum over utterances of -SI-SDR in dB; less is better. Utterances with silent clean speech are left out.

    Both signals lose their mean first.

    Source: Le Roux et al. (2019), SDR: half-baked or well done?, eq. 3.

    Args:
        enhanced_BN: Estimate.
        clean_BN: Reference.
        lengths_B: Valid samples.
    """
    dtype = torch.promote_types(enhanced_BN.dtype, torch.float32)
    valid_BN = sample_mask(lengths_B, clean_BN.shape[1]).to(clean_BN.device)
    estimate_BN = _centred(enhanced_BN.to(dtype), valid_BN)
    reference_BN = _centred(clean_BN.to(dtype), valid_BN)
    power_B1 = reference_BN.square().sum(1, keepdim=True)
    has_speech_B1 = power_B1 > 0.0
    power_B1 = power_B1.where(has_speech_B1, 1.0)
    floor_B = (POWER_FLOOR * power_B1).squeeze(1)
    target_BN = (estimate_BN * reference_BN).sum(1, keepdim=True) / power_B1 * reference_BN
    error_B = (estimate_BN - target_BN).square().sum(1)
    ratio_B = (target_BN.square().sum(1) + floor_B) / (error_B + floor_B)
    loss_B = -10.0 * torch.log10(ratio_B) * has_speech_B1.squeeze(1)
    return MaskedSum(loss_B.sum(), has_speech_B1.sum().to(dtype))


def negative_si_sdr(enhanced_BN: Tensor, clean_BN: Tensor, lengths_B: Tensor) -> Tensor:
    """Mean of `negative_si_sdr_sum` over utterances, in dB.

    >>> clean = torch.tensor([[1.0, -1.0, 1.0, -1.0]])
    >>> noisy = clean + torch.tensor([[0.1, 0.1, -0.1, -0.1]])
    >>> round(negative_si_sdr(noisy, clean, torch.tensor([4])).item(), 3)
    -20.0
    """
    total, weight = negative_si_sdr_sum(enhanced_BN, clean_BN, lengths_B)
    return total / weight.clamp(min=1.0)


def _centred(wave_BN: Tensor, valid_BN: Tensor) -> Tensor:
    count_B1 = valid_BN.sum(1, keepdim=True).clamp(min=1)
    mean_B1 = (wave_BN * valid_BN).sum(1, keepdim=True) / count_B1
    return (wave_BN - mean_B1) * valid_BN
