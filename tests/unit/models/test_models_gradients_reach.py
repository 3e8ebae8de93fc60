"""Gradients reach every trainable parameter of every registered model; the exceptions are listed by name."""

from typing import Any

import pytest
import torch

from merit_cli.backbones.log_mel import LogMelConfig
from merit_cli.backbones.model_folder import build_parts
from merit_cli.backbones.waveform import WaveformConfig
from merit_cli.carriers import MultiTaskOutput
from merit_cli.losses.enhancement import EnhancementTerms
from merit_cli.losses.objective import ObjectiveConfig, loss_terms, objective_sums
from merit_cli.models import MODELS
from merit_cli.models.sparse_merit import SparseMeritConfig
from merit_cli.models.speech_text import BASE_DIM, reads_words
from merit_cli.models.waveform_model import hears_waveform

SMALL = {"trunk_width": 16, "trunk_expansion": 1, "trunk_blocks": 1, "blstm_hidden": 8, "ser_hidden": 8}
MADE_SMALL: dict[str, dict[str, Any]] = {
    "ser-text": {"ser_hidden": 8},
    "wave-u-net": {"num_layers": 3, "channels": 4},
    "manner": {"size": "small", "hidden": 12},
    "phasen": {"amplitude_channels": 4, "phase_channels": 2, "num_blocks": 1, "rnn_hidden": 8, "head_hidden": 8},
    "cmgan": {"channels": 8, "num_blocks": 1, "num_heads": 1, "dense_depth": 2},
}
LENGTHS = torch.tensor([6400, 4000, 5123])
TERMS = EnhancementTerms(snr=1.0)
EXCEPTIONS = {"cmgan": {"network.mask_decoder.slope.weight"}}
"""Parameters by model: CMGAN's slope multiplies negative values of the mask, which need not have any at the start."""
SPARSE: list[dict[str, Any]] = [
    {},
    {"num_experts": 8},
    {"num_experts": 8, "experts_per_frame": 2},
    {"experts_per_frame": 3},
    {"router_grad": "straight_through"},
    {"router_grad": "straight_through_dense"},
    {"fusion": "weighted_sum"},
    {"expert_kind": "layer_sum"},
    {"num_experts": 2, "routing": "by_task"},
]


WORDS = (torch.randn(3, 5, BASE_DIM, generator=torch.Generator().manual_seed(2)), torch.arange(15).view(3, 5) < 8)
"""Tokens of five, three and no words."""
RATINGS = torch.tensor([[0.1, 0.5, 0.9], [0.4, 0.2, 0.3], [0.8, 0.9, 0.2]])


def waves(seed: int) -> torch.Tensor:
    noise = torch.randn(3, 6400, generator=torch.Generator().manual_seed(seed))
    return noise * (torch.arange(6400) < LENGTHS.unsqueeze(1))


class Trainer:
    """A model on one batch of noise, a step at a time."""

    def __init__(self, config: Any, **weights: float) -> None:
        torch.manual_seed(0)
        backbone = WaveformConfig() if hears_waveform(config) else LogMelConfig(num_layers=2)
        self.parts = build_parts(config, backbone, num_classes=3)
        self.model, self.objective = self.parts.model, ObjectiveConfig(enhancement=TERMS, **weights)
        self.words = WORDS if reads_words(config) else ()
        self.optimiser = torch.optim.AdamW(self.model.parameters(), 1e-3)

    def step(self) -> MultiTaskOutput:
        """One step; its gradients stay. Returns the model's output."""
        self.optimiser.zero_grad(set_to_none=True)
        features = self.parts.backbone(waves(0), LENGTHS)
        output = self.model(features, waves(0), LENGTHS, *self.words)
        emotion = torch.tensor([0, 1, 2])
        sums = objective_sums(
            output, lengths_B=LENGTHS, clean_BN=waves(1), emotion_B=emotion, terms=TERMS, attributes_BA=RATINGS
        )
        loss_terms(sums, self.objective).total.backward()
        self.optimiser.step()
        return output

    def without_gradient(self) -> set[str]:
        return {name for name, one in self.model.named_parameters() if one.grad is None or not one.grad.any()}


@pytest.mark.parametrize("name", sorted(MODELS.table))
def test_gradients_reach_every_parameter_of_every_model_in_one_step(name: str) -> None:
    trainer = Trainer(MODELS.load(name)(**MADE_SMALL.get(name, SMALL)))
    trainer.step()
    assert trainer.without_gradient() <= EXCEPTIONS.get(name, set())


def idle_experts(output: MultiTaskOutput, num_experts: int) -> set[int]:
    """Experts that no valid frame of any task was sent to."""
    chosen = {int(e) for one in output.routing.values() for e in one.chosen_BTK[one.valid_BT].flatten()}
    return set(range(num_experts)) - chosen if output.routing else set()


@pytest.mark.parametrize("changes", SPARSE, ids=str)
def test_gradients_reach_routers_and_exactly_the_chosen_experts_in_one_step(changes: dict[str, Any]) -> None:
    config = SparseMeritConfig(**SMALL, **changes)
    trainer = Trainer(config, balance_weight=0.0, router_z_weight=0.0)  # what routers get, they get from their task
    idle = idle_experts(trainer.step(), config.num_experts)
    expected = {name for name, _ in trainer.model.named_parameters() if expert_of(name) in idle}
    assert trainer.without_gradient() == expected


def test_routers_have_no_gradient_where_there_is_nothing_to_learn() -> None:
    for changes in ({"router_grad": "none"}, {"num_experts": 1}):
        trainer = Trainer(SparseMeritConfig(**SMALL, **changes), balance_weight=0.0, router_z_weight=0.0)
        trainer.step()
        routers = {name for name, _ in trainer.model.named_parameters() if ".routers." in name}
        assert routers
        assert trainer.without_gradient() == routers


@pytest.mark.parametrize("num_experts", [3, 8])
def test_every_expert_is_reached_within_200_steps(num_experts: int) -> None:
    trainer = Trainer(SparseMeritConfig(**SMALL, num_experts=num_experts))
    idle = set(range(num_experts))
    for _ in range(200):
        idle &= idle_experts(trainer.step(), num_experts)
        if not idle:
            break
    assert idle == set()


@pytest.mark.parametrize(("weights", "returns"), [({}, True), ({"balance_weight": 0.0, "router_z_weight": 0.0}, False)])
def test_load_balance_brings_an_idle_expert_back_within_200_steps(
    weights: dict[str, float],
    returns: bool,  # noqa: FBT001
) -> None:
    trainer = Trainer(SparseMeritConfig(**SMALL, num_experts=3), **weights)
    with torch.no_grad():
        for router in trainer.model.block.routers.values():
            router.linear.bias[2] -= 3.0
    assert idle_experts(trainer.step(), 3) == {2}
    num_steps = 199 if returns else 99  # with it the expert is back at step 57
    assert any(not idle_experts(trainer.step(), 3) for _ in range(num_steps)) is returns


def expert_of(parameter: str) -> int | None:
    """Index of the expert that a parameter belongs to."""
    head, found, tail = parameter.partition(".experts.experts.")
    return int(tail.split(".")[0]) if found and head else None
