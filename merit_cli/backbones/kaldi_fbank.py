"""Kaldi's log-mel filter bank on batches of clips, as the Audio Spectrogram Transformer hears them.

Shape suffixes: B batch, N samples, W window, T frames, F bins, M mel bands.
"""

import math

import torch
import torch.nn.functional as nnf
from torch import Tensor, nn

SAMPLE_RATE = 16000
WINDOW_LENGTH, HOP_LENGTH, FFT_SIZE = 400, 160, 512
LOW_HZ = 20.0
PRE_EMPHASIS = 0.97
SMALLEST_ENERGY = 1.1920928955078125e-07


def num_frames(num_samples: int) -> int:
    """T of a clip; no frame reaches beyond its ends.

    >>> num_frames(128_000)
    798
    """
    return 1 + (num_samples - WINDOW_LENGTH) // HOP_LENGTH


class KaldiFbank(nn.Module):
    """Log energies of triangular bands on the mel scale of HTK, from frames of 25 ms every 10 ms.

    Source: Povey et al. 2011 (Kaldi, compute-fbank-feats), without dither; O'Shaughnessy's mel, 1127 ln(1 + f / 700).

    Args:
        num_mels: M.
    """

    window_W: Tensor
    filters_MF: Tensor

    def __init__(self, num_mels: int) -> None:
        super().__init__()
        self.register_buffer("window_W", torch.hann_window(WINDOW_LENGTH, periodic=False), persistent=False)
        self.register_buffer("filters_MF", _filters(num_mels), persistent=False)

    def forward(self, waves_BN: Tensor) -> Tensor:
        """Log energies (B, M, T)."""
        frames_BTW = waves_BN.unfold(1, WINDOW_LENGTH, HOP_LENGTH)
        frames_BTW = frames_BTW - frames_BTW.mean(dim=-1, keepdim=True)
        before_BTW = nnf.pad(frames_BTW, (1, 0), mode="replicate")[..., :-1]
        windowed_BTW = (frames_BTW - PRE_EMPHASIS * before_BTW) * self.window_W
        power_BTF: Tensor = torch.fft.rfft(windowed_BTW, FFT_SIZE).abs().square()
        return (power_BTF @ self.filters_MF.T).clamp(min=SMALLEST_ENERGY).log().transpose(1, 2)


def _filters(num_mels: int) -> Tensor:
    """Triangles (M, F) that rise and fall evenly in mel."""
    low, high = (1127.0 * math.log(1.0 + hz / 700.0) for hz in (LOW_HZ, SAMPLE_RATE / 2))
    edges = torch.linspace(low, high, num_mels + 2, dtype=torch.float64)
    bins_hz = torch.arange(FFT_SIZE // 2 + 1, dtype=torch.float64) * SAMPLE_RATE / FFT_SIZE
    bins_F = 1127.0 * torch.log1p(bins_hz / 700.0)
    width = edges[1] - edges[0]
    rising_MF = (bins_F - edges[:-2, None]) / width
    falling_MF = (edges[2:, None] - bins_F) / width
    filters_MF = torch.minimum(rising_MF, falling_MF).clamp(min=0.0)
    filters_MF[:, -1] = 0.0  # Kaldi leaves half the sample rate out
    return filters_MF.float()
