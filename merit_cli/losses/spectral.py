"""L1 distance of log1p magnitudes, averaged over the bins of valid frames.

Shape suffixes: B batch, N samples, T frames, F bins.
"""

from typing import NamedTuple

from torch import Tensor

from merit_cli.losses.spectrum import log1p_magnitude, spectrum_mask, stft


class MaskedSum(NamedTuple):
    """A sum and the weight that makes a mean of it, so that parts of a batch add up exactly."""

    total: Tensor
    weight: Tensor


def log1p_l1_sum(enhanced_log1p_BTF: Tensor, clean_BN: Tensor, lengths_B: Tensor) -> MaskedSum:
    """Sum of |enhanced - clean| log1p magnitude, not negative; 0 is best.

    Source: Hung et al. (2022), BSSE-SE, eq. 3; here padding does not count.

    Args:
        enhanced_log1p_BTF: As the mask gave it, on the noisy training set's scale.
        clean_BN: Clean waveform on the same scale.
        lengths_B: Valid samples.
    """
    clean_log1p_BTF = log1p_magnitude(stft(clean_BN, lengths_B))
    valid_BT1 = spectrum_mask(lengths_B, clean_log1p_BTF.shape[1]).unsqueeze(-1).to(clean_log1p_BTF)
    distance_BTF = (enhanced_log1p_BTF.to(clean_log1p_BTF.dtype) - clean_log1p_BTF).abs() * valid_BT1
    return MaskedSum(distance_BTF.sum(), valid_BT1.sum() * clean_log1p_BTF.shape[-1])


def log1p_l1(enhanced_log1p_BTF: Tensor, clean_BN: Tensor, lengths_B: Tensor) -> Tensor:
    """Mean of `log1p_l1_sum` over valid bins."""
    total, weight = log1p_l1_sum(enhanced_log1p_BTF, clean_BN, lengths_B)
    return total / weight
