"""Noises dealt out anew within a batch, so that a small corpus of mixtures serves for many.

A mixture is clean speech plus noise, so their difference is the noise. Each utterance gets the noise of
another one of its batch, rolled by a random offset and scaled to a random ratio; the level of the mixture
stays what it was.

Source: Défossez et al. (2020), Real time speech enhancement in the waveform domain, section 3.4 (Remix).

Shape suffixes: B batch, N samples.
"""

from dataclasses import replace

import torch
from torch import Tensor

from merit_cli.carriers import SpeechBatch
from merit_cli.losses.spectrum import sample_mask

SMALLEST_POWER = 1e-10


def remix(batch: SpeechBatch, snr_db: tuple[float, float]) -> SpeechBatch:
    """The batch with its noises permuted, drawn from torch's global generator on the CPU.

    Args:
        batch: With clean references and without features.
        snr_db: Range of the new RMS ratios, drawn uniformly for each utterance.
    """
    assert batch.clean_BN is not None, "remixing needs clean references"
    assert batch.features_BLTD is None, "features do not change with the mixture"
    clean_BN, lengths_B = batch.clean_BN, batch.lengths_B
    num_items, num_samples = batch.noisy_BN.shape
    order_B = torch.randperm(num_items)
    offset_B = torch.rand(num_items)
    wanted_B = torch.empty(num_items).uniform_(*snr_db).to(clean_BN.device)
    valid_BN = sample_mask(lengths_B, num_samples).to(clean_BN)
    noise_BN = torch.stack(
        [
            _fitted((batch.noisy_BN[row] - clean_BN[row])[: int(lengths_B[row])], float(offset), num_samples)
            for row, offset in zip(order_B.tolist(), offset_B, strict=True)
        ]
    )
    noise_BN = noise_BN * valid_BN
    ratio_B = _power(clean_BN, lengths_B) / _power(noise_BN, lengths_B).clamp(min=SMALLEST_POWER)
    noise_BN = noise_BN * (ratio_B * 10.0 ** (-wanted_B / 10.0)).sqrt().unsqueeze(1)
    noisy_BN = clean_BN + noise_BN
    level_B = _power(batch.noisy_BN, lengths_B) / _power(noisy_BN, lengths_B).clamp(min=SMALLEST_POWER)
    gain_B1 = level_B.sqrt().unsqueeze(1)
    return replace(batch, noisy_BN=noisy_BN * gain_B1, clean_BN=clean_BN * gain_B1)


def _power(wave_BN: Tensor, lengths_B: Tensor) -> Tensor:
    return wave_BN.square().sum(1) / lengths_B.to(wave_BN)


def _fitted(noise_N: Tensor, offset: float, num_samples: int) -> Tensor:
    """The noise from a share of its length on, repeated to ``num_samples``."""
    start = int(offset * noise_N.shape[0])
    index_N = (torch.arange(num_samples, device=noise_N.device) + start) % noise_N.shape[0]
    return noise_N[index_N]
