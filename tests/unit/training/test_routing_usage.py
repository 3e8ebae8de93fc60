"""Statistics of routers, each against a count by hand; and what ends a run whose routers do not route."""

from pathlib import Path

import numpy as np
import pytest
import torch

from merit_cli.backbones.log_mel import LogMelConfig
from merit_cli.carriers import Routing, SpeechBatch
from merit_cli.errors import CheckFailed
from merit_cli.models.sparse_merit import SparseMerit, SparseMeritConfig
from merit_cli.training.epoch_record import EpochRecord
from merit_cli.training.routing_checks import check_routers
from merit_cli.training.routing_usage import RoutingUsage, batch_snr_db


def routing(chosen: list[list[int]], valid: list[bool]) -> Routing:
    chosen_BTK = torch.tensor(chosen)[None, :, None] if isinstance(chosen[0], int) else torch.tensor(chosen)[None]
    probabilities = torch.full((1, len(valid), 3), 1.0 / 3.0)
    return Routing(probabilities.log(), probabilities, chosen_BTK, torch.tensor([valid]))


def test_routing_statistics_count_valid_frames_only() -> None:
    valid = [True, True, True, True, False]
    usage = RoutingUsage()
    for _ in range(2):
        usage.add({"a": routing([[0], [0], [1], [1], [2]], valid), "b": routing([[0], [1], [1], [0], [2]], valid)})
    usage.add_gradient_norms({"a": 2.0, "b": 0.0})
    usage.add_gradient_norms({"a": 4.0, "b": 0.0})
    found = usage.summary()
    assert found["tasks"]["a"]["load"] == [0.5, 0.5, 0.0]
    assert found["tasks"]["a"]["entropy"] == pytest.approx(np.log(3.0))
    assert found["tasks"]["a"]["gradient_norm"] == 3.0
    assert found["overlap"] == 0.5
    assert found["experts_per_frame"] == 1.5
    assert found["collapsed"] == [2]


def test_overlap_of_two_experts_a_frame_is_a_share() -> None:
    usage = RoutingUsage()
    usage.add({"a": routing([[0, 1]], [True]), "b": routing([[1, 2]], [True])})
    assert usage.summary()["overlap"] == 0.5
    assert usage.summary()["experts_per_frame"] == 3.0


def test_use_is_counted_by_the_nearest_snr() -> None:
    valid = torch.tensor([[True, True, False], [True, True, True], [True, False, False]])
    chosen = torch.tensor([[0, 1, 2], [1, 1, 2], [0, 2, 2]]).unsqueeze(-1)
    even = torch.full((3, 3, 3), 1.0 / 3.0)
    usage = RoutingUsage()
    usage.add({"a": Routing(even.log(), even, chosen, valid)}, torch.tensor([-4.0, 11.0, -77.0]))
    found = usage.summary()
    assert found["by_snr"] == {"-20": {"a": [1, 0, 0]}, "-5": {"a": [0.5, 0.5, 0]}, "10": {"a": [0, 2 / 3, 1 / 3]}}
    assert found["tasks"]["a"]["load"] == pytest.approx([2 / 6, 3 / 6, 1 / 6])


def test_parts_merge_to_the_whole() -> None:
    generator = torch.Generator().manual_seed(0)

    def draw() -> tuple[dict[str, Routing], torch.Tensor]:
        logits = [torch.randn(2, 50, 4, generator=generator) for _ in range(2)]
        valid = torch.rand(2, 50, generator=generator) < 0.8
        routes = [Routing(one, one.softmax(-1), one.topk(2, -1).indices, valid) for one in logits]
        return dict(zip(("a", "b"), routes, strict=True)), torch.tensor([-5.0, 5.0])

    whole, merged = RoutingUsage(), RoutingUsage()
    for number in range(4):
        batch = draw()
        part = RoutingUsage()
        for usage in (whole, part):
            usage.add(*batch)
            usage.add_gradient_norms({"a": float(number), "b": 1.0})
        merged.merge(part)
    assert merged.summary()["by_snr"] == whole.summary()["by_snr"]
    assert merged.entropy == pytest.approx(whole.entropy)
    assert (merged.counts, merged.frames, merged.union, merged.overlap, merged.steps, merged.gradient_norms) == (
        (whole.counts, whole.frames, whole.union, whole.overlap, whole.steps, whole.gradient_norms)
    )


