"""A discriminator that learns to predict a metric of enhanced speech, trained beside the model that it teaches.

At each step the model is moved towards speech that the discriminator takes for clean; then the discriminator
is shown clean speech, what the model made and the metric of it.

Source: Fu et al. (2019), MetricGAN; Cao et al. (2022), CMGAN, section 2.3.

Shape suffixes: B batch, N samples.
"""

from pathlib import Path
from typing import Any

import torch
from pydantic import Field
from torch import Tensor

from merit_cli.carriers import MultiTaskOutput, SpeechBatch
from merit_cli.config.frozen import FrozenConfig
from merit_cli.losses.adversarial import (
    MetricTarget,
    discriminator_loss_sum,
    generator_loss_sum,
    metric_targets,
)
from merit_cli.metrics.isolated import IsolatedScorer
from merit_cli.models.metric_discriminator import MetricDiscriminatorConfig
from merit_cli.training.ranks import average_statistics, gathered, num_ranks, sum_gradients, sum_values
from merit_cli.training.resume import WholeCheckpointer, load_weights, save_weights

SAMPLE_RATE = 16_000


class AdversaryConfig(FrozenConfig):
    """Settings of the discriminator and of its part in the objective.

    Args:
        discriminator: Its sizes.
        target: Metric it learns: ``pesq`` for speech; ``si_sdr`` where PESQ means nothing, as of breath.
        weight: Of the model's adversarial term.
        learning_rate: Of the discriminator; twice the model's in CMGAN.
    """

    discriminator: MetricDiscriminatorConfig = MetricDiscriminatorConfig()
    target: MetricTarget = "si_sdr"
    weight: float = Field(default=0.05, ge=0.0)
    learning_rate: float = Field(default=1e-3, gt=0.0)


class Adversary:
    """The discriminator, its optimiser, and what it was shown in the current step.

    Args:
        config: Settings.
        device: Where the model is.
    """

    def __init__(self, config: AdversaryConfig, device: torch.device | str) -> None:
        self.config = config
        self.discriminator = config.discriminator.build().to(device)
        self.optimiser = torch.optim.AdamW(self.discriminator.parameters(), lr=config.learning_rate)
        needs_scorer = config.target == "pesq"
        self.scorer = IsolatedScorer("pesq_wb", sample_rate=SAMPLE_RATE) if needs_scorer else None
        self.shown: list[tuple[Tensor, SpeechBatch]] = []
        self.num_failed = 0

    def register(self, checkpointer: WholeCheckpointer) -> None:
        """Make weights, optimiser and the count of failures part of every checkpoint."""
        checkpointer.add_recoverable(
            "adversary",
            self.discriminator,
            custom_save_hook=lambda item, path: save_weights(item, Path(path)),
            custom_load_hook=lambda item, path, end_of_epoch: load_weights(item, Path(path)),
        )
        checkpointer.add_state("adversary_state", self, self.state, self.restore)

    def state(self) -> dict[str, Any]:
        """Optimiser and count, as plain data and tensors."""
        return {"optimiser": self.optimiser.state_dict(), "num_failed": self.num_failed}

    def restore(self, state: dict[str, Any]) -> None:
        """Put back what `state` gave."""
        self.optimiser.load_state_dict(state["optimiser"])
        self.num_failed = state["num_failed"]

    def generator_term(self, output: MultiTaskOutput, batch: SpeechBatch, *, num_items: int) -> Tensor:
        """The model's weighted adversarial loss, a part of the mean over an effective batch.

        Args:
            output: Of the model, in its scale; kept for `learn`.
            batch: With clean references.
            num_items: Utterances of the effective batch.
        """
        enhanced_BN, clean_BN = output.enhanced_BN, batch.clean_BN
        assert enhanced_BN is not None, "only a model that enhances has an adversary"
        assert clean_BN is not None, "the adversary compares with clean speech"
        self.discriminator.requires_grad_(False)
        score_B = self.discriminator(clean_BN, enhanced_BN.float(), batch.lengths_B)
        self.discriminator.requires_grad_(True)
        self.shown.append((enhanced_BN.detach().float(), batch))
        return self.config.weight * generator_loss_sum(score_B).total / num_items

    def learn(self) -> dict[str, float]:
        """One step of the discriminator on what was shown since the last.

        Returns:
            Its loss, the mean target, and how many targets failed in the run so far.
        """
        shown, self.shown = self.shown, []
        targets = [
            metric_targets(wave_BN, _clean(batch), batch.lengths_B, target=self.config.target, scorer=self.scorer)
            for wave_BN, batch in shown
        ]
        own = (sum(target.num_failed for target in targets), sum(int(target.scored_B.sum()) for target in targets))
        num_failed, num_scored = (sum(counts) for counts in zip(*gathered(own), strict=True))
        self.num_failed += num_failed
        total = mean = 0.0
        for (wave_BN, batch), target in zip(shown, targets, strict=True):
            clean_BN = _clean(batch)
            own_B = self.discriminator(clean_BN, clean_BN, batch.lengths_B)
            made_B = self.discriminator(clean_BN, wave_BN, batch.lengths_B)
            loss = discriminator_loss_sum(own_B, made_B, target).total / max(num_scored, 1)
            loss.backward()
            total += float(loss.detach())
            mean += float(target.target_B.sum()) / max(num_scored, 1)
        sum_gradients(list(self.discriminator.parameters()))
        if num_scored:
            self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)
        average_statistics(self.discriminator, 1.0 / num_ranks())
        found = sum_values(gathered({"discriminator": total, "mean_target": mean}))
        return {**found, "failed_targets": float(self.num_failed)}


def _clean(batch: SpeechBatch) -> Tensor:
    assert batch.clean_BN is not None, "the adversary compares with clean speech"
    return batch.clean_BN
