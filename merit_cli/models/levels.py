"""Waveforms at an RMS of 1 for a network, and the level that its output is given back.

Shape suffixes: B batch, N samples.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from merit_cli.losses.compressed import unit_rms_gain
from merit_cli.losses.spectrum import sample_mask


class LevelledWave(NamedTuple):
    """What a network of waveforms sees.

    Args:
        wave_BN: RMS 1 over valid samples, zero beyond each length.
        rms_B1: Of the waveform before; 0 where it was silent, so that silence comes out as silence.
        lengths_B: Valid samples, on the waveform's device.
    """

    wave_BN: Tensor
    rms_B1: Tensor
    lengths_B: Tensor

    def restored(self, enhanced_BN: Tensor) -> Tensor:
        """The network's output at the level of the input, zero beyond each length."""
        return (enhanced_BN * self.rms_B1).where(sample_mask(self.lengths_B, enhanced_BN.shape[1]), 0.0)


def levelled(noisy_BN: Tensor, lengths_B: Tensor | None = None) -> LevelledWave:
    """Waveforms of any level at an RMS of 1.

    >>> levelled(torch.tensor([[2.0, -2.0, 9.0]]), torch.tensor([2]))[:2]
    (tensor([[ 1., -1.,  0.]]), tensor([[2.]]))

    Args:
        noisy_BN: Anything beyond the lengths.
        lengths_B: Valid samples; None where all are.
    """
    if lengths_B is None:
        lengths_B = torch.full((len(noisy_BN),), noisy_BN.shape[1])
    lengths_B = lengths_B.to(noisy_BN.device)
    gain_B1 = unit_rms_gain(noisy_BN, lengths_B)
    wave_BN = (noisy_BN * gain_B1).where(sample_mask(lengths_B, noisy_BN.shape[1]), 0.0)
    has_sound_B1 = wave_BN.square().sum(1, keepdim=True) > 0.5
    return LevelledWave(wave_BN, gain_B1.reciprocal().where(has_sound_B1, 0.0), lengths_B)