def test_the_snr_of_a_batch_is_that_of_its_valid_samples() -> None:
    lengths = torch.tensor([8000, 4000])
    generator = torch.Generator().manual_seed(0)
    mask = torch.arange(8000) < lengths[:, None]
    clean, noise = (torch.randn(2, 8000, generator=generator) * mask for _ in range(2))
    wanted = torch.tensor([-5.0, 10.0])
    power = (clean.square().sum(1) / noise.square().sum(1)).sqrt()
    noisy = clean + noise * (power * 10.0 ** (-wanted / 20.0)).unsqueeze(1)
    found = batch_snr_db(SpeechBatch(("a", "b"), noisy, lengths, clean))
    assert found is not None
    torch.testing.assert_close(found, wanted, atol=1e-3, rtol=0.0)
    assert batch_snr_db(SpeechBatch(("a", "b"), noisy, lengths)) is None


def make_model(**changes: object) -> SparseMerit:
    sizes = {"trunk_width": 16, "expert_hidden": 8, "expert_dim": 16, "blstm_hidden": 4, "ser_hidden": 4}
    return SparseMeritConfig.model_validate({**sizes, **changes}).build(LogMelConfig().build().shape, 2)


def make_record(*, counts: list[int], reach: float = 1.0, norm: float = 1.0) -> EpochRecord:
    record = EpochRecord(epoch=4, router_reach={"enhancement": 1.0, "emotion": reach})
    record.routing = RoutingUsage({"enhancement": counts, "emotion": counts}, {}, sum(counts))
    record.routing.add_gradient_norms({"enhancement": norm, "emotion": norm})
    return record


def test_a_collapsed_expert_ends_a_strict_run_only() -> None:
    record = make_record(counts=[500, 499, 1])
    check_routers(record, make_model(), strict=False, run=Path("run"))
    with pytest.raises(CheckFailed, match="expert 2 got under 1 % of the frames of epoch 4") as caught:
        check_routers(record, make_model(), strict=True, run=Path("run"))
    assert "balance_weight" in caught.value.hint
    check_routers(make_record(counts=[500, 489, 11]), make_model(), strict=True, run=Path("run"))


def test_a_router_that_its_task_never_reached_ends_the_run() -> None:
    record = make_record(counts=[1, 1, 1], reach=0.0)
    with pytest.raises(CheckFailed, match="the router of emotion got no gradient") as caught:
        check_routers(record, make_model(), strict=False, run=Path("run"))
    assert "router_z_weight" in caught.value.hint
    check_routers(record, make_model(router_grad="none"), strict=True, run=Path("run"))


@pytest.mark.parametrize(
    "changes",
    [{"num_experts": 1}, {"expert_kind": "layer_sum"}, {"num_experts": 2, "routing": "by_task"}],
    ids=["one-expert", "layer-sum", "by-task"],
)
def test_controls_are_exempt(changes: dict[str, object]) -> None:
    check_routers(make_record(counts=[999, 1, 0], reach=0.0), make_model(**changes), strict=True, run=Path("run"))


def test_frozen_routers_are_exempt() -> None:
    frozen = make_model()
    frozen.block.routers.requires_grad_(False)
    check_routers(make_record(counts=[999, 1, 0], reach=0.0), frozen, strict=True, run=Path("run"))
    without_any_loss = make_record(counts=[999, 1, 0], reach=0.0, norm=0.0)
    check_routers(without_any_loss, make_model(router_grad="none"), strict=True, run=Path("run"))
