"""A pool of experts shared by all tasks, with exact sparse dispatch.

Each expert runs once, on the union of the frames that any task sent to it; there is no capacity limit
and no frame is dropped. Padding is never computed.

Shape suffixes: B batch, T frames, M valid frames, U dispatched rows (one for each expert of a frame),
X input, D output, L layers, E experts, K chosen.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn

from merit_cli.models.grouped import can_group, grouped_experts
from merit_cli.models.routing import Gates


class Expert(nn.Sequential):
    """Linear, ReLU, Linear.

    Args:
        in_dim: X.
        hidden_dim: Size between the two.
        out_dim: D.
    """

    def __init__(self, in_dim: int, hidden_dim: int, out_dim: int) -> None:
        super().__init__(nn.Linear(in_dim, hidden_dim), nn.ReLU(), nn.Linear(hidden_dim, out_dim))


class LayerSumExpert(nn.Module):
    """A softmax-weighted sum of the layers, X = L * D: as many weights as there are layers.

    The weights start at random, so that experts differ from the first step.

    Source: Tzeng et al. (2026), the variant with layer-sum experts.

    Args:
        num_layers: L.
        dim: D.
    """

    def __init__(self, num_layers: int, dim: int) -> None:
        super().__init__()
        self.weight_L = nn.Parameter(torch.randn(num_layers))
        self.dim = dim

    def forward(self, fused_UX: Tensor) -> Tensor:
        """Weighted sums (U, D)."""
        layers_ULD = fused_UX.view(len(fused_UX), -1, self.dim)
        return torch.einsum("uld,l->ud", layers_ULD, self.weight_L.softmax(0).to(fused_UX.dtype))


class Dispatch(NamedTuple):
    """Which frame each row is, and where each task finds the outputs of its frames.

    Args:
        frame_U: Row to frame; rows are sorted by expert, and by frame for each.
        rows_E: Rows of each expert, int64.
        row: Task to (M, K): the row of each expert that runs on a frame for that task.
    """

    frame_U: Tensor
    rows_E: Tensor
    row: dict[str, Tensor]


def plan_dispatch(expert_MK: Mapping[str, Tensor], num_experts: int) -> Dispatch:
    """One row for each frame of the union of the tasks' frames, expert by expert.

    >>> plan = plan_dispatch({"a": torch.tensor([[2], [0]]), "b": torch.tensor([[2], [2]])}, 3)
    >>> plan.frame_U.tolist(), plan.rows_E.tolist(), plan.row["a"].tolist(), plan.row["b"].tolist()
    ([1, 0, 1], [1, 0, 2], [[1], [0]], [[1], [2]])

    Args:
        expert_MK: Task to the experts that run on each frame.
        num_experts: E.
    """
    first_MK = next(iter(expert_MK.values()))
    is_used_EM = torch.zeros(num_experts, first_MK.shape[0], dtype=torch.bool, device=first_MK.device)
    for one_MK in expert_MK.values():
        is_used_EM.scatter_(0, one_MK.T, value=True)
    row_EM = (is_used_EM.flatten().cumsum(0) - 1).view_as(is_used_EM)
    return Dispatch(
        frame_U=is_used_EM.nonzero()[:, 1],
        rows_E=is_used_EM.sum(1),
        row={task: row_EM.gather(0, one_MK.T).T for task, one_MK in expert_MK.items()},
    )


class ExpertPool(nn.Module):
    """E experts and the dispatch of several tasks' frames to them.

    On a GPU, under bfloat16, all experts run as two grouped matrix products; elsewhere one after the other.

    Args:
        experts: From (U, X) to (U, D) each.
        out_dim: D.
    """

    def __init__(self, experts: Iterable[nn.Module], *, out_dim: int) -> None:
        super().__init__()
        self.experts = nn.ModuleList(experts)
        self.out_dim = out_dim

    def forward(self, fused_BTX: Tensor, gates: Mapping[str, Gates], valid_BT: Tensor) -> dict[str, Tensor]:
        """Each task's gated mixture of its experts.

        Args:
            fused_BTX: Input of the experts.
            gates: Task to its gates.
            valid_BT: True on frames that are not padding.

        Returns:
            Task to (B, T, D), zero on padding.
        """
        plan = plan_dispatch({task: gate.expert_BTK[valid_BT] for task, gate in gates.items()}, len(self.experts))
        place_M = valid_BT.flatten().nonzero().squeeze(1)
        rows_UX = fused_BTX.flatten(0, 1).index_select(0, place_M[plan.frame_U])  # the only copy of the input
        output_UD = self.run(rows_UX, plan.rows_E)
        mixed = {}
        for task, gate in gates.items():
            mixed_MD = _mix(output_UD, plan.row[task], gate.weight_BTK[valid_BT])
            whole_BTD = fused_BTX.new_zeros(*valid_BT.shape, self.out_dim)
            whole_BTD[valid_BT] = mixed_MD.to(whole_BTD.dtype)
            mixed[task] = whole_BTD
        return mixed

    def run(self, rows_UX: Tensor, rows_E: Tensor) -> Tensor:
        """Outputs (U, D) of rows that are sorted by expert, ``rows_E`` of each."""
        if can_group(self.experts, rows_UX):
            return grouped_experts(self.experts, rows_UX, rows_E)
        pieces = torch.split(rows_UX, rows_E.tolist())
        outputs = [expert(piece) for expert, piece in zip(self.experts, pieces, strict=True) if len(piece)]
        return torch.cat(outputs) if outputs else rows_UX.new_zeros(0, self.out_dim)


def _mix(output_UD: Tensor, row_MK: Tensor, weight_MK: Tensor) -> Tensor:
    """Weighted sum (M, D) over the experts of each frame."""
    picked_MKD = output_UD.index_select(0, row_MK.flatten()).view(*row_MK.shape, output_UD.shape[-1])
    return (picked_MKD * weight_MK.unsqueeze(-1).to(output_UD.dtype)).sum(1)
