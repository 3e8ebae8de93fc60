"""The task heads: emotion and attributes from pooled frames, enhancement by a mask on the log1p spectrum.

Shape suffixes: B batch, N samples, T frames, F bins, D features, H hidden, C classes, A attributes.
"""

import torch
from torch import Tensor, nn

from merit_cli.carriers import ATTRIBUTES, EncoderShape
from merit_cli.losses.spectrum import (
    HOP_LENGTH,
    NUM_BINS,
    istft,
    log1p_magnitude,
    magnitude_from_log1p,
    spectrum_frames,
    stft,
)
from merit_cli.models.activations import Activation, two_layers
from merit_cli.models.blstm import BidirectionalLstm
from merit_cli.models.masks import encoder_frames
from merit_cli.models.pooling import AttentionInit, Pooling, make_pooling

SMALLEST_MAGNITUDE = 1e-12
SCALE_CENTRE = 0.5
"""Of ratings on 0 to 1: where a regression begins (ours)."""


class EmotionHead(nn.Module):
    """Pooling over the frames and a two-layer classifier.

    Args:
        dim: D of the frames.
        hidden: Size of the hidden layer.
        num_classes: C.
        dropout: Before each of the two linear layers.
        attention_init: Start of the pooling's attention vector.
        pooling: ``attentive_statistics`` or ``mean``.
        activation: Of the hidden layer.
    """

    def __init__(
        self,
        dim: int,
        hidden: int,
        num_classes: int,
        *,
        dropout: float,
        attention_init: AttentionInit = "scaled",
        pooling: Pooling = "attentive_statistics",
        activation: Activation = "relu",
    ) -> None:
        super().__init__()
        self.pool = make_pooling(pooling, dim, attention_init=attention_init)
        self.classify = two_layers(self.pool.out_dim, hidden, num_classes, dropout=dropout, activation=activation)

    def forward(self, frames_BTD: Tensor, valid_BT: Tensor) -> Tensor:
        """Logits (B, C)."""
        return self.classify(self.pool(frames_BTD, valid_BT))  # type: ignore[no-any-return]


class AttributeHead(nn.Module):
    """Pooling over the frames and a two-layer regression of arousal, valence and dominance.

    Nothing holds the values within the scale: the loss brings them there, and what is written is clipped.

    Args:
        dim: D of the frames.
        hidden: Size of the hidden layer.
        dropout: Before each of the two linear layers.
        attention_init: Start of the pooling's attention vector.
        pooling: ``attentive_statistics`` or ``mean``.
        activation: Of the hidden layer.
    """

    def __init__(
        self,
        dim: int,
        hidden: int,
        *,
        dropout: float,
        attention_init: AttentionInit = "scaled",
        pooling: Pooling = "attentive_statistics",
        activation: Activation = "relu",
    ) -> None:
        super().__init__()
        self.pool = make_pooling(pooling, dim, attention_init=attention_init)
        self.rate = two_layers(self.pool.out_dim, hidden, len(ATTRIBUTES), dropout=dropout, activation=activation)
        start_at_centre(self.rate)

    def forward(self, frames_BTD: Tensor, valid_BT: Tensor) -> Tensor:
        """Values (B, A) on the scale 0 to 1, in the order of `ATTRIBUTES`."""
        return self.rate(self.pool(frames_BTD, valid_BT))  # type: ignore[no-any-return]


def start_at_centre(layers: nn.Sequential) -> None:
    """Let a regression of ratings on 0 to 1 begin at the middle of the scale, by the bias of its last layer."""
    last = layers[-1]
    assert isinstance(last, nn.Linear), type(last)
    nn.init.constant_(last.bias, SCALE_CENTRE)


