"""What keeps routers from sending every frame to one expert, and their logits small.

Shape suffixes: B batch, T frames, E experts, K chosen.
"""

from collections.abc import Mapping
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from merit_cli.carriers import Routing

BalanceOver = Literal["per_router", "pooled"]


class RouterSums(NamedTuple):
    """Sums over the valid frames of one router; those of parts of a batch add up.

    Args:
        chosen_E: How often each expert was chosen, over K; without gradient.
        probability_E: Sum of each expert's probability.
        z_total: Sum of squared logsumexp of the logits.
        num_frames: Valid frames.
    """

    chosen_E: Tensor
    probability_E: Tensor
    z_total: Tensor
    num_frames: Tensor


def router_sums(routing: Routing) -> RouterSums:
    """The sums that balance and z-loss are made of."""
    num_experts = routing.logits_BTE.shape[-1]
    logits_ME = routing.logits_BTE[routing.valid_BT]
    chosen_MK = routing.chosen_BTK[routing.valid_BT]
    counts_E = torch.bincount(chosen_MK.flatten(), minlength=num_experts)
    return RouterSums(
        chosen_E=counts_E.to(logits_ME.dtype) / chosen_MK.shape[-1],
        probability_E=routing.probabilities_BTE[routing.valid_BT].sum(0),
        z_total=torch.logsumexp(logits_ME, dim=-1).square().sum(),
        num_frames=torch.tensor(float(logits_ME.shape[0]), dtype=logits_ME.dtype, device=logits_ME.device),
    )


def switch_balance(part: RouterSums, whole: RouterSums) -> Tensor:
    """N sum_i f_i P_i: 1 for a uniform router, N for a collapsed one.

    Source: Fedus et al. (2022), Switch Transformers, eqs. 4-6.

    Args:
        part: Sums of the frames at hand.
        whole: Sums of the whole effective batch; ``part`` itself where that is all. The values and
            gradients of all parts add up to those of the whole.
    """
    frames = whole.num_frames.clamp(min=1.0)
    share_E = whole.chosen_E.detach() / frames
    return len(share_E) * (share_E * part.probability_E / frames).sum()


def balance_loss(parts: Mapping[str, RouterSums], wholes: Mapping[str, RouterSums], *, over: BalanceOver) -> Tensor:
    """Switch loss, summed over routers (``per_router``) or of all routers' frames as one (``pooled``)."""
    if over == "pooled":
        return switch_balance(add_router_sums(*parts.values()), add_router_sums(*wholes.values()))
    return torch.stack([switch_balance(part, wholes[task]) for task, part in parts.items()]).sum()


def z_loss(parts: Mapping[str, RouterSums], wholes: Mapping[str, RouterSums]) -> Tensor:
    """Mean over valid frames of (logsumexp logits)^2, summed over routers.

    Source: Zoph et al. (2022), ST-MoE, eq. 5.
    """
    return torch.stack([part.z_total / wholes[task].num_frames.clamp(min=1.0) for task, part in parts.items()]).sum()


def add_router_sums(*sums: RouterSums) -> RouterSums:
    """The sums of all those frames together."""
    return RouterSums(*(torch.stack(values).sum(0) for values in zip(*sums, strict=True)))
