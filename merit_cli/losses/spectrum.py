"""The short-time spectrum that mask head and spectral loss share, exact for padded batches.

An utterance in a padded batch gets the spectrum that it would get alone: reflection happens at its own
end, and the overlap-add divides by the windows of its own frames.

Shape suffixes: B batch, N samples, P padded samples, T frames, F bins, W window.
"""

from typing import Literal, NamedTuple

import torch
import torch.nn.functional as nnf
from torch import Tensor

WINDOW_LENGTH = 400
HOP_LENGTH = 160
NUM_BINS = WINDOW_LENGTH // 2 + 1
LOG_OFFSET = 1e-6
"""Added to the magnitude before log1p and taken off after expm1 (Tzeng et al., 2026, released code)."""


class StftShape(NamedTuple):
    """How the transform cuts and weighs a waveform.

    Args:
        window_length: In samples, even.
        hop_length: In samples.
        fft_size: At least the window; zeros are added behind it.
        window: Periodic, used for analysis and synthesis.
    """

    window_length: int = WINDOW_LENGTH
    hop_length: int = HOP_LENGTH
    fft_size: int = WINDOW_LENGTH
    window: Literal["hamming", "hann"] = "hamming"

    @property
    def num_bins(self) -> int:
        """F."""
        return self.fft_size // 2 + 1


MASK_SHAPE = StftShape()
"""That of the mask head and its loss."""


def spectrum_frames(num_samples: Tensor, shape: StftShape = MASK_SHAPE) -> Tensor:
    """Frames of a centred transform, one each hop from the first sample.

    >>> spectrum_frames(torch.tensor([16000, 159])).tolist()
    [101, 1]
    """
    return num_samples // shape.hop_length + 1


def _window(like: Tensor, shape: StftShape) -> Tensor:
    make = torch.hann_window if shape.window == "hann" else torch.hamming_window
    return make(shape.window_length, periodic=True, dtype=like.dtype, device=like.device)


def _reflected(wave_BN: Tensor, lengths_B: Tensor, half: int) -> Tensor:
    """Each utterance with half a window mirrored at both of its own ends, zero behind."""
    position_P = torch.arange(wave_BN.shape[1] + 2 * half, device=wave_BN.device) - half
    last_B1 = (lengths_B.to(wave_BN.device) - 1).clamp(min=0).unsqueeze(1)
    period_B1 = (2 * last_B1).clamp(min=1)
    folded_BP = position_P.unsqueeze(0) % period_B1
    source_BP = torch.minimum(folded_BP, period_B1 - folded_BP).minimum(last_B1)
    inside_BP = position_P.unsqueeze(0) <= last_B1 + half
    return wave_BN.gather(1, source_BP) * inside_BP


def stft(wave_BN: Tensor, lengths_B: Tensor, shape: StftShape = MASK_SHAPE) -> Tensor:
    """Complex spectrum, centred, with reflected ends.

    Args:
        wave_BN: Waveforms, anything beyond the lengths.
        lengths_B: Valid samples.
        shape: By default a 400-sample Hamming window, hop 160.

    Returns:
        Spectrum (B, T, F) with T = N // hop + 1; frames beyond `spectrum_frames` are zero.
    """
    padded_BP = _reflected(wave_BN, lengths_B, shape.window_length // 2)
    frames_BTW = padded_BP.unfold(1, shape.window_length, shape.hop_length) * _window(wave_BN, shape)
    spectrum_BTF = torch.fft.rfft(frames_BTW, n=shape.fft_size, dim=-1)
    valid_BT = spectrum_mask(lengths_B.to(wave_BN.device), spectrum_BTF.shape[1], shape)
    return torch.where(valid_BT.unsqueeze(-1), spectrum_BTF, 0.0)


def istft(spectrum_BTF: Tensor, lengths_B: Tensor, *, num_samples: int, shape: StftShape = MASK_SHAPE) -> Tensor:
    """Waveforms by weighted overlap-add; the inverse of `stft`.

    Args:
        spectrum_BTF: Complex spectrum; frames beyond `spectrum_frames` are left out.
        lengths_B: Valid samples.
        num_samples: N of the result.
        shape: As in `stft`.

    Returns:
        Waveforms (B, N), zero beyond each length.
    """
    window_W = _window(spectrum_BTF.real, shape)
    valid_BT1 = spectrum_mask(lengths_B, spectrum_BTF.shape[1], shape).unsqueeze(-1).to(window_W)
    frames_BTW = torch.fft.irfft(spectrum_BTF, n=shape.fft_size, dim=-1)[..., : shape.window_length]
    total_BP = _overlap_add(frames_BTW * window_W * valid_BT1, shape)
    weight_BP = _overlap_add(window_W.square() * valid_BT1, shape)
    half = shape.window_length // 2
    wave_BN = (total_BP / weight_BP.clamp(min=1e-11))[:, half : half + num_samples]
    wave_BN = nnf.pad(wave_BN, (0, num_samples - wave_BN.shape[1]))
    return wave_BN * sample_mask(lengths_B, num_samples).to(wave_BN)


def _overlap_add(frames_BTW: Tensor, shape: StftShape) -> Tensor:
    num_frames = frames_BTW.shape[1]
    length = (num_frames - 1) * shape.hop_length + shape.window_length
    columns_BWT = frames_BTW.transpose(1, 2)
    folded = nnf.fold(columns_BWT, (1, length), (1, shape.window_length), stride=(1, shape.hop_length))
    return folded[:, 0, 0]


def sample_mask(lengths_B: Tensor, num_samples: int) -> Tensor:
    """True (B, N) on valid samples."""
    return torch.arange(num_samples, device=lengths_B.device) < lengths_B.unsqueeze(1)


def spectrum_mask(lengths_B: Tensor, num_frames: int, shape: StftShape = MASK_SHAPE) -> Tensor:
    """True (B, T) on frames of `stft` that belong to the utterance."""
    return torch.arange(num_frames, device=lengths_B.device) < spectrum_frames(lengths_B, shape).unsqueeze(1)


def log1p_magnitude(spectrum_BTF: Tensor) -> Tensor:
    """log(1 + |X| + 1e-6)."""
    return torch.log1p(spectrum_BTF.abs() + LOG_OFFSET)


def magnitude_from_log1p(log1p_BTF: Tensor) -> Tensor:
    """The magnitude of `log1p_magnitude`, not under 0."""
    return (torch.expm1(log1p_BTF) - LOG_OFFSET).clamp(min=0.0)