class MaskHead(nn.Module):
    """Mask of the noisy log1p magnitude, from that magnitude and the encoder's frames.

    Linear, two bidirectional LSTM layers with the directions summed, Linear, Sigmoid; the noisy phase
    is kept. The mask only attenuates.

    Source: Hung et al. (2022), BSSE-SE; sizes as in Tzeng et al. (2026).

    Args:
        dim: D of the frames.
        hidden: Size of the first linear layer and of each LSTM direction.
        shape: The encoder's kernels and strides, which place its frames in time.
    """

    def __init__(self, dim: int, hidden: int, shape: EncoderShape) -> None:
        super().__init__()
        self.project = nn.Linear(NUM_BINS + dim, hidden)
        self.recur = BidirectionalLstm(hidden, hidden)
        self.mask = nn.Linear(hidden, NUM_BINS)
        self.shape = shape

    def forward(self, frames_BTD: Tensor, noisy_BN: Tensor, lengths_B: Tensor) -> tuple[Tensor, Tensor]:
        """The enhanced waveform (B, N), zero beyond each length, and its log1p magnitude (B, T, F)."""
        spectrum_BTF = stft(noisy_BN, lengths_B)
        noisy_log1p_BTF = log1p_magnitude(spectrum_BTF)
        aligned_BTD = align_frames(frames_BTD, self.shape, lengths_B, num_frames=spectrum_BTF.shape[1])
        hidden_BTH = self.project(torch.cat([noisy_log1p_BTF.to(aligned_BTD.dtype), aligned_BTD], dim=-1))
        hidden_BTH = self.recur(hidden_BTH, spectrum_frames(lengths_B))
        enhanced_log1p_BTF = torch.sigmoid(self.mask(hidden_BTH)).to(noisy_log1p_BTF.dtype) * noisy_log1p_BTF
        phase_BTF = spectrum_BTF / spectrum_BTF.abs().clamp(min=SMALLEST_MAGNITUDE)
        enhanced_BTF = magnitude_from_log1p(enhanced_log1p_BTF) * phase_BTF
        return istft(enhanced_BTF, lengths_B, num_samples=noisy_BN.shape[1]), enhanced_log1p_BTF


def deepen_mask(noisy_BN: Tensor, enhanced_log1p_BTF: Tensor, lengths_B: Tensor, *, exponent: float) -> Tensor:
    """The enhanced waveform (B, N) with the mask's gain raised to a power.

    A network is surer of noises that it was trained on than of others, of which it leaves too much.
    Over one, the exponent takes more where the mask takes much, and nothing where it leaves all; it is
    to be chosen on dev. Of gain G = enhanced / noisy magnitude, at most 1, G^exponent is taken.

    Args:
        noisy_BN: What was masked.
        enhanced_log1p_BTF: Its log1p magnitude after the mask.
        lengths_B: Valid samples.
        exponent: 1 gives the waveform of the mask itself.
    """
    spectrum_BTF = stft(noisy_BN, lengths_B)
    magnitude_BTF = spectrum_BTF.abs().clamp(min=SMALLEST_MAGNITUDE)
    gain_BTF = (magnitude_from_log1p(enhanced_log1p_BTF) / magnitude_BTF).clamp(max=1.0)
    return istft(spectrum_BTF * gain_BTF**exponent, lengths_B, num_samples=noisy_BN.shape[1])


def align_frames(frames_BTD: Tensor, shape: EncoderShape, lengths_B: Tensor, *, num_frames: int) -> Tensor:
    """Encoder frames repeated to the spectrum's rate, the last valid one held to the end.

    Args:
        frames_BTD: Encoder frames, at least one.
        shape: Strides of the encoder.
        lengths_B: Valid samples.
        num_frames: Frames of the spectrum.

    Returns:
        (B, num_frames, D).
    """
    hop = 1
    for stride in shape.strides:
        hop *= stride
    index_T = torch.arange(num_frames, device=frames_BTD.device) * HOP_LENGTH // hop
    last_B1 = (encoder_frames(shape, lengths_B).to(index_T.device) - 1).clamp(min=0).unsqueeze(1)
    index_BT = torch.minimum(index_T.unsqueeze(0), last_B1)
    return frames_BTD.gather(1, index_BT.unsqueeze(-1).expand(-1, -1, frames_BTD.shape[-1]))
