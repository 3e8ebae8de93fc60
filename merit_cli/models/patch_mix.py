"""Patch-Mix: patches of each clip's spectrogram taken from another clip of the batch, at the same places for all.

Source: Bae et al. (2023), Patch-Mix contrastive learning with Audio Spectrogram Transformer on respiratory sound
classification, section 2.2. There patches are a transformer's own; a network without any gets cells of the spectrogram.

Shape suffixes: B batch, P patches, D features, M mel bands, T frames.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from merit_cli.config.frozen import FrozenConfig


class PatchMixConfig(FrozenConfig):
    """How clips are mixed in training.

    Args:
        beta: A clip keeps a share of its patches that is drawn from Beta(beta, beta) for each batch.
        cell: Mels and frames of a cell, for networks without patches of their own.
        contrastive: 0 learns the labels of both clips by their shares; above it clips are learned as they are, and this
            is the weight of a loss that draws the features of a mixture to those of both clips.
        temperature: Of that loss.
    """

    beta: float = Field(default=1.0, gt=0.0)
    cell: tuple[int, int] = (16, 16)
    contrastive: float = Field(default=0.0, ge=0.0)
    temperature: float = Field(default=0.06, gt=0.0)


@dataclass(frozen=True)
class Mix:
    """What a batch takes from where.

    Args:
        order_B: The clip that each takes patches from.
        taken_P: Which patches, the same for all clips.
        own_share: How much of itself each clip keeps, from 0 to 1.
    """

    order_B: Tensor
    taken_P: Tensor
    own_share: float


DrawMix = Callable[[int, int], Mix]
"""From the numbers of clips and of patches to what is taken."""


def draw_mix(num_clips: int, num_patches: int, *, beta: float, generator: np.random.Generator) -> Mix:
    """A random order of the clips, and random patches to take.

    >>> draw_mix(2, 4, beta=1.0, generator=np.random.default_rng(0)).own_share
    0.75
    """
    num_taken = int(num_patches * (1.0 - generator.beta(beta, beta)))
    taken_P = np.zeros(num_patches, dtype=bool)
    taken_P[generator.permutation(num_patches)[:num_taken]] = True
    order_B = torch.from_numpy(generator.permutation(num_clips))
    return Mix(order_B, torch.from_numpy(taken_P), 1.0 - num_taken / num_patches)


def mix_patches(patches_BPD: Tensor, mix: Mix) -> Tensor:
    """The patches with those that are taken from the other clip.

    >>> mix = Mix(torch.tensor([1, 0]), torch.tensor([False, True]), 0.5)
    >>> mix_patches(torch.tensor([[[1.0], [2.0]], [[3.0], [4.0]]]), mix)[..., 0].tolist()
    [[1.0, 4.0], [3.0, 2.0]]
    """
    device = patches_BPD.device
    return torch.where(mix.taken_P.to(device)[None, :, None], patches_BPD[mix.order_B.to(device)], patches_BPD)


def mix_cells(maps_BMT: Tensor, draw: DrawMix, cell: tuple[int, int]) -> tuple[Tensor, Mix]:
    """Spectrograms mixed by cells, and the mix with the share of area that each clip keeps.

    Args:
        maps_BMT: Of a batch.
        draw: Draws the mix.
        cell: Mels and frames; cells at the far ends are cut off.
    """
    num_clips, num_mels, num_frames = maps_BMT.shape
    rows, columns = -(-num_mels // cell[0]), -(-num_frames // cell[1])
    mix = draw(num_clips, rows * columns)
    taken_MT = mix.taken_P.reshape(rows, columns).repeat_interleave(cell[0], 0).repeat_interleave(cell[1], 1)
    taken_MT = taken_MT[:num_mels, :num_frames]
    mixed_BPD = mix_patches(maps_BMT.flatten(1)[..., None], replace(mix, taken_P=taken_MT.flatten()))
    kept = 1.0 - float(taken_MT.double().mean())
    return mixed_BPD.reshape(maps_BMT.shape), replace(mix, own_share=kept)
