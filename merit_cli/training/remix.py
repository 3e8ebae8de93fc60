"""Noises dealt out anew within a batch, so that a small corpus of mixtures serves for many.

A mixture is clean speech plus noise, so their difference is the noise. Each utterance gets the noise of
another one of its batch, rolled by a random offset, coloured by a random smooth filter and scaled to a
random ratio; the level of the mixture stays what it was.

Source: Défossez et al. (2020), Real time speech enhancement in the waveform domain, section 3.4 (Remix);
random filters after Valin (2018), A hybrid DSP/deep learning approach, section 4, here smooth curves.

Shape suffixes: B batch, N samples.
"""

import math
from dataclasses import replace
from typing import Self

import torch
from pydantic import Field, model_validator
from torch import Tensor

from merit_cli.carriers import SpeechBatch
from merit_cli.config.frozen import FrozenConfig
from merit_cli.losses.spectrum import sample_mask

SMALLEST_POWER = 1e-10
NUM_KNOTS = 10
"""Points of the random gain curve, at equal steps of mel from 0 to 8 kHz (ours)."""


class RemixConfig(FrozenConfig):
    """How noises are dealt out anew.

    Args:
        snr_db: Range of the new RMS ratios, drawn uniformly.
        gaussian_share: Share of the utterances that get Gaussian noise in place of a recorded one.
        colour_db: Standard deviation of the random filter's gain; 0 leaves the noise's spectrum.
        clean_colour_db: The same for the clean signal, as if it were heard through other skin and other microphones.
    """

    snr_db: tuple[float, float]
    gaussian_share: float = Field(default=0.0, ge=0.0, le=1.0)
    colour_db: float = Field(default=0.0, ge=0.0)
    clean_colour_db: float = Field(default=0.0, ge=0.0)

    @model_validator(mode="after")
    def _upwards(self) -> Self:
        if self.snr_db[0] > self.snr_db[1]:
            raise ValueError(f"the range {self.snr_db} runs downwards")
        return self


def remix(batch: SpeechBatch, config: RemixConfig) -> SpeechBatch:
    """The batch with its noises permuted, drawn from torch's global generator on the CPU.

    Args:
        batch: With clean references and without features.
        config: What is drawn.
    """
    assert batch.clean_BN is not None, "remixing needs clean references"
    assert batch.features_BLTD is None, "features do not change with the mixture"
    clean_BN, lengths_B = batch.clean_BN, batch.lengths_B
    num_items, num_samples = batch.noisy_BN.shape
    order_B = torch.randperm(num_items)
    offset_B = torch.rand(num_items)
    wanted_B = torch.empty(num_items).uniform_(*config.snr_db).to(clean_BN.device)
    valid_BN = sample_mask(lengths_B, num_samples).to(clean_BN)
    noise_BN = torch.stack(
        [
            _fitted((batch.noisy_BN[row] - clean_BN[row])[: int(lengths_B[row])], float(offset), num_samples)
            for row, offset in zip(order_B.tolist(), offset_B, strict=True)
        ]
    )
    if config.gaussian_share > 0.0:
        is_gaussian_B1 = (torch.rand(num_items, 1) < config.gaussian_share).to(clean_BN.device)
        noise_BN = torch.where(is_gaussian_B1, torch.randn(num_items, num_samples).to(clean_BN), noise_BN)
    if config.colour_db > 0.0:
        noise_BN = _coloured(noise_BN, torch.randn(num_items, NUM_KNOTS) * config.colour_db)
    if config.clean_colour_db > 0.0:
        clean_BN = _coloured(clean_BN, torch.randn(num_items, NUM_KNOTS) * config.clean_colour_db) * valid_BN
    noise_BN = noise_BN * valid_BN
    ratio_B = _power(clean_BN, lengths_B) / _power(noise_BN, lengths_B).clamp(min=SMALLEST_POWER)
    noise_BN = noise_BN * (ratio_B * 10.0 ** (-wanted_B / 10.0)).sqrt().unsqueeze(1)
    noisy_BN = clean_BN + noise_BN
    level_B = _power(batch.noisy_BN, lengths_B) / _power(noisy_BN, lengths_B).clamp(min=SMALLEST_POWER)
    gain_B1 = level_B.sqrt().unsqueeze(1)
    return replace(batch, noisy_BN=noisy_BN * gain_B1, clean_BN=clean_BN * gain_B1)


def _power(wave_BN: Tensor, lengths_B: Tensor) -> Tensor:
    return wave_BN.square().sum(1) / lengths_B.to(wave_BN)


def _coloured(wave_BN: Tensor, gain_db_BK: Tensor) -> Tensor:
    """Each row with its own gain curve, linear in dB between the knots."""
    spectrum_BF = torch.fft.rfft(wave_BN)
    hertz_F = torch.linspace(0.0, 8000.0, spectrum_BF.shape[1])
    place_F = torch.log1p(hertz_F / 700.0) / math.log1p(8000.0 / 700.0) * (NUM_KNOTS - 1)
    left_F = place_F.long().clamp(max=NUM_KNOTS - 2)
    gain_db_BF = torch.lerp(gain_db_BK[:, left_F], gain_db_BK[:, left_F + 1], place_F - left_F)
    gain_BF = (10.0 ** (gain_db_BF / 20.0)).to(wave_BN)
    coloured_BN: Tensor = torch.fft.irfft(spectrum_BF * gain_BF, n=wave_BN.shape[1])
    return coloured_BN


def _fitted(noise_N: Tensor, offset: float, num_samples: int) -> Tensor:
    """The noise from a share of its length on, repeated to ``num_samples``."""
    start = int(offset * noise_N.shape[0])
    index_N = (torch.arange(num_samples, device=noise_N.device) + start) % noise_N.shape[0]
    return noise_N[index_N]
