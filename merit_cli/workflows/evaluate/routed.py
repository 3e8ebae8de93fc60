"""What a model's routers did with the utterances of an evaluation, as arrays.

Shape suffixes: U utterances, E experts.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from merit_cli.manifests.utterance import Utterance
from merit_cli.workflows.evaluate.emotion import label_key, true_label
from merit_cli.workflows.evaluate.groups import GROUPINGS, Grouping, Value, format_value, split_by
from merit_cli.workflows.evaluate.inputs import Material

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class RoutedUtterances:
    """Utterances and what the routers did with them.

    Args:
        utterances: U of them.
        frames_U: Frames of each.
        load_UE: Task to the share of each expert in each utterance.
        entropy_U: Task to the mean entropy of a frame's probabilities, in nats.
        overlap_U: Mean over frames of what the tasks' shares have in common.
        groupings: Those with at least two groups among the utterances.
    """

    utterances: tuple[Utterance, ...]
    frames_U: FloatArray
    load_UE: Mapping[str, FloatArray]
    entropy_U: Mapping[str, FloatArray]
    overlap_U: FloatArray
    groupings: tuple[Grouping, ...]

    @property
    def num_experts(self) -> int:
        """E, the same for all tasks."""
        return len(next(iter(self.load_UE.values())).T)

    def mean(self, value_U: FloatArray) -> float:
        """Mean over all frames."""
        return float(value_U @ self.frames_U / self.frames_U.sum())

    def load(self, task: str, members: Sequence[int] | None = None) -> FloatArray:
        """Share of each expert (E,) in a task's choices over all frames of some utterances; None takes all."""
        chosen = np.arange(len(self.utterances)) if members is None else np.asarray(members)
        frames = self.frames_U[chosen]
        return np.asarray(frames @ self.load_UE[task][chosen] / frames.sum())

    def groups(self, grouping: Grouping) -> list[tuple[str, list[int]]]:
        """Name of each group with the indices of its utterances."""
        place = {one.id: index for index, one in enumerate(self.utterances)}
        return [
            (format_value(value), [place[one.id] for one in members])
            for value, members in split_by(self.utterances, grouping)
        ]


def routed_of(material: Material) -> RoutedUtterances | None:
    """The material's utterances that were routed; None where there are none, or but one expert."""
    kept = [one for one in material.utterances if one.id in material.routing and material.routing[one.id].num_frames]
    lines = [material.routing[one.id] for one in kept]
    if not lines or min(len(found.load) for found in lines[0].tasks.values()) < 2:
        return None
    tasks = tuple(lines[0].tasks)
    key = label_key(kept)

    def emotion(one: Utterance) -> Value | None:
        return true_label(one, material.predictions, key=key) or None

    wanted = (*(GROUPINGS[name] for name in ("snr", "noise", "noise-set")), Grouping(key, key, emotion))
    return RoutedUtterances(
        tuple(kept),
        np.array([line.num_frames for line in lines], dtype=np.float64),
        {task: np.array([line.tasks[task].load for line in lines]) for task in tasks},
        {task: np.array([line.tasks[task].entropy for line in lines]) for task in tasks},
        np.array([line.overlap for line in lines]),
        tuple(one for one in (*wanted, GROUPINGS["speaker"]) if len(split_by(kept, one)) > 1),
    )
