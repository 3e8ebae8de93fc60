"""Sparse MERIT: a pool of experts shared by both tasks, and one frame-wise router for each.

Source: Tzeng, Busso and Lee (2026), Joint Learning using Mixture-of-Expert-Based Representation for
Speech Enhancement and Robust Emotion Recognition.

Shape suffixes: B batch, N samples, L layers, T frames, D features, X fused features.
"""

from collections.abc import Mapping
from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator
from torch import Tensor, nn

from merit_cli.carriers import EncoderShape, MultiTaskOutput, Routing
from merit_cli.models.experts import Expert, ExpertPool, LayerSumExpert
from merit_cli.models.heads import EmotionHead, MaskHead
from merit_cli.models.layer_fusion import ConcatenatedLayers, WeightedLayerSum
from merit_cli.models.masks import encoder_frames, frame_mask
from merit_cli.models.routing import FixedRouter, Gates, Router, RouterGradient, RouterInput
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
        self,
        fusion: ConcatenatedLayers | WeightedLayerSum,
        routers: Mapping[str, Router | FixedRouter],
        experts: ExpertPool,
    ) -> None:
        super().__init__()
        self.fusion = fusion
        self.routers = nn.ModuleDict(routers)
        self.experts = experts

    def forward(self, layers_BLTD: Tensor, valid_BT: Tensor) -> tuple[dict[str, Tensor], dict[str, Routing]]:
        """Each task's frames (B, T, D), and the routing of each task that has a router."""
        fused_BTX = self.fusion(layers_BLTD)
        gates: dict[str, Gates] = {task: router(fused_BTX, valid_BT) for task, router in self.routers.items()}
        routing = {task: gate.routing for task, gate in gates.items() if gate.routing is not None}
        return self.experts(fused_BTX, gates, valid_BT), routing


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
        expert_kind: ``mlp``, or ``layer_sum``: each expert is a weighted sum of the layers and nothing else.
        expert_hidden: Hidden size of an expert of kind ``mlp``.
        expert_dim: Output size of an expert of kind ``mlp``.
        routing: ``learned`` by a router a task; ``by_task`` gives each task an expert of its own.
        router_grad: How a router learns; ``none`` is the released code's, which leaves it random;
            ``straight_through_dense`` runs every expert on every frame.
        router_input: ``standardised`` takes constant features out of the router's input.
        fusion: What experts and routers see of the layers.
    """

    tasks: ClassVar[tuple[str, ...]] = TASKS
    name: Literal["sparse-merit"] = "sparse-merit"
    num_experts: int = Field(default=3, ge=1)
    experts_per_frame: int = Field(default=1, ge=1)
    expert_kind: Literal["mlp", "layer_sum"] = "mlp"
    expert_hidden: int = Field(default=384, ge=1)
    expert_dim: int = Field(default=192, ge=1)
    routing: Literal["learned", "by_task"] = "learned"
    router_grad: RouterGradient = "prob_scaled"
    router_input: RouterInput = "standardised"
    fusion: Fusion = "concat"

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        if self.experts_per_frame > self.num_experts:
            raise ValueError(f"{self.experts_per_frame} experts per frame of a pool of {self.num_experts}")
        if self.routing == "by_task" and (self.num_experts, self.experts_per_frame) != (len(TASKS), 1):
            raise ValueError(f"routing by task takes {len(TASKS)} experts, one per frame, not {self.num_experts}")
        if self.expert_kind == "layer_sum" and self.fusion != "concat":
            raise ValueError("experts that sum layers need all of them: fusion concat")
        return self

    def build(self, encoder: EncoderShape, num_classes: int) -> SparseMerit:
        """The model for an encoder's features."""
        trunk = build_trunk(self, encoder)
        block = self.build_block(shape_after(trunk, encoder))
        return SparseMerit(
            encoder,
            trunk=trunk,
            block=block,
            mask_head=build_mask_head(self, block.experts.out_dim, encoder),
            emotion_head=build_emotion_head(self, block.experts.out_dim, num_classes),
        )

    def build_block(self, seen: EncoderShape) -> ExpertBlock:
        """Fusion, routers and experts for layers of that shape."""
        fusion = build_fusion(self.fusion, seen)
        routers = {task: self._build_router(fusion.out_dim, index) for index, task in enumerate(TASKS)}
        return ExpertBlock(fusion, routers, self._build_experts(fusion.out_dim, seen))

    def _build_router(self, in_dim: int, index: int) -> Router | FixedRouter:
        if self.routing == "by_task":
            return FixedRouter(index)
        return Router(
            in_dim,
            self.num_experts,
            experts_per_frame=self.experts_per_frame,
            router_grad=self.router_grad,
            router_input=self.router_input,
        )

    def _build_experts(self, in_dim: int, seen: EncoderShape) -> ExpertPool:
        numbers = range(self.num_experts)
        if self.expert_kind == "layer_sum":
            return ExpertPool((LayerSumExpert(seen.num_layers, seen.dim) for _ in numbers), out_dim=seen.dim)
        experts = (Expert(in_dim, self.expert_hidden, self.expert_dim) for _ in numbers)
        return ExpertPool(experts, out_dim=self.expert_dim)
