"""Speech and words as one: what the two encoders pooled, joined by concatenation or by a gate.

An utterance without words is known by its mask: a learned vector stands in for its text, and a gate is shut to it.

Source: Tzeng et al. (2025), Lessons learnt, concatenation behind encoders that were tuned before; Arevalo et al.
(2017), Gated multimodal units, eqs. 1-5, for the gate.

Shape suffixes: B batch, T frames, S tokens, D features, H hidden, O outputs (classes or attributes).
"""

from typing import Literal

import torch
from torch import Tensor, nn

from merit_cli.models.activations import Activation, make_activation, two_layers
from merit_cli.models.pooling import AttentionInit, MaskedMeanPooling, Pooling, make_pooling

Joining = Literal["concatenation", "gated"]


class ConcatenationFusion(nn.Module):
    """Both vectors side by side, and a two-layer head.

    Args:
        speech_dim: Of the pooled speech.
        text_dim: Of the pooled text.
        hidden: H.
        outputs: O.
        dropout: Before each linear layer.
        activation: Of the hidden layer.
    """

    def __init__(
        self, speech_dim: int, text_dim: int, *, hidden: int, outputs: int, dropout: float, activation: Activation
    ) -> None:
        super().__init__()
        self.no_words_D = nn.Parameter(torch.zeros(text_dim))
        self.head = two_layers(speech_dim + text_dim, hidden, outputs, dropout=dropout, activation=activation)

    def forward(self, speech_BD: Tensor, text_BD: Tensor, has_words_B: Tensor) -> Tensor:
        """Logits or values (B, O)."""
        text_BD = torch.where(has_words_B.unsqueeze(1), text_BD, self.no_words_D)
        return self.head(torch.cat([speech_BD, text_BD], dim=1))  # type: ignore[no-any-return]


class GatedFusion(nn.Module):
    """z tanh(W speech) + (1 - z) tanh(V text), with z = sigmoid(U [speech, text]) for each hidden unit.

    Args:
        speech_dim: Of the pooled speech.
        text_dim: Of the pooled text.
        hidden: H.
        outputs: O.
        dropout: On both vectors, and before the last layer.
        activation: Of the joined vector, behind its LayerNorm.
    """

    def __init__(
        self, speech_dim: int, text_dim: int, *, hidden: int, outputs: int, dropout: float, activation: Activation
    ) -> None:
        super().__init__()
        self.speech = nn.Linear(speech_dim, hidden)
        self.text = nn.Linear(text_dim, hidden)
        self.gate = nn.Linear(speech_dim + text_dim, hidden)
        self.drop = nn.Dropout(dropout)
        self.head = nn.Sequential(
            nn.LayerNorm(hidden), make_activation(activation), nn.Dropout(dropout), nn.Linear(hidden, outputs)
        )

    def gates(self, speech_BD: Tensor, text_BD: Tensor, has_words_B: Tensor) -> Tensor:
        """z (B, H), the share of speech; 1 without words."""
        gate_BH = torch.sigmoid(self.gate(torch.cat([speech_BD, text_BD], dim=1)))
        return torch.where(has_words_B.unsqueeze(1), gate_BH, 1.0)

    def forward(self, speech_BD: Tensor, text_BD: Tensor, has_words_B: Tensor) -> Tensor:
        """Logits or values (B, O)."""
        speech_BD, text_BD = self.drop(speech_BD), self.drop(text_BD)
        gate_BH = self.gates(speech_BD, text_BD, has_words_B)
        joined_BH = gate_BH * torch.tanh(self.speech(speech_BD)) + (1.0 - gate_BH) * torch.tanh(self.text(text_BD))
        return self.head(joined_BH)  # type: ignore[no-any-return]


class SpeechTextFusion(nn.Module):
    """Frames and tokens pooled, then joined.

    Args:
        speech_dim: D of the frames.
        text_dim: D of the tokens.
        joining: ``concatenation`` or ``gated``.
        hidden: H of the joined head.
        outputs: O.
        dropout: See the joining.
        activation: Likewise.
        pooling: Of the frames; tokens are averaged.
        attention_init: Start of the pooling's attention vector.
    """

    def __init__(
        self,
        speech_dim: int,
        text_dim: int,
        *,
        joining: Joining,
        hidden: int,
        outputs: int,
        dropout: float = 0.5,
        activation: Activation = "mish",
        pooling: Pooling = "attentive_statistics",
        attention_init: AttentionInit = "scaled",
    ) -> None:
        super().__init__()
        self.pool_speech = make_pooling(pooling, speech_dim, attention_init=attention_init)
        self.pool_text = MaskedMeanPooling(text_dim)
        kind = ConcatenationFusion if joining == "concatenation" else GatedFusion
        self.join = kind(
            self.pool_speech.out_dim, text_dim, hidden=hidden, outputs=outputs, dropout=dropout, activation=activation
        )

    def forward(self, frames_BTD: Tensor, valid_BT: Tensor, tokens_BSD: Tensor, valid_BS: Tensor) -> Tensor:
        """Logits or values (B, O); an utterance without a valid token has no words."""
        speech_BD = self.pool_speech(frames_BTD, valid_BT)
        text_BD = self.pool_text(tokens_BSD, valid_BS)
        return self.join(speech_BD, text_BD.to(speech_BD.dtype), valid_BS.any(1))  # type: ignore[no-any-return]
