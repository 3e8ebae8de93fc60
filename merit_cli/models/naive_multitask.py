"""Naive multi-task learning and its single-task halves: each task weighs the shared layers by itself.

Shape suffixes: B batch, N samples, L layers, T frames, D features.
"""

from typing import ClassVar, Literal

from pydantic import Field
from torch import Tensor, nn

from merit_cli.carriers import EncoderShape, MultiTaskOutput
from merit_cli.models.experts import Expert
from merit_cli.models.heads import AttributeHead, EmotionHead, MaskHead
from merit_cli.models.layer_fusion import WeightedLayerSum
from merit_cli.models.masks import encoder_frames, frame_mask
from merit_cli.models.sizes import (
    BranchSizes,
    build_attribute_head,
    build_emotion_head,
    build_mask_head,
    build_trunk,
    shape_after,
)
from merit_cli.models.trunk import SharedTrunk


class TaskFrames(nn.Module):
    """What one task sees of the layers: their weighted sum, and layers of its own on each frame.

    Args:
        shape: Of the layers.
        mlp_hidden: Hidden size of two linear layers that only this task has; None leaves them out.
    """

    def __init__(self, shape: EncoderShape, *, mlp_hidden: int | None) -> None:
        super().__init__()
        self.fusion = WeightedLayerSum(shape.num_layers, shape.dim)
        self.mlp = None if mlp_hidden is None else Expert(shape.dim, mlp_hidden, shape.dim)

    def frames(self, layers_BLTD: Tensor) -> Tensor:
        """Frames (B, T, D)."""
        frames_BTD: Tensor = self.fusion(layers_BLTD)
        return frames_BTD if self.mlp is None else self.mlp(frames_BTD)


class EmotionBranch(TaskFrames):
    """A task's frames and the emotion head."""

    def __init__(self, shape: EncoderShape, head: EmotionHead, *, mlp_hidden: int | None) -> None:
        super().__init__(shape, mlp_hidden=mlp_hidden)
        self.head = head

    def forward(self, layers_BLTD: Tensor, valid_BT: Tensor) -> Tensor:
        """Logits (B, C)."""
        return self.head(self.frames(layers_BLTD), valid_BT)  # type: ignore[no-any-return]


class AttributeBranch(TaskFrames):
    """A task's frames and the head of arousal, valence and dominance."""

    def __init__(self, shape: EncoderShape, head: AttributeHead, *, mlp_hidden: int | None) -> None:
        super().__init__(shape, mlp_hidden=mlp_hidden)
        self.head = head

    def forward(self, layers_BLTD: Tensor, valid_BT: Tensor) -> Tensor:
        """Ratings (B, A) on the scale 0 to 1."""
        return self.head(self.frames(layers_BLTD), valid_BT)  # type: ignore[no-any-return]


class EnhancementBranch(TaskFrames):
    """A task's frames and the mask head."""

    def __init__(self, shape: EncoderShape, head: MaskHead, *, mlp_hidden: int | None) -> None:
        super().__init__(shape, mlp_hidden=mlp_hidden)
        self.head = head

    def forward(self, layers_BLTD: Tensor, noisy_BN: Tensor, lengths_B: Tensor) -> tuple[Tensor, Tensor]:
        """The enhanced waveform and its log1p magnitude."""
        return self.head(self.frames(layers_BLTD), noisy_BN, lengths_B)  # type: ignore[no-any-return]


