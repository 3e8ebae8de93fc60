"""Outputs over the whole dev set, and the metrics that choose the best epoch.

Shape suffixes: B batch, N samples, C classes.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import torch

from merit_cli.carriers import ATTRIBUTES, NO_LABEL, MultiTaskOutput, SpeechBatch
from merit_cli.errors import BadData
from merit_cli.losses.attributes import AttributeSums, add_attribute_sums, attribute_sums, concordance
from merit_cli.losses.objective import ObjectiveConfig, ObjectiveSums, add_objective_sums, batch_sums, loss_terms

FloatArray = npt.NDArray[np.floating]


@dataclass(frozen=True)
class DevMetrics:
    """How dev outputs are scored; higher is better in both.

    Args:
        emotion_name: Of the metric of true and predicted class indices.
        emotion: That metric.
        enhancement_name: Of the metric of one clean and one enhanced signal (N,).
        enhancement: That metric; raises `BadData` where it is undefined, and the utterance is left out.
    """

    emotion_name: str
    emotion: Callable[[Sequence[int], Sequence[int]], float]
    enhancement_name: str
    enhancement: Callable[[FloatArray, FloatArray], float]


@dataclass
class DevRecord:
    """Dev outputs, batch by batch."""

    truth: list[int] = field(default_factory=list)
    predicted: list[int] = field(default_factory=list)
    enhancement: list[float] = field(default_factory=list)
    sums: list[ObjectiveSums] = field(default_factory=list)
    moments: list[AttributeSums] = field(default_factory=list)

    def add(
        self,
        output: MultiTaskOutput,
        batch: SpeechBatch,
        *,
        metrics: DevMetrics,
        objective: ObjectiveConfig,
        class_weight_C: torch.Tensor | None,
    ) -> None:
        """Take in one batch."""
        self.sums.append(add_objective_sums(batch_sums(output, batch, objective, class_weight_C)).to("cpu"))
        if output.emotion_logits_BC is not None and batch.emotion_B is not None:
            has_label_B = batch.emotion_B != NO_LABEL
            self.truth += batch.emotion_B[has_label_B].tolist()
            self.predicted += output.emotion_logits_BC.argmax(dim=1)[has_label_B].tolist()
        if output.attributes_BA is not None and batch.attributes_BA is not None:
            # as a prediction is clipped, so that what is chosen is what is read
            written_BA = output.attributes_BA.clamp(0.0, 1.0)
            self.moments.append(AttributeSums(*(one.cpu() for one in attribute_sums(written_BA, batch.attributes_BA))))
        if output.enhanced_BN is not None and batch.clean_BN is not None:
            lengths = batch.lengths_B.tolist()
            for clean_N, enhanced_N, length in zip(
                batch.clean_BN.cpu().numpy(), output.enhanced_BN.float().cpu().numpy(), lengths, strict=True
            ):
                try:
                    self.enhancement.append(metrics.enhancement(clean_N[:length], enhanced_N[:length]))
                except BadData:  # silent clean speech: no score is defined
                    continue

    @classmethod
    def joined(cls, records: Sequence["DevRecord"]) -> "DevRecord":
        """The outputs of all of them, in their order."""
        whole = cls()
        for one in records:
            whole.truth += one.truth
            whole.predicted += one.predicted
            whole.enhancement += one.enhancement
            whole.sums += one.sums
            whole.moments += one.moments
        return whole

    def scores(self, metrics: DevMetrics) -> dict[str, float]:
        """Dev metrics by name."""
        scores = {}
        if self.predicted:
            scores[metrics.emotion_name] = metrics.emotion(self.truth, self.predicted)
        if self.enhancement:
            scores[metrics.enhancement_name] = float(np.mean(self.enhancement))
        return scores | self._concordance()

    def _concordance(self) -> dict[str, float]:
        """``ccc``, the mean over the rated attributes, and that of each; empty where nothing was rated."""
        if not self.moments:
            return {}
        moments = add_attribute_sums(*self.moments)
        found = zip(ATTRIBUTES, moments.count_A.tolist(), concordance(moments).tolist(), strict=True)
        scores = {f"ccc_{name}": value for name, count, value in found if count > 0}
        return {"ccc": math.fsum(scores.values()) / len(scores), **scores} if scores else {}

    def loss(self, objective: ObjectiveConfig) -> float:
        """The objective over the whole dev set."""
        return float(loss_terms(add_objective_sums(*self.sums), objective).total)
