"""Emotion, or arousal, valence and dominance, from the voice and the words together; emotion from words alone.

Shape suffixes: B batch, N samples, L layers, T frames, S tokens, D features.
"""

from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from merit_cli.carriers import ATTRIBUTES, EncoderShape, MultiTaskOutput
from merit_cli.config.frozen import FrozenConfig
from merit_cli.models.activations import Activation, two_layers
from merit_cli.models.fusion import Joining, SpeechTextFusion
from merit_cli.models.heads import start_at_centre
from merit_cli.models.masks import encoder_frames, frame_mask
from merit_cli.models.naive_multitask import TaskFrames
from merit_cli.models.pooling import MaskedMeanPooling
from merit_cli.models.sizes import BranchSizes, build_trunk, shape_after
from merit_cli.models.trunk import SharedTrunk

READS_WORDS = "words"
"""Value of ``reads`` in the config of a model that takes tokens beside frames; its ``build`` takes their size."""
BASE_DIM = 768
"""D of the base sizes of BERT and RoBERTa, where a model is built without its text encoder, as to reckon its cost."""


def reads_words(config: object) -> bool:
    """Whether a model's config is that of a model with a text encoder beside it."""
    return getattr(type(config), "reads", "") == READS_WORDS


class SpeechTextModel(nn.Module):
    """A trunk and a weighted sum of its layers, as the model of speech alone has them, joined with the words.

    Args:
        encoder: Shape of the speech encoder in front.
        trunk: Between it and the frames, or None.
        frames: From the trunk's layers to frames.
        join: Frames and tokens to classes or attributes.
        task: Which of the two.
        text_dim: D of the tokens.
    """

    def __init__(
        self,
        encoder: EncoderShape,
        *,
        trunk: SharedTrunk | None,
        frames: TaskFrames,
        join: SpeechTextFusion,
        task: Literal["emotion", "attributes"],
        text_dim: int,
    ) -> None:
        super().__init__()
        self.encoder, self.task, self.text_dim = encoder, task, text_dim
        self.trunk = trunk
        self.frames = frames
        self.join = join

    def forward(
        self,
        features_BLTD: Tensor,
        noisy_BN: Tensor,
        lengths_B: Tensor,
        tokens_BSD: Tensor | None = None,
        valid_BS: Tensor | None = None,
    ) -> MultiTaskOutput:
        """Outputs for features of both encoders; without tokens nobody has words."""
        valid_BT = frame_mask(encoder_frames(self.encoder, lengths_B), features_BLTD.shape[2])
        layers_BLTD = features_BLTD if self.trunk is None else self.trunk(features_BLTD, valid_BT)
        frames_BTD = self.frames.frames(layers_BLTD)
        if tokens_BSD is None or valid_BS is None:
            tokens_BSD = frames_BTD.new_zeros(len(lengths_B), 1, self.text_dim)
            valid_BS = torch.zeros(tokens_BSD.shape[:2], dtype=torch.bool, device=frames_BTD.device)
        said_BO = self.join(frames_BTD, valid_BT, tokens_BSD, valid_BS)
        if self.task == "emotion":
            return MultiTaskOutput(emotion_logits_BC=said_BO)
        return MultiTaskOutput(attributes_BA=said_BO)


class TextModel(nn.Module):
    """Emotion from the words alone, as the text encoder of a later fusion is tuned: mean over tokens, two layers.

    Args:
        text_dim: D of the tokens.
        hidden: Size of the hidden layer.
        num_classes: C.
        dropout: Before each linear layer.
        activation: Of the hidden layer.
    """

    def __init__(self, text_dim: int, *, hidden: int, num_classes: int, dropout: float, activation: Activation) -> None:
        super().__init__()
        self.pool = MaskedMeanPooling(text_dim)
        self.no_words_D = nn.Parameter(torch.zeros(text_dim))
        self.head = two_layers(text_dim, hidden, num_classes, dropout=dropout, activation=activation)

    def forward(
        self,
        features_BLTD: Tensor,
        noisy_BN: Tensor,
        lengths_B: Tensor,
        tokens_BSD: Tensor | None = None,
        valid_BS: Tensor | None = None,
    ) -> MultiTaskOutput:
        """Class scores; the speech is not looked at. A learned vector stands for an utterance without words."""
        if tokens_BSD is None or valid_BS is None:
            return MultiTaskOutput(emotion_logits_BC=self.head(self.no_words_D.expand(len(lengths_B), -1)))
        has_words_B1 = valid_BS.any(1, keepdim=True)
        pooled_BD = torch.where(has_words_B1, self.pool(tokens_BSD, valid_BS), self.no_words_D)
        return MultiTaskOutput(emotion_logits_BC=self.head(pooled_BD))


