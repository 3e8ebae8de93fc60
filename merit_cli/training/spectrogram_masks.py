"""SpecAugment's masks: stretches of time and bands of mels that a classifier has to do without.

Source: Park et al. (2019), SpecAugment: a simple data augmentation method, section 2; without time warping.

Shape suffixes: B batch, M mel bands, T frames, K masks.
"""

import torch
from pydantic import Field
from torch import Tensor

from merit_cli.config.frozen import FrozenConfig


class SpecAugmentConfig(FrozenConfig):
    """How much of a spectrogram is hidden in training.

    Args:
        num_time_masks: Stretches of time.
        time_share: Longest stretch, as a share of all frames.
        num_mel_masks: Bands of mels.
        mel_share: Widest band, as a share of all mels.
    """

    num_time_masks: int = Field(default=2, ge=0, le=10)
    time_share: float = Field(default=0.1, ge=0.0, lt=1.0)
    num_mel_masks: int = Field(default=2, ge=0, le=10)
    mel_share: float = Field(default=0.125, ge=0.0, lt=1.0)


def mask_spectrograms(maps_BMT: Tensor, config: SpecAugmentConfig, generator: torch.Generator) -> Tensor:
    """The spectrograms with masks of their own each; what is hidden becomes the clip's mean.

    Args:
        maps_BMT: Spectrograms in decibels or standardised.
        config: How many masks, and how wide. Widths are drawn from 0 to the widest, starts over what is left.
        generator: On the CPU.

    >>> config = SpecAugmentConfig(num_time_masks=1, time_share=0.5, num_mel_masks=0)
    >>> mask_spectrograms(torch.eye(4)[None], config, torch.Generator().manual_seed(0)).unique().tolist()
    [0.0, 0.25, 1.0]
    """
    num_clips, num_mels, num_frames = maps_BMT.shape
    hidden_BM = _hidden(num_clips, num_mels, config.num_mel_masks, config.mel_share, generator)
    hidden_BT = _hidden(num_clips, num_frames, config.num_time_masks, config.time_share, generator)
    hidden_BMT = (hidden_BM[:, :, None] | hidden_BT[:, None, :]).to(maps_BMT.device)
    return torch.where(hidden_BMT, maps_BMT.mean(dim=(1, 2), keepdim=True), maps_BMT)


def _hidden(num_clips: int, length: int, num_masks: int, share: float, generator: torch.Generator) -> Tensor:
    """Which of ``length`` places each clip loses (B, length)."""
    widest = int(share * length)
    width_BK = (torch.rand(num_clips, num_masks, generator=generator) * (widest + 1)).long()
    start_BK = (torch.rand(num_clips, num_masks, generator=generator) * (length - width_BK + 1)).long()
    places = torch.arange(length)
    inside_BKL = (places >= start_BK[..., None]) & (places < (start_BK + width_BK)[..., None])
    return inside_BKL.any(dim=1)
