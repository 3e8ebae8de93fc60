"""How to fit: everything a Brain is told besides the modules and the data."""

from dataclasses import dataclass

from merit_cli.carriers import SpeechBatch
from merit_cli.losses.objective import ObjectiveConfig
from merit_cli.training.adversary import AdversaryConfig
from merit_cli.training.crop import crop
from merit_cli.training.optim import OptimiserConfig
from merit_cli.training.remix import RemixConfig, remix


@dataclass(frozen=True)
class FitSettings:
    """How to fit.

    Args:
        epochs: Passes over the training set.
        optimiser: AdamW's settings.
        objective: Weights of the loss terms.
        remix: How noises are dealt out anew; None leaves the mixtures.
        crop: Samples of the random piece of each utterance that a step sees; None takes all.
        adversary: The discriminator beside the model; None trains without.
        checkpoint_every_steps: Optimiser steps between checkpoints within an epoch; 0 saves at epochs' ends only.
        log_every_steps: Optimiser steps between lines of metrics.jsonl.
        precision: ``fp32``, ``bf16`` or ``fp16`` autocast.
        device: Such as ``cpu``.
        patience: Epochs after the best one at which the run ends; None trains all.
        average_best: Epochs whose weights are kept, to be averaged.
        tensorboard: Whether the lines of metrics.jsonl are shown there too.
        strict_routing: Whether an epoch in which an expert got under 1 % of the frames ends the run.
    """

    epochs: int
    optimiser: OptimiserConfig
    objective: ObjectiveConfig
    remix: RemixConfig | None
    crop: int | None
    adversary: AdversaryConfig | None
    checkpoint_every_steps: int
    log_every_steps: int
    precision: str
    device: str
    patience: int | None = None
    average_best: int = 1
    tensorboard: bool = False
    strict_routing: bool = False

    def redrawn(self, batch: SpeechBatch) -> SpeechBatch:
        """The batch as a step sees it: a piece of each utterance, with noises dealt out anew."""
        batch = batch if self.crop is None else crop(batch, self.crop)
        return batch if self.remix is None else remix(batch, self.remix)