class BranchedModel(nn.Module):
    """A shared trunk and one branch a task; a missing branch leaves its output None.

    Args:
        encoder: Shape of the encoder in front.
        trunk: Shared by the branches, or None.
        enhancement: Branch that enhances.
        emotion: Branch that classifies.
        attributes: Branch that rates.
    """

    def __init__(
        self,
        encoder: EncoderShape,
        *,
        trunk: SharedTrunk | None = None,
        enhancement: EnhancementBranch | None = None,
        emotion: EmotionBranch | None = None,
        attributes: AttributeBranch | None = None,
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.trunk = trunk
        self.enhancement = enhancement
        self.emotion = emotion
        self.attributes = attributes

    def forward(self, features_BLTD: Tensor, noisy_BN: Tensor, lengths_B: Tensor) -> MultiTaskOutput:
        """Outputs for encoder features and the noisy waveforms in normalised scale."""
        valid_BT = frame_mask(encoder_frames(self.encoder, lengths_B), features_BLTD.shape[2])
        layers_BLTD = features_BLTD if self.trunk is None else self.trunk(features_BLTD, valid_BT)
        wave_BN, log1p_BTF, logits_BC, attributes_BA = None, None, None, None
        if self.enhancement is not None:
            wave_BN, log1p_BTF = self.enhancement(layers_BLTD, noisy_BN, lengths_B)
        if self.emotion is not None:
            logits_BC = self.emotion(layers_BLTD, valid_BT)
        if self.attributes is not None:
            attributes_BA = self.attributes(layers_BLTD, valid_BT)
        return MultiTaskOutput(
            enhanced_BN=wave_BN,
            enhanced_log1p_BTF=log1p_BTF,
            emotion_logits_BC=logits_BC,
            attributes_BA=attributes_BA,
        )


def _build(
    sizes: BranchSizes,
    encoder: EncoderShape,
    num_classes: int,
    *,
    tasks: tuple[str, ...],
    mlp_hidden: int | None = None,
) -> BranchedModel:
    trunk = build_trunk(sizes, encoder)
    seen = shape_after(trunk, encoder)
    enhancement = emotion = attributes = None
    if "enhancement" in tasks:
        enhancement = EnhancementBranch(seen, build_mask_head(sizes, seen.dim, encoder), mlp_hidden=mlp_hidden)
    if "emotion" in tasks:
        emotion = EmotionBranch(seen, build_emotion_head(sizes, seen.dim, num_classes), mlp_hidden=mlp_hidden)
    if "attributes" in tasks:
        attributes = AttributeBranch(seen, build_attribute_head(sizes, seen.dim), mlp_hidden=mlp_hidden)
    return BranchedModel(encoder, trunk=trunk, enhancement=enhancement, emotion=emotion, attributes=attributes)


class TaskMlpSizes(BranchSizes):
    """Sizes of a model without experts, which may give each task as many parameters as an expert would.

    Args:
        task_mlp_hidden: Hidden size of two linear layers of each task between layers and head; None
            leaves them out.
    """

    task_mlp_hidden: int | None = Field(default=None, ge=1)


class NaiveMultitaskConfig(TaskMlpSizes):
    """Both tasks on one trunk, without experts."""

    tasks: ClassVar[tuple[str, ...]] = ("enhancement", "emotion")
    name: Literal["naive-mtl"] = "naive-mtl"

    def build(self, encoder: EncoderShape, num_classes: int) -> BranchedModel:
        """The model for an encoder's features."""
        return _build(self, encoder, num_classes, tasks=self.tasks, mlp_hidden=self.task_mlp_hidden)


class EnhancementConfig(TaskMlpSizes):
    """Speech enhancement alone."""

    tasks: ClassVar[tuple[str, ...]] = ("enhancement",)
    name: Literal["se"] = "se"

    def build(self, encoder: EncoderShape, num_classes: int) -> BranchedModel:
        """The model for an encoder's features; ``num_classes`` has no effect."""
        return _build(self, encoder, num_classes, tasks=self.tasks, mlp_hidden=self.task_mlp_hidden)


class BsseSeConfig(BranchSizes):
    """Speech enhancement by a mask on an encoder's weighted layers and the log spectrum, without a trunk.

    Source: Hung et al. (2022), Boosting self-supervised embeddings for speech enhancement (BSSE-SE), Interspeech.
    """

    tasks: ClassVar[tuple[str, ...]] = ("enhancement",)
    name: Literal["bsse-se"] = "bsse-se"
    trunk_blocks: int | None = Field(default=None, ge=0)
    blstm_hidden: int = Field(default=256, ge=1)

    def build(self, encoder: EncoderShape, num_classes: int) -> BranchedModel:
        """The model for an encoder's features; ``num_classes`` has no effect."""
        return _build(self, encoder, num_classes, tasks=self.tasks)


class EmotionConfig(TaskMlpSizes):
    """Emotion recognition alone."""

    tasks: ClassVar[tuple[str, ...]] = ("emotion",)
    name: Literal["ser"] = "ser"

    def build(self, encoder: EncoderShape, num_classes: int) -> BranchedModel:
        """The model for an encoder's features."""
        return _build(self, encoder, num_classes, tasks=self.tasks, mlp_hidden=self.task_mlp_hidden)


class AttributesConfig(TaskMlpSizes):
    """Arousal, valence and dominance alone."""

    tasks: ClassVar[tuple[str, ...]] = ("attributes",)
    name: Literal["ser-attributes"] = "ser-attributes"

    def build(self, encoder: EncoderShape, num_classes: int) -> BranchedModel:
        """The model for an encoder's features; ``num_classes`` has no effect."""
        return _build(self, encoder, num_classes, tasks=self.tasks, mlp_hidden=self.task_mlp_hidden)


class EmotionAndAttributesConfig(TaskMlpSizes):
    """Emotion recognition, and arousal, valence and dominance, on one trunk with a head each."""

    tasks: ClassVar[tuple[str, ...]] = ("emotion", "attributes")
    name: Literal["ser-multi-task"] = "ser-multi-task"

    def build(self, encoder: EncoderShape, num_classes: int) -> BranchedModel:
        """The model for an encoder's features."""
        return _build(self, encoder, num_classes, tasks=self.tasks, mlp_hidden=self.task_mlp_hidden)
