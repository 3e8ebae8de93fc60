"""From a file's own level to the scale that models are trained on, and back.

Shape suffixes: B batch, N samples.
"""

from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from merit_cli.losses.spectrum import sample_mask

LevelPolicy = Literal["matched", "bare"]


class Scaled(NamedTuple):
    """Waveforms in model scale, and the gain (B, 1) that each got before; 0 marks exact silence."""

    wave_BN: Tensor
    gain_B1: Tensor


class SignalScale(nn.Module):
    """Global mean and standard deviation of the noisy training set, saved with the model.

    With ``matched`` each utterance is first brought to the training set's RMS, so that a louder copy of
    a recording gives the same features and a louder copy of the same output; the mask on log1p alone
    would not. ``bare`` leaves levels as they are, as Tzeng et al. (2026) do.

    Args:
        mean: Of all samples of the noisy training set.
        standard_deviation: Of the same.
        level: What happens to an utterance's level.
    """

    mean: Tensor
    standard_deviation: Tensor

    def __init__(self, *, mean: float, standard_deviation: float, level: LevelPolicy = "matched") -> None:
        super().__init__()
        assert standard_deviation > 0.0, standard_deviation
        self.register_buffer("mean", torch.tensor(mean))
        self.register_buffer("standard_deviation", torch.tensor(standard_deviation))
        self.level: LevelPolicy = level

    def forward(self, noisy_BN: Tensor, lengths_B: Tensor) -> Scaled:
        """Model input, zero beyond each length."""
        valid_BN = sample_mask(lengths_B, noisy_BN.shape[1]).to(noisy_BN.device)
        noisy_BN = noisy_BN * valid_BN
        peak_B1 = noisy_BN.abs().amax(1, keepdim=True)
        has_sound_B1 = peak_B1 > 0.0
        if self.level == "bare":
            gain_B1 = has_sound_B1.to(noisy_BN.dtype)
        else:
            unit_BN = noisy_BN / peak_B1.where(has_sound_B1, 1.0)  # squares of tiny samples would vanish
            power_B1 = unit_BN.square().sum(1, keepdim=True) / lengths_B.to(noisy_BN).clamp(min=1).unsqueeze(1)
            rms_B1 = power_B1.sqrt() * peak_B1
            target = torch.hypot(self.mean, self.standard_deviation).to(noisy_BN)
            gain_B1 = (target / rms_B1.where(has_sound_B1, 1.0)) * has_sound_B1
        return Scaled(self.scale(noisy_BN, gain_B1, valid_BN), gain_B1)

    def scale(self, wave_BN: Tensor, gain_B1: Tensor, valid_BN: Tensor) -> Tensor:
        """Another signal, such as the clean one, on the scale of the noisy signal with that gain."""
        return (wave_BN * gain_B1 - self.mean) / self.standard_deviation * valid_BN

    def restore(self, enhanced_BN: Tensor, gain_B1: Tensor, lengths_B: Tensor) -> Tensor:
        """Model output at the level of the file; exact silence comes out as exact silence."""
        has_sound_B1 = gain_B1 > 0.0
        wave_BN = (enhanced_BN * self.standard_deviation + self.mean) / gain_B1.where(has_sound_B1, 1.0)
        return wave_BN * has_sound_B1 * sample_mask(lengths_B, enhanced_BN.shape[1]).to(wave_BN.device)
