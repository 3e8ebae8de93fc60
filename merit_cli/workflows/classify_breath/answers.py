"""From clips to answers: probabilities, the label, and whether the question is better left open."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch

from merit_cli.workflows.classify_breath.abstain import AbstainRule
from merit_cli.workflows.classify_breath.cycles import Clip
from merit_cli.workflows.classify_breath.model_folder import BreathModel
from merit_cli.workflows.classify_breath.recordings import CutSettings

_BATCH = 32


@dataclass(frozen=True)
class Answer:
    """What the classifier says of one clip.

    Args:
        clip: The clip.
        predicted: The likeliest class, given also where the answer is withheld.
        probabilities: By class, in the model's order.
        reason: Why the answer is withheld; empty where it is given.
    """

    clip: Clip
    predicted: str
    probabilities: tuple[float, ...]
    reason: str

    @property
    def abstained(self) -> bool:
        """Whether the answer is withheld."""
        return bool(self.reason)

    @property
    def probability(self) -> float:
        """Of the likeliest class."""
        return max(self.probabilities)


@dataclass(frozen=True)
class FileAnswer:
    """One line of ``classify-breath FILES --json``.

    Args:
        file: As found.
        start: In seconds.
        end: In seconds.
        label: The class; None where the answer is withheld.
        probability: Of the likeliest class.
        abstained: Whether the answer is withheld.
        reason: Why; empty where it is given.
        quality: Breath-band level swing in dB; background alone has 5 and less.
    """

    file: str
    start: float
    end: float
    label: str | None
    probability: float
    abstained: bool
    reason: str
    quality: float

    def to_json(self) -> dict[str, Any]:
        """The line as JSON data."""
        return asdict(self)


def cut_settings(model: BreathModel, enhancer: Any = None) -> CutSettings:
    """How recordings are cut for ``model``, with an enhancer's config in front or None."""
    config = model.card.model
    return CutSettings(config.sample_rate, config.num_samples, round(model.card.fade * config.sample_rate), enhancer)


def probabilities_of(model: BreathModel, clips: Sequence[Clip]) -> np.ndarray:
    """Class probabilities (clips, C), float64."""
    device = next(model.network.parameters()).device
    parts = [np.zeros((0, len(model.card.classes)))]
    with torch.inference_mode():
        for first in range(0, len(clips), _BATCH):
            waves_BN = torch.from_numpy(np.stack([clip.samples_N for clip in clips[first : first + _BATCH]]))
            parts.append(model.network(waves_BN.to(device)).double().softmax(dim=1).cpu().numpy())
    return np.concatenate(parts)


def answer_clips(model: BreathModel, clips: Sequence[Clip], *, rule: AbstainRule | None = None) -> list[Answer]:
    """An answer for each clip; ``rule`` replaces the model's own abstention thresholds."""
    chosen = rule or model.card.abstention
    answers = []
    for clip, row in zip(clips, probabilities_of(model, clips), strict=True):
        best = int(row.argmax())
        reason = chosen.reason(clip.swing_db, float(row[best]))
        answers.append(Answer(clip, model.card.classes[best], tuple(float(p) for p in row), reason))
    return answers


def prediction_line(answer: Answer, classes: Sequence[str], enhancer: str) -> dict[str, Any]:
    """One line of ``predictions.jsonl``."""
    cycle = answer.clip.utterance
    return {
        "id": cycle.id,
        "split": cycle.split,
        "patient": cycle.speaker,
        "enhancer": enhancer,
        "label": cycle.labels.get("breath", ""),
        "predicted": answer.predicted,
        "probabilities": {name: round(p, 6) for name, p in zip(classes, answer.probabilities, strict=True)},
        "abstained": answer.abstained,
        "reason": answer.reason,
        "quality": round(answer.clip.swing_db, 2),
    }


def file_answer(answer: Answer) -> FileAnswer:
    """The answer as scripts read it."""
    cycle = answer.clip.utterance
    return FileAnswer(
        file=str(cycle.audio),
        start=round(cycle.start / cycle.sample_rate, 3),
        end=round((cycle.start + cycle.num_samples) / cycle.sample_rate, 3),
        label=None if answer.abstained else answer.predicted,
        probability=round(answer.probability, 4),
        abstained=answer.abstained,
        reason=answer.reason,
        quality=round(answer.clip.swing_db, 2),
    )
