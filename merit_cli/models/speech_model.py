"""Waveform in, waveform and logits out: scale, encoder and model as one module with one state.

Shape suffixes: B batch, N samples, L layers, T frames, D features.
"""

from dataclasses import replace
from typing import NamedTuple

from torch import Tensor, nn

from merit_cli.carriers import MultiTaskOutput, SpeechBatch
from merit_cli.losses.spectrum import sample_mask
from merit_cli.models.signal_scale import Scaled, SignalScale


class ModelPass(NamedTuple):
    """A pass in model scale, with the clean target on the same scale (None where there is none)."""

    output: MultiTaskOutput
    clean_BN: Tensor | None
    gain_B1: Tensor


class SpeechModel(nn.Module):
    """All that a checkpoint needs to hear a file.

    Args:
        backbone: A speech encoder with ``shape`` and ``trainable`` (see `merit_cli.backbones`).
        model: Features and normalised waveform to `MultiTaskOutput`.
        scale: The training set's scale.
    """

    def __init__(self, *, backbone: nn.Module, model: nn.Module, scale: SignalScale) -> None:
        super().__init__()
        self.backbone = backbone
        self.model = model
        self.scale = scale

    def encode(self, scaled: Scaled, lengths_B: Tensor) -> Tensor:
        """Features (B, L, T, D) of scaled waveforms; what a cache of a frozen encoder holds."""
        return self.backbone(scaled.wave_BN, lengths_B)  # type: ignore[no-any-return]

    def training_pass(self, batch: SpeechBatch) -> ModelPass:
        """Output and target in model scale, where the losses are defined."""
        scaled = self.scale(batch.noisy_BN, batch.lengths_B)
        features_BLTD = batch.features_BLTD
        if features_BLTD is None:
            features_BLTD = self.encode(scaled, batch.lengths_B)
        output = self.model(features_BLTD, scaled.wave_BN, batch.lengths_B)
        clean_BN = batch.clean_BN
        if clean_BN is not None:
            valid_BN = sample_mask(batch.lengths_B, clean_BN.shape[1]).to(clean_BN.device)
            clean_BN = self.scale.scale(clean_BN, scaled.gain_B1, valid_BN)
        return ModelPass(output, clean_BN, scaled.gain_B1)

    def forward(self, batch: SpeechBatch) -> MultiTaskOutput:
        """Outputs with the enhanced waveform at each file's own level."""
        done = self.training_pass(batch)
        if done.output.enhanced_BN is None:
            return done.output
        restored_BN = self.scale.restore(done.output.enhanced_BN, done.gain_B1, batch.lengths_B)
        return replace(done.output, enhanced_BN=restored_BN)