class SpeechTextSizes(BranchSizes):
    """Sizes of both models of voice and words; the head's are those of the joined head.

    Args:
        fusion: ``concatenation`` of the pooled vectors, or ``gated``: a learned share of each for every hidden unit.
        ser_activation: Of the joined head's hidden layer.
    """

    reads: ClassVar[str] = READS_WORDS
    fusion: Joining = "concatenation"
    ser_activation: Activation = "mish"


def _build(
    sizes: SpeechTextSizes,
    encoder: EncoderShape,
    text_dim: int,
    *,
    outputs: int,
    task: Literal["emotion", "attributes"],
) -> SpeechTextModel:
    trunk = build_trunk(sizes, encoder)
    seen = shape_after(trunk, encoder)
    join = SpeechTextFusion(
        seen.dim,
        text_dim,
        joining=sizes.fusion,
        hidden=sizes.ser_hidden,
        outputs=outputs,
        dropout=sizes.ser_dropout,
        activation=sizes.ser_activation,
        pooling=sizes.ser_pooling,
        attention_init=sizes.attention_init,
    )
    frames = TaskFrames(seen, mlp_hidden=None)
    return SpeechTextModel(encoder, trunk=trunk, frames=frames, join=join, task=task, text_dim=text_dim)


class FusionConfig(SpeechTextSizes):
    """Emotion recognition from voice and words."""

    tasks: ClassVar[tuple[str, ...]] = ("emotion",)
    name: Literal["fusion"] = "fusion"

    def build(self, encoder: EncoderShape, num_classes: int, text_dim: int = BASE_DIM) -> SpeechTextModel:
        """The model for the features of both encoders."""
        return _build(self, encoder, text_dim, outputs=num_classes, task="emotion")


class FusionAttributesConfig(SpeechTextSizes):
    """Arousal, valence and dominance from voice and words."""

    tasks: ClassVar[tuple[str, ...]] = ("attributes",)
    name: Literal["fusion-attributes"] = "fusion-attributes"

    def build(self, encoder: EncoderShape, num_classes: int, text_dim: int = BASE_DIM) -> SpeechTextModel:
        """The model for the features of both encoders; ``num_classes`` has no effect."""
        model = _build(self, encoder, text_dim, outputs=len(ATTRIBUTES), task="attributes")
        start_at_centre(model.join.join.head)
        return model


class TextConfig(FrozenConfig):
    """Emotion recognition from the words alone.

    Args:
        ser_hidden: Hidden layer of the head.
        ser_dropout: In the head.
        ser_activation: Of that hidden layer.
    """

    reads: ClassVar[str] = READS_WORDS
    tasks: ClassVar[tuple[str, ...]] = ("emotion",)
    name: Literal["ser-text"] = "ser-text"
    ser_hidden: int = Field(default=1024, ge=1)
    ser_dropout: float = Field(default=0.5, ge=0.0, lt=1.0)
    ser_activation: Activation = "relu"

    def build(self, encoder: EncoderShape, num_classes: int, text_dim: int = BASE_DIM) -> TextModel:
        """The model for a text encoder's features; ``encoder`` has no effect."""
        return TextModel(
            text_dim,
            hidden=self.ser_hidden,
            num_classes=num_classes,
            dropout=self.ser_dropout,
            activation=self.ser_activation,
        )
