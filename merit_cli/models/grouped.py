"""All experts' two linear layers as two grouped matrix products: one kernel where a loop launches E.

Shape suffixes: U rows sorted by expert, X input, H hidden, D output, E experts.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as nnf
from torch import Tensor, nn

ALIGNMENT = 8
"""Sizes must be multiples of it: 16 bytes of bfloat16, as the kernels ask for."""


def can_group(experts: Sequence[nn.Module] | nn.ModuleList, rows_UX: Tensor) -> bool:
    """Whether grouped products are to be had and worth it: two-layer experts, bfloat16, a GPU, sizes that fit."""
    return rows_UX.is_cuda and compute_dtype(rows_UX) == torch.bfloat16 and _fit(experts, rows_UX)


def compute_dtype(rows_UX: Tensor) -> torch.dtype:
    """What a linear layer would compute in here, autocast heeded."""
    kind = rows_UX.device.type
    return torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else rows_UX.dtype


def _fit(experts: Sequence[nn.Module] | nn.ModuleList, rows_UX: Tensor) -> bool:
    if not hasattr(nnf, "grouped_mm") or rows_UX.shape[0] == 0:
        return False
    if not all(isinstance(expert, nn.Sequential) and len(expert) == 3 for expert in experts):
        return False
    sizes = [size for layer in experts[0].modules() if isinstance(layer, nn.Linear) for size in layer.weight.shape]
    return all(size % ALIGNMENT == 0 for size in sizes)


def grouped_experts(experts: Sequence[nn.Module] | nn.ModuleList, rows_UX: Tensor, rows_E: Tensor) -> Tensor:
    """Outputs (U, D) of Linear, ReLU, Linear experts; one without a row is left out, and gets no gradient.

    Args:
        experts: E of them, of one size.
        rows_UX: Their inputs, sorted by expert.
        rows_E: Rows of each; none is fine.
    """
    dtype = compute_dtype(rows_UX)
    used = [(expert, rows) for expert, rows in zip(experts, rows_E.tolist(), strict=True) if rows]
    counts_E = torch.tensor([rows for _, rows in used], device=rows_UX.device)
    expert_U = torch.arange(len(used), device=rows_UX.device).repeat_interleave(counts_E, output_size=len(rows_UX))
    ends_E = counts_E.cumsum(0).to(torch.int32)
    with torch.autocast(rows_UX.device.type, enabled=False):
        hidden_UH = _grouped_linear([expert[0] for expert, _ in used], rows_UX.to(dtype), ends_E, expert_U)  # type: ignore[index]
        return _grouped_linear([expert[2] for expert, _ in used], hidden_UH.relu(), ends_E, expert_U)  # type: ignore[index]


def _grouped_linear(layers: Sequence[nn.Linear], rows_UX: Tensor, ends_E: Tensor, expert_U: Tensor) -> Tensor:
    weight_EDX = torch.stack([layer.weight.to(rows_UX.dtype) for layer in layers])
    bias_ED = torch.stack([layer.bias.to(rows_UX.dtype) for layer in layers])
    product_UD: Tensor = nnf.grouped_mm(rows_UX, weight_EDX.transpose(1, 2), offs=ends_E)
    return product_UD + bias_ED.index_select(0, expert_U)
