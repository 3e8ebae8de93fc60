"""Sparse MERIT: a pool of experts shared by both tasks, and one frame-wise router for each.

Source: Tzeng, Busso and Lee (2026), Joint Learning using Mixture-of-Expert-Based Representation for
Speech Enhancement and Robust Emotion Recognition.

Shape suffixes: B batch, N samples, L layers, T frames, D features, X fused features.
"""

from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator
from torch import Tensor, nn

from merit_cli.carriers import EncoderShape, MultiTaskOutput, Routing
from merit_cli.models.experts import ExpertPool
from merit_cli.models.heads import EmotionHead, MaskHead
from merit_cli.models.layer_fusion import ConcatenatedLayers, WeightedLayerSum
from merit_cli.models.masks import encoder_frames, frame_mask
from merit_cli.models.routing import Router, RouterGradient, RouterInput
from merit_cli.models.sizes import (
    BranchSizes,
    Fusion,
    build_emotion_head,
    build_fusion,
    build_mask_head,
    build_trunk,
    shape_after,
)
from merit_cli.models.trunk import SharedTrunk

TASKS = ("enhancement", "emotion")


class ExpertBlock(nn.Module):
    """Layer fusion, one router a task and the shared experts.

    Args:
        fusion: Layers to one vector a frame.
        routers: Task to its router.
        experts: The shared pool.
    """

    def __init__(
        self, fusion: ConcatenatedLayers | WeightedLayerSum, routers: dict[str, Router], experts: ExpertPool
    ) -> None:
        super().__init__()
        self.fusion = fusion
        self.routers = nn.ModuleDict(routers)
        self.experts = experts

    def forward(self, layers_BLTD: Tensor, valid_BT: Tensor) -> tuple[dict[str, Tensor], dict[str, Routing]]:
        """Each task's frames (B, T, D) and routing."""
        fused_BTX = self.fusion(layers_BLTD)
        gates = {task: router(fused_BTX, valid_BT) for task, router in self.routers.items()}
        return self.experts(fused_BTX, gates), {task: gate.routing for task, gate in gates.items()}


class SparseMerit(nn.Module):
    """Expert block between the encoder (or trunk) and the two heads.

    Args:
        encoder: Shape of the encoder in front.
        trunk: Shared trunk, or None.
        block: Fusion, routers and experts.
        mask_head: Enhancement from its routed frames.
        emotion_head: Emotion from its routed frames.
    """

    def __init__(
        self,
        encoder: EncoderShape,
        *,
        trunk: SharedTrunk | None,
        block: ExpertBlock,
        mask_head: MaskHead,
        emotion_head: EmotionHead,
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.trunk = trunk
        self.block = block
        self.mask_head = mask_head
        self.emotion_head = emotion_head

    def forward(self, features_BLTD: Tensor, noisy_BN: Tensor, lengths_B: Tensor) -> MultiTaskOutput:
        """Outputs for encoder features and the noisy waveforms in normalised scale."""
        valid_BT = frame_mask(encoder_frames(self.encoder, lengths_B), features_BLTD.shape[2])
        layers_BLTD = features_BLTD if self.trunk is None else self.trunk(features_BLTD, valid_BT)
        frames, routing = self.block(layers_BLTD, valid_BT)
        wave_BN, log1p_BTF = self.mask_head(frames["enhancement"], noisy_BN, lengths_B)
        return MultiTaskOutput(
            enhanced_BN=wave_BN,
            enhanced_log1p_BTF=log1p_BTF,
            emotion_logits_BC=self.emotion_head(frames["emotion"], valid_BT),
            routing=routing,
        )


class SparseMeritConfig(BranchSizes):
    """Both tasks through shared experts.

    Args:
        num_experts: Size of the pool.
        experts_per_frame: Experts chosen by each router; the size of the pool makes it dense.
        expert_hidden: Hidden size of an expert.
        expert_dim: Output size of an expert.
        router_grad: How a router learns; ``none`` is the released code's, which leaves it random.
        router_input: ``standardised`` takes constant features out of the router's input.
        fusion: What experts and routers see of the layers.
    """

    tasks: ClassVar[tuple[str, ...]] = TASKS
    name: Literal["sparse-merit"] = "sparse-merit"
    num_experts: int = Field(default=3, ge=1)
    experts_per_frame: int = Field(default=1, ge=1)
    expert_hidden: int = Field(default=384, ge=1)
    expert_dim: int = Field(default=192, ge=1)
    router_grad: RouterGradient = "prob_scaled"
    router_input: RouterInput = "standardised"
    fusion: Fusion = "concat"

    @model_validator(mode="after")
    def _enough_experts(self) -> Self:
        if self.experts_per_frame > self.num_experts:
            raise ValueError(f"{self.experts_per_frame} experts per frame of a pool of {self.num_experts}")
        return self

    def build(self, encoder: EncoderShape, num_classes: int) -> SparseMerit:
        """The model for an encoder's features."""
        trunk = build_trunk(self, encoder)
        return SparseMerit(
            encoder,
            trunk=trunk,
            block=self.build_block(shape_after(trunk, encoder)),
            mask_head=build_mask_head(self, self.expert_dim, encoder),
            emotion_head=build_emotion_head(self, self.expert_dim, num_classes),
        )

    def build_block(self, seen: EncoderShape) -> ExpertBlock:
        """Fusion, routers and experts for layers of that shape."""
        fusion = build_fusion(self.fusion, seen)
        routers = {
            task: Router(
                fusion.out_dim,
                self.num_experts,
                experts_per_frame=self.experts_per_frame,
                router_grad=self.router_grad,
                router_input=self.router_input,
            )
            for task in TASKS
        }
        experts = ExpertPool(
            self.num_experts, in_dim=fusion.out_dim, hidden_dim=self.expert_hidden, out_dim=self.expert_dim
        )
        return ExpertBlock(fusion, routers, experts)
