"""Whole models: gradients reach what they must, padding changes nothing, lengths are exact."""

from collections.abc import Callable

import pytest
import torch
from torch import nn

from merit_cli.backbones.log_mel import LogMelConfig
from merit_cli.carriers import MultiTaskOutput
from merit_cli.losses.enhancement import EnhancementTerms
from merit_cli.losses.objective import ObjectiveConfig, loss_terms, objective_sums
from merit_cli.models import MODELS
from merit_cli.models.naive_multitask import NaiveMultitaskConfig
from merit_cli.models.sparse_merit import SparseMeritConfig

SMALL = {"trunk_width": 16, "blstm_hidden": 8, "ser_hidden": 8}
LENGTHS = torch.tensor([6400, 4000, 5123])
BUILTIN = ("naive-mtl", "sparse-merit", "se", "ser")


def waves(seed: int = 0, scale: float = 1.0) -> torch.Tensor:
    noise = torch.randn(3, 6400, generator=torch.Generator().manual_seed(seed)) * scale
    return noise * (torch.arange(6400) < LENGTHS.unsqueeze(1))


def build(config_class: Callable[..., SparseMeritConfig], **sizes: object) -> nn.Module:
    torch.manual_seed(0)
    return config_class(**{**SMALL, **sizes}).build(LogMelConfig(num_layers=2).build().shape, num_classes=3)


def run(model: nn.Module, noisy: torch.Tensor, lengths: torch.Tensor) -> MultiTaskOutput:
    features = LogMelConfig(num_layers=2).build()(noisy, lengths)
    return model(features, noisy, lengths)


def terms(output: MultiTaskOutput, **weights: float):  # noqa: ANN201 - a test's helper
    sums = objective_sums(
        output, lengths_B=LENGTHS, clean_BN=waves(1), emotion_B=torch.tensor([0, 1, 2]), terms=EnhancementTerms(snr=1.0)
    )
    return loss_terms(sums, ObjectiveConfig(enhancement=EnhancementTerms(snr=0.01), **weights))


@pytest.mark.parametrize("name", BUILTIN)
@pytest.mark.parametrize("trunk_blocks", [None, 2])
def test_every_parameter_receives_a_gradient(name: str, trunk_blocks: int | None) -> None:
    sizes = {"experts_per_frame": 3} if name == "sparse-merit" else {}  # no expert idle in so small a batch
    model = build(MODELS.load(name), trunk_blocks=trunk_blocks, **sizes)
    terms(run(model, waves(), LENGTHS)).total.backward()
    without = [key for key, value in model.named_parameters() if value.grad is None or not value.grad.any()]
    assert without == []


@pytest.mark.parametrize(
    ("router_grad", "learns"),
    [("prob_scaled", True), ("straight_through", True), ("straight_through_dense", True), ("none", False)],
)
def test_routers_learn_from_their_task_unless_told_not_to(router_grad: str, learns: bool) -> None:  # noqa: FBT001
    model = build(SparseMeritConfig, router_grad=router_grad)
    terms(run(model, waves(), LENGTHS), balance_weight=0.0, router_z_weight=0.0).total.backward()
    for router in model.block.routers.values():
        gradient = router.linear.weight.grad
        assert (gradient is not None and bool(gradient.any())) is learns


def test_naive_multitask_shares_a_third_of_its_parameters() -> None:
    model = NaiveMultitaskConfig().build(LogMelConfig().build().shape, num_classes=4)
    features = LogMelConfig().build()(waves(), LENGTHS)
    both: list[set[str]] = []
    for weights in ({"emotion_weight": 0.0}, {"enhancement_weight": 0.0}):
        model.zero_grad()
        terms(model(features, waves(), LENGTHS), **weights).total.backward()
        both.append({k for k, v in model.named_parameters() if v.grad is not None and v.grad.any()})
    shared = sum(value.numel() for key, value in model.named_parameters() if key in both[0] & both[1])
    assert shared >= 0.3 * sum(value.numel() for value in model.parameters())


@pytest.mark.parametrize("name", BUILTIN)
@pytest.mark.parametrize("trunk_blocks", [None, 2])
def test_padding_changes_nothing(name: str, trunk_blocks: int | None) -> None:
    model = build(MODELS.load(name), trunk_blocks=trunk_blocks).eval()
    together = run(model, waves(), LENGTHS)
    for row, length in enumerate(LENGTHS.tolist()):
        alone = run(model, waves()[row : row + 1, :length], LENGTHS[row : row + 1])
        if together.enhanced_BN is not None:
            assert torch.allclose(together.enhanced_BN[row, :length], alone.enhanced_BN[0], atol=2e-5)
            assert not together.enhanced_BN[row, length:].any()
            frames = alone.enhanced_log1p_BTF.shape[1]
            assert torch.allclose(together.enhanced_log1p_BTF[row, :frames], alone.enhanced_log1p_BTF[0], atol=2e-5)
        if together.emotion_logits_BC is not None:
            assert torch.allclose(together.emotion_logits_BC[row], alone.emotion_logits_BC[0], atol=2e-5)


@pytest.mark.parametrize("name", ["naive-mtl", "sparse-merit", "se"])
def test_enhanced_has_the_length_of_the_input(name: str) -> None:
    model = build(MODELS.load(name)).eval()
    for num_samples in (400, 4001, 6399):
        noisy = torch.randn(1, num_samples, generator=torch.Generator().manual_seed(0))
        assert run(model, noisy, torch.tensor([num_samples])).enhanced_BN.shape == (1, num_samples)


def test_routing_is_given_for_both_tasks_on_valid_frames_only() -> None:
    output = run(build(SparseMeritConfig, num_experts=4, experts_per_frame=2), waves(), LENGTHS)
    assert set(output.routing) == {"enhancement", "emotion"}
    for routing in output.routing.values():
        assert routing.chosen_BTK.shape == (3, 41, 2)
        assert routing.valid_BT.sum(1).tolist() == [41, 26, 33]


def test_more_experts_per_frame_than_experts_are_refused() -> None:
    with pytest.raises(ValueError, match="4 experts per frame of a pool of 3"):
        SparseMeritConfig(experts_per_frame=4)


@pytest.mark.parametrize("changes", [{"num_experts": 3}, {"num_experts": 2, "experts_per_frame": 2}])
def test_routing_by_task_takes_an_expert_a_task(changes: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="routing by task takes 2 experts"):
        SparseMeritConfig(routing="by_task", **changes)


def test_layer_sum_experts_need_the_layers() -> None:
    with pytest.raises(ValueError, match="fusion concat"):
        SparseMeritConfig(expert_kind="layer_sum", fusion="weighted_sum")


def test_a_model_routed_by_task_reports_no_routing() -> None:
    output = run(build(SparseMeritConfig, num_experts=2, routing="by_task"), waves(), LENGTHS)
    assert output.routing == {}
    assert terms(output, balance_weight=1.0).load_balance == 0.0


def test_an_even_trunk_kernel_is_refused() -> None:
    with pytest.raises(ValueError, match="middle frame"):
        SparseMeritConfig(trunk_kernel=4)
