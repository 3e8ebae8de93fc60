"""Any frozen speech encoder with a small head, as a breath classifier.

Shape suffixes: B batch, N samples, L layers, T frames, D features, C classes.
"""

from typing import Annotated, Any, ClassVar, Literal, Self

import torch
from pydantic import BeforeValidator, SerializeAsAny, model_validator
from torch import Tensor, nn

from merit_cli.backbones import BACKBONES
from merit_cli.config.component import component_config
from merit_cli.config.frozen import FrozenConfig
from merit_cli.models.classifier import ClassifierConfig

DEFAULT_ENCODER = "log-mel"
SMALLEST_RMS = 1e-6


def encoder_config(value: object) -> FrozenConfig:
    """The config of the encoder that a recipe names."""
    return component_config(BACKBONES, value, default=DEFAULT_ENCODER)


class EncoderClassifier(nn.Module):
    """A learned mean of the encoder's layers, its mean and maximum over time, and a linear head.

    Args:
        backbone: An encoder that is not trained.
        num_classes: C.
    """

    def __init__(self, backbone: Any, num_classes: int) -> None:
        super().__init__()
        self.backbone = backbone
        self.backbone.requires_grad_(False)
        self.layer_weights_L = nn.Parameter(torch.zeros(backbone.shape.num_layers))
        self.norm = nn.LayerNorm(2 * backbone.shape.dim)
        self.head = nn.Linear(2 * backbone.shape.dim, num_classes)

    def train(self, mode: bool = True) -> Self:  # noqa: FBT001, FBT002 - torch's signature
        """Training mode of the head; the encoder stays in evaluation mode."""
        super().train(mode)
        self.backbone.eval()
        return self

    def forward(self, waves_BN: Tensor) -> Tensor:
        """Logits (B, C) of clips (B, N) at 16 kHz, each brought to mean 0 and RMS 1 as encoders expect."""
        centred_BN = waves_BN - waves_BN.mean(dim=1, keepdim=True)
        rms_B1 = centred_BN.square().mean(dim=1, keepdim=True).sqrt()
        lengths_B = torch.full((len(waves_BN),), waves_BN.shape[1])
        with torch.no_grad():
            layers_BLTD = self.backbone(centred_BN / rms_B1.clamp(min=SMALLEST_RMS), lengths_B)
        mixed_BTD = torch.einsum("bltd,l->btd", layers_BLTD, self.layer_weights_L.softmax(dim=0))
        pooled_B2D = torch.cat([mixed_BTD.mean(dim=1), mixed_BTD.amax(dim=1)], dim=1)
        return self.head(self.norm(pooled_B2D))  # type: ignore[no-any-return]


class EncoderClassifierConfig(ClassifierConfig):
    """Settings of `EncoderClassifier`.

    Args:
        name: Fixed.
        backbone: A registered encoder, or one with its parameters; it is needed wherever the model is used.
    """

    has_spectrogram: ClassVar[bool] = False

    name: Literal["encoder"] = "encoder"
    sample_rate: Literal[16000] = 16000
    backbone: Annotated[SerializeAsAny[FrozenConfig], BeforeValidator(encoder_config)] = encoder_config({})

    @model_validator(mode="after")
    def _is_frozen(self) -> Self:
        if getattr(self.backbone, "trainable", False):
            raise ValueError("the encoder of a breath classifier stays as it is: backbone.trainable: false")
        return self

    def build(self, num_classes: int) -> EncoderClassifier:
        """The encoder with its weights, and a new head.

        Raises:
            MeritError: The encoder's weights are not there, or do not fit.
        """
        build: Any = getattr(self.backbone, "build")  # noqa: B009 - FrozenConfig has none, every backbone has
        return EncoderClassifier(build(), num_classes)
