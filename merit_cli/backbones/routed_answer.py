"""What the routers did with one signal, from the model's output.

Shape suffixes: B batch, T frames, M valid frames, E experts, K chosen.
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

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
    routes = {task: [piece[task] for piece in pieces] for task in pieces[0]}
    shares = {task: torch.cat([frame_shares(route) for route in found]) for task, found in routes.items()}
    tasks = {task: _of_task(found, shares[task], longest) for task, found in routes.items()}
    common_M = torch.stack(list(shares.values())).amin(0).sum(-1)
    return Routed(item_id, len(common_M), frames_per_second, tasks, overlap=_mean(common_M))


def frame_shares(route: Routing) -> Tensor:
    """Share of each expert in a frame (M, E), float64: 1/K of each chosen one; the probabilities where all run."""
    probability_ME = route.probabilities_BTE[route.valid_BT].double()
    chosen_MK = route.chosen_BTK[route.valid_BT]
    num_chosen = chosen_MK.shape[-1]
    if num_chosen == probability_ME.shape[-1]:
        return probability_ME
    return torch.zeros_like(probability_ME).scatter(-1, chosen_MK, 1.0 / num_chosen)


def _of_task(pieces: Sequence[Routing], share_ME: Tensor, longest: int) -> TaskRouting:
    assert share_ME.shape[-1] <= MOST_EXPERTS, share_ME.shape
    best_M = torch.cat([piece.chosen_BTK[piece.valid_BT][:, 0] for piece in pieces])
    probability_ME = torch.cat([piece.probabilities_BTE[piece.valid_BT] for piece in pieces]).double()
    load_E = share_ME.sum(0) / max(len(share_ME), 1)
    entropy_M = torch.special.entr(probability_ME).sum(-1)
    return TaskRouting(tuple(load_E.tolist()), tuple(best_M[:longest].tolist()), _mean(entropy_M))


def _mean(value_M: Tensor) -> float:
    return float(value_M.sum()) / max(len(value_M), 1)
