"""Routers: which experts a frame goes to, and with what weight.

Shape suffixes: B batch, T frames, X fused features, E experts, K chosen.
"""

from typing import Literal, NamedTuple

import torch
import torch.nn.functional as nnf
from torch import Tensor, nn

from merit_cli.carriers import Routing
from merit_cli.models.standardise import RunningStandardiser

RouterGradient = Literal["prob_scaled", "straight_through", "straight_through_dense", "none"]
RouterInput = Literal["raw", "standardised"]


class Gates(NamedTuple):
    """Which experts run on each frame, the weight of each one's output, and the routing that led to it.

    Args:
        expert_BTK: Experts that run: the chosen ones, but all of them with ``straight_through_dense``.
        weight_BTK: Of their outputs.
        routing: None where nothing was chosen.
    """

    expert_BTK: Tensor
    weight_BTK: Tensor
    routing: Routing | None


def choose_experts(logits_BTE: Tensor, *, experts_per_frame: int) -> Tensor:
    """Indices (B, T, K) of the largest logits, best first; ties go to the lowest index.

    >>> choose_experts(torch.tensor([[[1.0, 2.0, 2.0]]]), experts_per_frame=2).tolist()
    [[[1, 2]]]
    """
    order_BTE = torch.sort(logits_BTE, dim=-1, descending=True, stable=True).indices
    return order_BTE[..., :experts_per_frame]


def gate_weights(probabilities_BTE: Tensor, chosen_BTK: Tensor, router_grad: RouterGradient) -> Tensor:
    """Weights (B, T, K) of the chosen experts' outputs; (B, T, E) of all for ``straight_through_dense``.

    With p the probability of a chosen expert (renormalised over the chosen for K > 1):
    ``prob_scaled`` p; ``straight_through`` 1/K with the gradient of p; ``none`` 1/K without gradient;
    ``straight_through_dense`` 1/K, and 0 for the others, each with the gradient of its plain probability.
    ``prob_scaled`` with K = E is the dense mixture.

    Source: Fedus et al. (2022), Switch Transformers, eq. 2; Bengio et al. (2013) for straight-through.
    """
    num_chosen = chosen_BTK.shape[-1]
    if router_grad == "straight_through_dense":
        hard_BTE = torch.zeros_like(probabilities_BTE).scatter(-1, chosen_BTK, 1.0 / num_chosen)
        return hard_BTE + (probabilities_BTE - probabilities_BTE.detach())
    probability_BTK = probabilities_BTE.gather(-1, chosen_BTK)
    if num_chosen > 1:
        probability_BTK = probability_BTK / probability_BTK.sum(-1, keepdim=True)
    if router_grad == "prob_scaled":
        return probability_BTK
    constant_BTK = torch.full_like(probability_BTK, 1.0 / num_chosen)
    if router_grad == "straight_through":
        return constant_BTK + (probability_BTK - probability_BTK.detach())
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

    @property
    def experts_run(self) -> int:
        """How many experts run on a frame of this task."""
        return self.linear.out_features if self.router_grad == "straight_through_dense" else self.experts_per_frame

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
        all_run = self.router_grad == "straight_through_dense"
        expert_BTK = torch.arange(logits_BTE.shape[-1], device=chosen_BTK.device) if all_run else chosen_BTK
        routing = Routing(logits_BTE, probabilities_BTE, chosen_BTK, valid_BT)
        return Gates(expert_BTK.expand_as(weight_BTK), weight_BTK, routing)


class FixedRouter(nn.Module):
    """One task's expert, given once and for all: nothing is chosen and nothing is learned.

    Args:
        expert: Its index.
    """

    experts_run = 1

    def __init__(self, expert: int) -> None:
        super().__init__()
        self.expert = expert

    def forward(self, fused_BTX: Tensor, valid_BT: Tensor) -> Gates:
        """Gates that send every frame to the expert, with weight 1."""
        expert_BT1 = torch.full((*valid_BT.shape, 1), self.expert, device=fused_BTX.device)
        return Gates(expert_BT1, torch.ones_like(expert_BT1, dtype=fused_BTX.dtype), None)
