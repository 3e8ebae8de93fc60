"""What is said of a run whose routers do not route, and what ends it; controls are exempt."""

from pathlib import Path
from typing import Any

import pytest

from merit_cli.backbones.log_mel import LogMelConfig
from merit_cli.errors import CheckFailed
from merit_cli.models.sparse_merit import SparseMerit, SparseMeritConfig
from merit_cli.training.epoch_record import EpochRecord
from merit_cli.training.routing_checks import check_routers, collapse_notes, collapse_warning
from merit_cli.training.routing_usage import RoutingUsage
from merit_cli.training.task_gradients import GradientReport, Meeting


def make_model(**changes: object) -> SparseMerit:
    sizes = {"trunk_width": 16, "expert_hidden": 8, "expert_dim": 16, "blstm_hidden": 4, "ser_hidden": 4}
    return SparseMeritConfig.model_validate({**sizes, **changes}).build(LogMelConfig().build().shape, 2)


def make_record(*, counts: list[int], reach: float = 1.0, norm: float = 1.0) -> EpochRecord:
    record = EpochRecord(epoch=4, router_reach={"enhancement": 1.0, "emotion": reach})
    record.routing = RoutingUsage({"enhancement": counts, "emotion": counts}, {}, sum(counts))
    record.routing.add_gradient_norms({"enhancement": norm, "emotion": norm})
    return record


def report(*, whole: tuple[float, float], routers: tuple[float, float]) -> GradientReport:
    """With squared norms of the gradients of both tasks."""
    groups = {"routers": Meeting(*routers, 0.0, 0.0, 0.0, 0, 10)}
    return GradientReport(Meeting(*whole, 0.0, 0.0, 0.0, 0, 100), groups)


def test_reach_is_the_largest_gradient_of_the_task_on_routers() -> None:
    record = EpochRecord()
    for square in (4.0, 9.0, 0.0):
        record.add_gradients(report(whole=(10.0, 10.0), routers=(square, 0.0)))
    assert record.router_reach == {"enhancement": 3.0, "emotion": 0.0}


def test_a_task_without_weight_asks_nothing_of_its_router() -> None:
    record = make_record(counts=[1, 1, 1])
    record.router_reach = {}
    record.add_gradients(report(whole=(10.0, 0.0), routers=(4.0, 0.0)))
    check_routers(record, make_model(), strict=True, run=Path("run"))


def test_a_collapsed_expert_ends_a_strict_run_only() -> None:
    record = make_record(counts=[500, 499, 1])
    check_routers(record, make_model(), strict=False, run=Path("run"))
    with pytest.raises(CheckFailed, match="expert 3 of 3 got under 1 % of the frames of epoch 4") as caught:
        check_routers(record, make_model(), strict=True, run=Path("run"))
    assert "balance_weight" in caught.value.hint
    check_routers(make_record(counts=[500, 489, 11]), make_model(), strict=True, run=Path("run"))


def test_a_collapsed_expert_is_said_once_as_its_epoch_ends() -> None:
    known: set[int] = set()
    found = [collapse_warning(make_record(counts=counts), make_model(), known) for counts in ([500, 499, 1],) * 2]
    assert found[0] is not None
    assert "expert 3 of 3 got under 1 % of the frames of epoch 4" in found[0]
    assert found[1] is None
    second = collapse_warning(make_record(counts=[1, 999, 0]), make_model(), known)
    assert second is not None
    assert "expert 1 of 3" in second
    without_gradient = make_record(counts=[999, 1, 0], norm=0.0)
    assert collapse_warning(without_gradient, make_model(), set()) is None


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


def epochs(*collapsed: list[int], norm: float = 1.0) -> dict[int, dict[str, Any]]:
    tasks = {"enhancement": {"gradient_norm": norm}, "emotion": {"gradient_norm": norm}}
    return {number: {"tasks": tasks, "collapsed": one} for number, one in enumerate(collapsed, start=1)}


def test_a_collapse_in_any_epoch_is_said_even_where_a_later_one_was_even() -> None:
    [note] = collapse_notes(epochs([], [2], [2], []), make_model())
    assert note == "COLLAPSED ROUTER: expert 3 of 3 got under 1 % of the frames in epoch 2, 3 of 4."


def test_experts_that_collapsed_together_are_said_together() -> None:
    notes = collapse_notes(epochs([0, 2], [0, 2, 3]), make_model(num_experts=4))
    assert [note.split(" got")[0] for note in notes] == [
        "COLLAPSED ROUTER: experts 1, 3 of 4",
        "COLLAPSED ROUTER: expert 4 of 4",
    ]


def test_an_even_use_and_the_exempt_have_no_note() -> None:
    assert collapse_notes(epochs([], []), make_model()) == []
    assert collapse_notes(epochs([1]), make_model(expert_kind="layer_sum")) == []
    assert collapse_notes(epochs([1], norm=0.0), make_model(router_grad="none")) == []
    assert collapse_notes(epochs([0]), make_model(num_experts=1)) == []
    assert collapse_notes({1: {}, 2: {}}, make_model(num_experts=2, routing="by_task")) == []
