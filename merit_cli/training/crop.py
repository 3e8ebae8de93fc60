"""A random piece of each utterance at every step, so that long ones cost no more than a piece.

Shape suffixes: B batch, N samples.
"""

from dataclasses import replace

import torch
from torch import Tensor

from merit_cli.carriers import SpeechBatch


def crop(batch: SpeechBatch, length: int) -> SpeechBatch:
    """The batch with every utterance cut to ``length`` samples at a random place; shorter ones stay whole.

    Places are drawn from torch's global generator on the CPU, one for each utterance.

    Args:
        batch: Without features, which belong to whole utterances.
        length: In samples.
    """
    assert batch.features_BLTD is None, "features do not change with the piece"
    room_B = (batch.lengths_B.cpu() - length).clamp(min=0)
    start_B = (torch.rand(len(room_B)) * (room_B + 1)).long().to(batch.noisy_BN.device)
    width = min(length, batch.noisy_BN.shape[1])
    index_BN = start_B.unsqueeze(1) + torch.arange(width, device=start_B.device)

    def piece(wave_BN: Tensor | None) -> Tensor | None:
        return None if wave_BN is None else wave_BN.gather(1, index_BN)

    noisy_BN, lengths_B = batch.noisy_BN.gather(1, index_BN), batch.lengths_B.clamp(max=length)
    return replace(batch, noisy_BN=noisy_BN, clean_BN=piece(batch.clean_BN), lengths_B=lengths_B)
