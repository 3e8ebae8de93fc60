"""Pictures from the very lines that training writes."""

import json
from pathlib import Path

import pytest

from merit_cli.metrics.information import mutual_information
from merit_cli.reports.report import Curve, HeatMap
from merit_cli.training.routing_usage import RoutingUsage
from merit_cli.workflows.evaluate.routing import routing_pictures

COUNTS = {
    1: {"enhancement": [50, 50], "emotion": [80, 20]},
    2: {"enhancement": [30, 70], "emotion": [100, 0]},
    3: {"enhancement": [10, 90], "emotion": [60, 40]},
}

COSINES = {1: {"trunk": 0.5}, 2: {"trunk": -0.25, "experts": 0.1}, 3: {}}


def write_run(folder: Path, *, num_epochs: int = 3, best: int | None = None) -> Path:
    """What a train run leaves of its routers, summed up by training's own code."""
    lines = [{"kind": "step", "epoch": 1, "step": 1, "loss": {"total": 1.0}}]
    for epoch in range(1, num_epochs + 1):
        usage = RoutingUsage(COUNTS[epoch], {"enhancement": 60.0, "emotion": 20.0}, 100, overlap=25.0, union=175)
        train = {"routing": usage.summary(), "group_cosines": COSINES[epoch]}
        lines.append({"kind": "epoch", "epoch": epoch, "train": train, "dev": {}})
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (folder / "metrics.jsonl").write_text(text)
    if best is not None:
        (folder / "DONE").write_text(json.dumps({"best": {"epoch": best}}))
    return folder


def loads(chart: HeatMap | Curve) -> list[list[float | None]]:
    assert isinstance(chart, HeatMap)
    return [[cell.mean if cell else None for cell in row] for row in chart.cells]


def test_load_is_that_of_the_epoch_whose_weights_were_exported(tmp_path: Path) -> None:
    first = routing_pictures(write_run(tmp_path, best=2))[0]
    assert loads(first) == [[30.0, 70.0], [100.0, 0.0]]
    assert isinstance(first, HeatMap)
    assert first.rows == ("enhancement", "emotion")
    assert "epoch 2" in first.caption
    assert "share 25 %" in first.caption


def test_unfinished_run_shows_its_last_epoch(tmp_path: Path) -> None:
    assert loads(routing_pictures(write_run(tmp_path))[0]) == [[10.0, 90.0], [60.0, 40.0]]


def test_each_task_and_the_entropies_have_a_curve_over_the_epochs(tmp_path: Path) -> None:
    _, enhancement, emotion, entropy, *_ = routing_pictures(write_run(tmp_path))
    assert isinstance(enhancement, Curve)
    assert isinstance(emotion, Curve)
    assert isinstance(entropy, Curve)
    assert [[point.cell.mean for point in line.points] for line in emotion.series] == [[80, 100, 60], [20, 0, 40]]
    assert [point.x for point in enhancement.series[0].points] == [1, 2, 3]
    assert {line.name: line.points[0].cell.mean for line in entropy.series} == pytest.approx(
        {"enhancement": 0.6, "emotion": 0.2}
    )


def test_what_an_expert_tells_of_the_task_has_a_curve(tmp_path: Path) -> None:
    *_, information, _ = routing_pictures(write_run(tmp_path))
    assert isinstance(information, Curve)
    [line] = information.series
    values = [mutual_information([*COUNTS[epoch].values()]) for epoch in (1, 2, 3)]
    assert [point.cell.mean for point in line.points] == pytest.approx(values)


def test_gradients_meet_in_each_group_of_layers_where_that_was_measured(tmp_path: Path) -> None:
    *_, cosines = routing_pictures(write_run(tmp_path))
    assert isinstance(cosines, Curve)
    found = {line.name: [(point.x, point.cell.mean) for point in line.points] for line in cosines.series}
    assert found == {"trunk": [(1.0, 0.5), (2.0, -0.25)], "experts": [(2.0, 0.1)]}


def test_one_epoch_has_no_course(tmp_path: Path) -> None:
    assert len(routing_pictures(write_run(tmp_path, num_epochs=1))) == 1


def test_collapsed_expert_is_said(tmp_path: Path) -> None:
    usage = RoutingUsage({"emotion": [1000, 1]}, {"emotion": 1.0}, 1001, overlap=1001.0, union=1001)
    (tmp_path / "metrics.jsonl").write_text(
        json.dumps({"kind": "epoch", "epoch": 1, "train": {"routing": usage.summary()}}) + "\n"
    )
    [chart] = routing_pictures(tmp_path)
    assert "COLLAPSED: expert 2" in chart.caption


@pytest.mark.parametrize(
    "text",
    ["", '{"kind":"epoch","epoch":1,"train":{"loss":{}}}\n', "no json\n", '{"kind":"epoch","epo'],
    ids=["empty", "unrouted", "damaged", "torn"],
)
def test_run_without_routers_has_no_pictures(tmp_path: Path, text: str) -> None:
    (tmp_path / "metrics.jsonl").write_text(text)
    assert routing_pictures(tmp_path) == ()


def test_routers_with_one_expert_have_no_pictures(tmp_path: Path) -> None:
    usage = RoutingUsage({"emotion": [100]}, {"emotion": 0.0}, 100, overlap=100.0, union=100)
    line = {"kind": "epoch", "epoch": 1, "train": {"routing": usage.summary()}}
    (tmp_path / "metrics.jsonl").write_text(json.dumps(line) + "\n")
    assert routing_pictures(tmp_path) == ()


def test_no_run_and_no_metrics_have_no_pictures(tmp_path: Path) -> None:
    assert routing_pictures(None) == ()
    assert routing_pictures(tmp_path) == ()
