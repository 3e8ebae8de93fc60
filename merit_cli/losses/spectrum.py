"""The short-time spectrum that mask head and spectral loss share, exact for padded batches.

An utterance in a padded batch gets the spectrum that it would get alone: reflection happens at its own
end, and the overlap-add divides by the windows of its own frames.

Shape suffixes: B batch, N samples, P padded samples, T frames, F bins, W window.
"""

import torch
import torch.nn.functional as nnf
from torch import Tensor

WINDOW_LENGTH = 400
HOP_LENGTH = 160
NUM_BINS = WINDOW_LENGTH // 2 + 1
LOG_OFFSET = 1e-6
"""Added to the magnitude before log1p and taken off after expm1 (Tzeng et al., 2026, released code)."""


def spectrum_frames(num_samples: Tensor) -> Tensor:
    """Frames of a centred transform, one each `HOP_LENGTH` samples from the first.

    >>> spectrum_frames(torch.tensor([16000, 159])).tolist()
    [101, 1]
    """
    return num_samples // HOP_LENGTH + 1


def _window(like: Tensor) -> Tensor:
    return torch.hamming_window(WINDOW_LENGTH, periodic=True, dtype=like.dtype, device=like.device)


def _reflected(wave_BN: Tensor, lengths_B: Tensor) -> Tensor:
    """Each utterance with half a window mirrored at both of its own ends, zero behind."""
    half = WINDOW_LENGTH // 2
    position_P = torch.arange(wave_BN.shape[1] + 2 * half, device=wave_BN.device) - half
    last_B1 = (lengths_B.to(wave_BN.device) - 1).clamp(min=0).unsqueeze(1)
    period_B1 = (2 * last_B1).clamp(min=1)
    folded_BP = position_P.unsqueeze(0) % period_B1
    source_BP = torch.minimum(folded_BP, period_B1 - folded_BP).minimum(last_B1)
    inside_BP = position_P.unsqueeze(0) <= last_B1 + half
    return wave_BN.gather(1, source_BP) * inside_BP


def stft(wave_BN: Tensor, lengths_B: Tensor) -> Tensor:
    """Complex spectrum: 400-sample periodic Hamming window, hop 160, centred, reflected ends.

    Args:
        wave_BN: Waveforms at 16 kHz, anything beyond the lengths.
        lengths_B: Valid samples.

    Returns:
        Spectrum (B, T, F) with T = N // 160 + 1, F = 201; frames beyond `spectrum_frames` are zero.
    """
    padded_BP = _reflected(wave_BN, lengths_B)
    frames_BTW = padded_BP.unfold(1, WINDOW_LENGTH, HOP_LENGTH) * _window(wave_BN)
    spectrum_BTF = torch.fft.rfft(frames_BTW, dim=-1)
    valid_BT = spectrum_mask(lengths_B.to(wave_BN.device), spectrum_BTF.shape[1])
    return torch.where(valid_BT.unsqueeze(-1), spectrum_BTF, 0.0)


def istft(spectrum_BTF: Tensor, lengths_B: Tensor, *, num_samples: int) -> Tensor:
    """Waveforms by weighted overlap-add; the inverse of `stft`.

    Args:
        spectrum_BTF: Complex spectrum; frames beyond `spectrum_frames` are left out.
        lengths_B: Valid samples.
        num_samples: N of the result.

    Returns:
        Waveforms (B, N), zero beyond each length.
    """
    window_W = _window(spectrum_BTF.real)
    valid_BT1 = spectrum_mask(lengths_B, spectrum_BTF.shape[1]).unsqueeze(-1).to(window_W)
    frames_BTW = torch.fft.irfft(spectrum_BTF, n=WINDOW_LENGTH, dim=-1) * window_W * valid_BT1
    total_BP = _overlap_add(frames_BTW)
    weight_BP = _overlap_add(window_W.square() * valid_BT1)
    half = WINDOW_LENGTH // 2
    wave_BN = (total_BP / weight_BP.clamp(min=1e-11))[:, half : half + num_samples]
    wave_BN = nnf.pad(wave_BN, (0, num_samples - wave_BN.shape[1]))
    return wave_BN * sample_mask(lengths_B, num_samples).to(wave_BN)


def _overlap_add(frames_BTW: Tensor) -> Tensor:
    num_frames = frames_BTW.shape[1]
    length = (num_frames - 1) * HOP_LENGTH + WINDOW_LENGTH
    columns_BWT = frames_BTW.transpose(1, 2)
    folded = nnf.fold(columns_BWT, (1, length), (1, WINDOW_LENGTH), stride=(1, HOP_LENGTH))
    return folded[:, 0, 0]


def sample_mask(lengths_B: Tensor, num_samples: int) -> Tensor:
    """True (B, N) on valid samples."""
    return torch.arange(num_samples, device=lengths_B.device) < lengths_B.unsqueeze(1)


def spectrum_mask(lengths_B: Tensor, num_frames: int) -> Tensor:
    """True (B, T) on frames of `stft` that belong to the utterance."""
    return torch.arange(num_frames, device=lengths_B.device) < spectrum_frames(lengths_B).unsqueeze(1)


def log1p_magnitude(spectrum_BTF: Tensor) -> Tensor:
    """log(1 + |X| + 1e-6)."""
    return torch.log1p(spectrum_BTF.abs() + LOG_OFFSET)


def magnitude_from_log1p(log1p_BTF: Tensor) -> Tensor:
    """The magnitude of `log1p_magnitude`, not under 0."""
    return (torch.expm1(log1p_BTF) - LOG_OFFSET).clamp(min=0.0)
