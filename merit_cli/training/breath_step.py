"""What a breath classifier is shown at one step, and the loss of its answer.

Shape suffixes: B batch, N samples, D features, C classes.
"""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as nnf
from torch import Tensor, nn

from merit_cli.losses.patch_mix import mixed_contrastive_loss, mixed_cross_entropy
from merit_cli.models.classifier import SpectrogramClassifier
from merit_cli.models.patch_mix import Mix, PatchMixConfig, draw_mix
from merit_cli.training.spectrogram_masks import SpecAugmentConfig, mask_spectrograms


@dataclass(frozen=True)
class StepOutput:
    """Answers of a step.

    Args:
        logits_BC: Of clips as they are, or of mixtures whose two labels they are to give.
        mix: Of which clips, where any were mixed.
        mixed_BD: Projected features of mixtures, where these are compared with the clips'.
        clips_BD: Features of the clips, without gradient.
    """

    logits_BC: Tensor
    mix: Mix | None = None
    mixed_BD: Tensor | None = None
    clips_BD: Tensor | None = None


class BreathStep:
    """Masks and mixtures, drawn by (seed, epoch).

    Args:
        spec_augment: What is hidden of a spectrogram; None hides nothing.
        patch_mix: How clips are mixed; None leaves them alone.
        projector: Of mixtures' features, where ``patch_mix`` compares them.
        seed: Of drawing.
    """

    def __init__(
        self,
        spec_augment: SpecAugmentConfig | None,
        patch_mix: PatchMixConfig | None,
        *,
        projector: nn.Module | None,
        seed: int,
    ) -> None:
        self.spec_augment, self.patch_mix, self.projector, self.seed = spec_augment, patch_mix, projector, seed
        self.start_epoch(1)

    def start_epoch(self, epoch: int) -> None:
        """Begin the draws of an epoch, from 1."""
        self.mask_draws = torch.Generator().manual_seed(self.seed * 100_003 + epoch)
        self.mix_draws = np.random.default_rng([self.seed, epoch])

    def forward(self, model: nn.Module, waves_BN: Tensor) -> StepOutput:
        """The answers of ``model``, a `SpectrogramClassifier` wherever anything is masked or mixed."""
        if self.spec_augment is None and self.patch_mix is None:
            return StepOutput(model(waves_BN))
        assert isinstance(model, SpectrogramClassifier), type(model)
        maps_BMT = model.spectrogram(waves_BN)
        if self.spec_augment is not None:
            maps_BMT = mask_spectrograms(maps_BMT, self.spec_augment, self.mask_draws)
        if self.patch_mix is None or len(maps_BMT) < 2:
            return StepOutput(model.logits(maps_BMT))
        mixed_BD, mix = model.embed_mixed(maps_BMT, self._draw, self.patch_mix.cell)
        if self.projector is None:
            return StepOutput(model.classify(mixed_BD), mix)
        clips_BD = model.embed(maps_BMT)
        return StepOutput(model.classify(clips_BD), mix, self.projector(mixed_BD), clips_BD.detach())

    def loss(self, output: StepOutput, labels_B: Tensor, class_weights_C: Tensor) -> Tensor:
        """Of one step; lower is better, mean over the batch."""
        mix = output.mix
        if mix is None or self.patch_mix is None:
            return nnf.cross_entropy(output.logits_BC, labels_B, weight=class_weights_C)
        order_B = mix.order_B.to(labels_B.device)
        if output.mixed_BD is None or output.clips_BD is None:
            return mixed_cross_entropy(output.logits_BC, labels_B, order_B, mix.own_share, class_weights_C)
        contrast = mixed_contrastive_loss(
            output.mixed_BD, output.clips_BD, order_B, mix.own_share, temperature=self.patch_mix.temperature
        )
        clear = nnf.cross_entropy(output.logits_BC, labels_B, weight=class_weights_C)
        return clear + self.patch_mix.contrastive * contrast

    def _draw(self, num_clips: int, num_patches: int) -> Mix:
        assert self.patch_mix is not None
        return draw_mix(num_clips, num_patches, beta=self.patch_mix.beta, generator=self.mix_draws)


def make_projector(model: nn.Module, patch_mix: PatchMixConfig | None) -> nn.Module | None:
    """The projector of mixtures' features, on the model's device; None where nothing is compared."""
    if patch_mix is None or patch_mix.contrastive == 0.0:
        return None
    assert isinstance(model, SpectrogramClassifier), type(model)
    size = model.num_features
    layers = nn.Sequential(nn.Linear(size, size), nn.BatchNorm1d(size), nn.ReLU(), nn.Linear(size, size))
    return layers.to(next(model.parameters()).device)
