"""Routers: which experts a frame goes to, and with what weight.

Shape suffixes: B batch, T frames, X fused features, E experts, K chosen.
"""

from typing import Literal, NamedTuple

import torch
import torch.nn.functional as nnf
from torch import Tensor, nn

from merit_cli.carriers import Routing
from merit_cli.models.standardise import RunningStandardiser

RouterGradient = Literal["prob_scaled", "straight_through", "none"]
RouterInput = Literal["raw", "standardised"]


class Gates(NamedTuple):
    """Weight of each chosen expert's output, and the routing that led to it."""

    weight_BTK: Tensor
    routing: Routing


def choose_experts(logits_BTE: Tensor, *, experts_per_frame: int) -> Tensor:
    """Indices (B, T, K) of the largest logits, best first; ties go to the lowest index.

    >>> choose_experts(torch.tensor([[[1.0, 2.0, 2.0]]]), experts_per_frame=2).tolist()
    [[[1, 2]]]
    """
    order_BTE = torch.sort(logits_BTE, dim=-1, descending=True, stable=True).indices
    return order_BTE[..., :experts_per_frame]


def gate_weights(probabilities_BTE: Tensor, chosen_BTK: Tensor, router_grad: RouterGradient) -> Tensor:
    """Weights (B, T, K) of the chosen experts' outputs.

    With p the probability of a chosen expert (renormalised over the chosen for K > 1):
    ``prob_scaled`` p; ``straight_through`` 1/K with the gradient of p; ``none`` 1/K without gradient.
    ``prob_scaled`` with K = E is the dense mixture.

    Source: Fedus et al. (2022), Switch Transformers, eq. 2; Bengio et al. (2013) for straight-through.
    """
    probability_BTK = probabilities_BTE.gather(-1, chosen_BTK)
    num_chosen = chosen_BTK.shape[-1]
    if num_chosen > 1:
        probability_BTK = probability_BTK / probability_BTK.sum(-1, keepdim=True)
    if router_grad == "prob_scaled":
        return probability_BTK
    constant_BTK = torch.full_like(probability_BTK, 1.0 / num_chosen)
    if router_grad == "straight_through":
        return constant_BTK + probability_BTK - probability_BTK.detach()
    return constant_BTK


class Router(nn.Module):
    """One task's linear router.

    Logits and softmax are float32 (float64 for float64 input) whatever autocast says.

    Args:
        in_dim: X.
        num_experts: E.
        experts_per_frame: K.
        router_grad: How the router learns from the task.
        router_input: ``standardised`` takes the constant part out of the input first: the LayerNorm
            of each layer leaves one that sends most frames to one expert.
    """

    def __init__(
        self,
        in_dim: int,
        num_experts: int,
        *,
        experts_per_frame: int = 1,
        router_grad: RouterGradient = "prob_scaled",
        router_input: RouterInput = "raw",
    ) -> None:
        super().__init__()
        assert 1 <= experts_per_frame <= num_experts, (experts_per_frame, num_experts)
        self.linear = nn.Linear(in_dim, num_experts)
        self.standardise = RunningStandardiser(in_dim) if router_input == "standardised" else None
        self.experts_per_frame = experts_per_frame
        self.router_grad: RouterGradient = router_grad

    def forward(self, fused_BTX: Tensor, valid_BT: Tensor) -> Gates:
        """Gates of every frame, padding included (its weights mean nothing)."""
        dtype = torch.float64 if fused_BTX.dtype == torch.float64 else torch.float32
        with torch.autocast(fused_BTX.device.type, enabled=False):
            input_BTX = fused_BTX.to(dtype)
            if self.standardise is not None:
                input_BTX = self.standardise(input_BTX, valid_BT)
            logits_BTE = nnf.linear(input_BTX, self.linear.weight.to(dtype), self.linear.bias.to(dtype))
            probabilities_BTE = logits_BTE.softmax(-1)
            chosen_BTK = choose_experts(logits_BTE.detach(), experts_per_frame=self.experts_per_frame)
            weight_BTK = gate_weights(probabilities_BTE, chosen_BTK, self.router_grad)
        return Gates(weight_BTK, Routing(logits_BTE, probabilities_BTE, chosen_BTK, valid_BT))
