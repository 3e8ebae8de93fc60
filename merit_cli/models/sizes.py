"""Sizes that every model's config shares, and the parts that they build."""

from typing import Literal

from pydantic import Field, field_validator
from torch import nn

from merit_cli.carriers import EncoderShape
from merit_cli.config.frozen import FrozenConfig
from merit_cli.models.activations import Activation
from merit_cli.models.heads import AttributeHead, EmotionHead, MaskHead
from merit_cli.models.layer_fusion import ConcatenatedLayers, WeightedLayerSum
from merit_cli.models.pooling import AttentionInit, Pooling
from merit_cli.models.trunk import SharedTrunk

Fusion = Literal["concat", "weighted_sum"]


class BranchSizes(FrozenConfig):
    """Trunk and heads; the defaults suit a small or frozen encoder and a few hundred utterances.

    Args:
        trunk_blocks: Convolution blocks of the shared trunk; None leaves the trunk out.
        trunk_width: Features after the trunk.
        trunk_kernel: Frames seen by each block's convolution, odd.
        trunk_expansion: Hidden size of each block over the width.
        trunk_dropout: In each block.
        blstm_hidden: Of each direction of the mask head.
        ser_hidden: Hidden layer of the emotion head.
        ser_dropout: In the emotion head.
        ser_activation: Of that hidden layer.
        ser_pooling: ``attentive_statistics`` or ``mean`` over the frames.
        attention_init: Start of the pooling's attention vector; ``unit`` is the released code's.
    """

    trunk_blocks: int | None = Field(default=2, ge=0)
    trunk_width: int = Field(default=192, ge=1)
    trunk_kernel: int = Field(default=9, ge=1)
    trunk_expansion: int = Field(default=4, ge=1)
    trunk_dropout: float = Field(default=0.1, ge=0.0, lt=1.0)
    blstm_hidden: int = Field(default=96, ge=1)
    ser_hidden: int = Field(default=128, ge=1)
    ser_dropout: float = Field(default=0.5, ge=0.0, lt=1.0)
    ser_activation: Activation = "relu"
    ser_pooling: Pooling = "attentive_statistics"
    attention_init: AttentionInit = "scaled"

    @field_validator("trunk_kernel")
    @classmethod
    def _odd(cls, kernel: int) -> int:
        if kernel % 2 == 0:
            raise ValueError("the kernel has a middle frame only where it is odd")
        return kernel


def build_trunk(sizes: BranchSizes, encoder: EncoderShape) -> SharedTrunk | None:
    """The shared trunk, or None where the sizes leave it out."""
    if sizes.trunk_blocks is None:
        return None
    return SharedTrunk(
        encoder,
        num_blocks=sizes.trunk_blocks,
        width=sizes.trunk_width,
        kernel=sizes.trunk_kernel,
        expansion=sizes.trunk_expansion,
        dropout=sizes.trunk_dropout,
    )


def build_fusion(fusion: Fusion, encoder: EncoderShape) -> ConcatenatedLayers | WeightedLayerSum:
    """The layer fusion of that name for an encoder or a trunk's output."""
    kind = ConcatenatedLayers if fusion == "concat" else WeightedLayerSum
    return kind(encoder.num_layers, encoder.dim)


def build_emotion_head(sizes: BranchSizes, dim: int, num_classes: int) -> EmotionHead:
    """The emotion head on frames of ``dim`` features."""
    return EmotionHead(
        dim,
        sizes.ser_hidden,
        num_classes,
        dropout=sizes.ser_dropout,
        attention_init=sizes.attention_init,
        pooling=sizes.ser_pooling,
        activation=sizes.ser_activation,
    )


def build_attribute_head(sizes: BranchSizes, dim: int) -> AttributeHead:
    """The head of arousal, valence and dominance on frames of ``dim`` features."""
    return AttributeHead(
        dim,
        sizes.ser_hidden,
        dropout=sizes.ser_dropout,
        attention_init=sizes.attention_init,
        pooling=sizes.ser_pooling,
        activation=sizes.ser_activation,
    )


def build_mask_head(sizes: BranchSizes, dim: int, encoder: EncoderShape) -> MaskHead:
    """The mask head on frames of ``dim`` features."""
    return MaskHead(dim, sizes.blstm_hidden, encoder)


def shape_after(trunk: nn.Module | None, encoder: EncoderShape) -> EncoderShape:
    """What the branches see: the trunk's layers, or the encoder's own."""
    return trunk.shape if isinstance(trunk, SharedTrunk) else encoder
