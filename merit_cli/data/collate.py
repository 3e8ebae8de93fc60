"""Items to padded batches.

Shape suffixes: B batch, N samples, L layers, T frames, S tokens, D features, C classes, A attributes.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from merit_cli.carriers import SpeechBatch
from merit_cli.data.dataset import SpeechItem
from merit_cli.data.text_cache import collate_text

EffectiveBatch = tuple[SpeechBatch, ...]
"""The micro-batches whose gradients make one optimiser step."""


def collate(items: Sequence[SpeechItem]) -> SpeechBatch:
    """One batch, padded with zeros to its longest item.

    Targets and features are given where every item has them, labels where one has them; an item without a
    label keeps `NO_LABEL`, without shares a row of zeros, without attributes a row of NaN.
    """
    clean = [item.clean_N for item in items if item.clean_N is not None]
    features = [item.features_LTD for item in items if item.features_LTD is not None]
    tokens = [item.tokens_SD for item in items if item.tokens_SD is not None]
    tokens_BSD, valid_BS = collate_text(tokens) if len(tokens) == len(items) else (None, None)
    return SpeechBatch(
        ids=tuple(item.id for item in items),
        noisy_BN=_padded([item.noisy_N for item in items], axis=0),
        lengths_B=torch.tensor([item.noisy_N.size for item in items], dtype=torch.int64),
        clean_BN=_padded(clean, axis=0) if len(clean) == len(items) else None,
        emotion_B=torch.tensor([item.emotion for item in items], dtype=torch.int64),
        features_BLTD=_padded(features, axis=1) if len(features) == len(items) else None,
        emotion_share_BC=_rows([item.emotion_share_C for item in items], missing=0.0),
        attributes_BA=_rows([item.attributes_A for item in items], missing=np.nan),
        transcripts=tuple(item.transcript for item in items),
        tokens_BSD=tokens_BSD,
        valid_BS=valid_BS,
    )


class EffectiveCollate:
    """Items of one optimiser step to its micro-batches.

    Args:
        batch_size: Items of each micro-batch; the last may have fewer.
    """

    def __init__(self, batch_size: int) -> None:
        self.batch_size = batch_size

    def __call__(self, items: Sequence[SpeechItem]) -> EffectiveBatch:
        """The micro-batches, longest items first so that each is padded little."""
        ordered = sorted(items, key=lambda item: (-item.noisy_N.size, item.id))
        starts = range(0, len(ordered), self.batch_size)
        return tuple(collate(ordered[start : start + self.batch_size]) for start in starts)


def to_device(batch: SpeechBatch, device: torch.device | str) -> SpeechBatch:
    """The batch with its tensors on ``device``; itself where they are already there."""
    if batch.noisy_BN.device == torch.device(device):
        return batch

    def moved(tensor: Tensor | None) -> Tensor | None:
        return None if tensor is None else tensor.to(device)

    return replace(
        batch,
        noisy_BN=batch.noisy_BN.to(device),
        lengths_B=batch.lengths_B.to(device),
        clean_BN=moved(batch.clean_BN),
        emotion_B=moved(batch.emotion_B),
        features_BLTD=moved(batch.features_BLTD),
        emotion_share_BC=moved(batch.emotion_share_BC),
        attributes_BA=moved(batch.attributes_BA),
        tokens_BSD=moved(batch.tokens_BSD),
        valid_BS=moved(batch.valid_BS),
    )


def _rows(arrays: Sequence[npt.NDArray[np.float32] | None], *, missing: float) -> Tensor | None:
    """Arrays of one length stacked, filled with ``missing`` where there is none; None where there is none at all."""
    known = next((array for array in arrays if array is not None), None)
    if known is None:
        return None
    filled = [np.full_like(known, missing) if array is None else array for array in arrays]
    return torch.from_numpy(np.stack(filled))


def _padded(arrays: Sequence[npt.NDArray[np.float32]], *, axis: int) -> Tensor:
    """Arrays stacked, zeros behind along ``axis`` of each."""
    longest = max(array.shape[axis] for array in arrays)
    shape = list(arrays[0].shape)
    shape[axis] = longest
    stacked = np.zeros((len(arrays), *shape), dtype=np.float32)
    for row, array in zip(stacked, arrays, strict=True):
        np.moveaxis(row, axis, 0)[: array.shape[axis]] = np.moveaxis(array, axis, 0)
    return torch.from_numpy(stacked)
