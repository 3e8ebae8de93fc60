"""A pool of experts shared by all tasks, with exact sparse dispatch.

Each expert runs once, on the union of the frames that any task sent to it; there is no capacity limit
and no frame is dropped. Padding is never computed.

Shape suffixes: B batch, T frames, M valid frames, R frames of one expert, X input, D output, K chosen.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

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


class ExpertPool(nn.Module):
    """E experts and the dispatch of several tasks' frames to them.

    Args:
        num_experts: E.
        in_dim: X.
        hidden_dim: Hidden size of each expert.
        out_dim: D.
    """

    def __init__(self, num_experts: int, *, in_dim: int, hidden_dim: int, out_dim: int) -> None:
        super().__init__()
        self.experts = nn.ModuleList(Expert(in_dim, hidden_dim, out_dim) for _ in range(num_experts))
        self.out_dim = out_dim

    def forward(self, fused_BTX: Tensor, gates: Mapping[str, Gates]) -> dict[str, Tensor]:
        """Each task's gated mixture of its chosen experts.

        Args:
            fused_BTX: Input of the experts.
            gates: Task to its gates; all tasks share one frame mask.

        Returns:
            Task to (B, T, D), zero on padding.
        """
        valid_BT = next(iter(gates.values())).routing.valid_BT
        frames_MX = fused_BTX[valid_BT]
        chosen = {task: gate.routing.chosen_BTK[valid_BT] for task, gate in gates.items()}
        weights = {task: gate.weight_BTK[valid_BT] for task, gate in gates.items()}
        mixed = {task: frames_MX.new_zeros(frames_MX.shape[0], self.out_dim) for task in gates}
        for index, expert in enumerate(self.experts):
            uses = {task: chosen_MK == index for task, chosen_MK in chosen.items()}
            is_used_M = torch.stack([use_MK.any(-1) for use_MK in uses.values()]).any(0)
            rows_R = is_used_M.nonzero().squeeze(1)
            if rows_R.numel() == 0:
                continue
            output_RD = expert(frames_MX[rows_R])
            for task, use_MK in uses.items():
                mixed[task] = _add_expert(mixed[task], output_RD, rows_R, use_MK, weights[task])
        return {task: _unflatten(mixed_MD, valid_BT) for task, mixed_MD in mixed.items()}


def _add_expert(mixed_MD: Tensor, output_RD: Tensor, rows_R: Tensor, use_MK: Tensor, weight_MK: Tensor) -> Tensor:
    """``mixed_MD`` plus one expert's weighted output on the frames of one task."""
    position, slot = use_MK[rows_R].nonzero(as_tuple=True)
    frames = rows_R[position]
    weighted = output_RD[position] * weight_MK[frames, slot].unsqueeze(-1).to(output_RD.dtype)
    return mixed_MD.index_add(0, frames, weighted.to(mixed_MD.dtype))


def _unflatten(frames_MD: Tensor, valid_BT: Tensor) -> Tensor:
    whole_BTD = frames_MD.new_zeros(*valid_BT.shape, frames_MD.shape[-1])
    whole_BTD[valid_BT] = frames_MD
    return whole_BTD
