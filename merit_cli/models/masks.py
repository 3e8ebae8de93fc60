"""Which frames of a padded batch are speech: the one place that asks the encoder's strides.

Shape suffixes: B batch, T frames.
"""

import torch
from torch import Tensor

from merit_cli.carriers import EncoderShape


def encoder_frames(shape: EncoderShape, lengths_B: Tensor) -> Tensor:
    """Valid encoder frames of each utterance, int64 on the lengths' device.

    >>> encoder_frames(EncoderShape(1, 8, (400,), (320,)), torch.tensor([16000, 100])).tolist()
    [49, 0]
    """
    frames = [shape.num_frames(int(num_samples)) for num_samples in lengths_B.tolist()]
    return torch.tensor(frames, dtype=torch.int64, device=lengths_B.device)


def frame_mask(frames_B: Tensor, num_frames: int) -> Tensor:
    """True (B, T) on valid frames.

    >>> frame_mask(torch.tensor([2, 0]), 3).tolist()
    [[True, True, False], [False, False, False]]
    """
    return torch.arange(num_frames, device=frames_B.device) < frames_B.unsqueeze(1)
