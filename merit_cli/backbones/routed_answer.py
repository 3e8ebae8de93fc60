"""What the routers did with one signal, from the model's output.

Shape suffixes: T frames, M valid frames, E experts, K chosen.
"""

from collections.abc import Mapping, Sequence

import torch

from merit_cli.carriers import Routing
from merit_cli.manifests.routed import KEPT, Routed, TaskRouting

MOST_EXPERTS = 256
"""A frame's expert is kept in one byte."""


def summarise_routing(item_id: str, pieces: Sequence[Mapping[str, Routing]], *, frames_per_second: float) -> Routed:
    """The routing of a signal that the model heard in pieces, one after the other.

    Args:
        item_id: Of the utterance.
        pieces: Task to its routing of one signal each.
        frames_per_second: Of the encoder.
    """
    longest = round(KEPT * frames_per_second)
    tasks = {task: _of_task([piece[task] for piece in pieces], longest) for task in pieces[0]}
    num_frames = sum(int(next(iter(piece.values())).valid_BT.sum()) for piece in pieces)
    return Routed(item_id, num_frames, frames_per_second, tasks)


def _of_task(pieces: Sequence[Routing], longest: int) -> TaskRouting:
    chosen_MK = torch.cat([piece.chosen_BTK[piece.valid_BT] for piece in pieces])
    probability_ME = torch.cat([piece.probabilities_BTE[piece.valid_BT] for piece in pieces]).double()
    num_experts = probability_ME.shape[-1]
    assert num_experts <= MOST_EXPERTS, num_experts
    if chosen_MK.shape[-1] == num_experts:
        load_E = probability_ME.mean(0)
    else:
        load_E = torch.bincount(chosen_MK.flatten(), minlength=num_experts).double() / max(chosen_MK.numel(), 1)
    return TaskRouting(tuple(load_E.tolist()), tuple(chosen_MK[:longest, 0].tolist()))
