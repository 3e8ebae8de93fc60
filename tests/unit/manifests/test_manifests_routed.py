"""Routing of utterances through a file and back, and what a damaged file says."""

import json
from pathlib import Path

import pytest

from merit_cli.errors import BadData
from merit_cli.manifests.routed import Routed, TaskRouting, read_routing, write_routing

ROUTED = Routed(
    "a__b",
    1000,
    62.5,
    {
        "enhancement": TaskRouting((0.25, 0.75), (0, 1, 1, 1) * 100, 0.5),
        "emotion": TaskRouting((1.0, 0.0), (0,) * 400, 0.0),
    },
    0.25,
)


def test_routing_comes_back_as_it_was_written(tmp_path: Path) -> None:
    assert write_routing(tmp_path / "routing.jsonl", [ROUTED, ROUTED]) == 2
    assert read_routing(tmp_path / "routing.jsonl") == [ROUTED, ROUTED]


def test_frames_take_little_room() -> None:
    assert len(json.dumps(ROUTED.to_line())) < 300


def test_no_file_has_no_routing(tmp_path: Path) -> None:
    assert read_routing(tmp_path / "routing.jsonl") == []


@pytest.mark.parametrize(
    ("key", "value"),
    [("best", "eJ!"), ("best", "AAAA"), ("best", None), ("load", ["many"]), ("load", 1.0), ("entropy", "x")],
    ids=["not-base64", "not-zlib", "no-text", "no-number", "no-list", "no-entropy"],
)
def test_a_damaged_line_is_named(tmp_path: Path, key: str, value: object) -> None:
    line = ROUTED.to_line()
    line["tasks"]["emotion"][key] = value
    path = tmp_path / "routing.jsonl"
    path.write_text(json.dumps(ROUTED.to_line()) + "\n" + json.dumps(line) + "\n")
    with pytest.raises(BadData, match="no line of routing") as caught:
        read_routing(path)
    assert caught.value.place == f"{path}:2"


def test_a_line_without_tasks_is_refused(tmp_path: Path) -> None:
    (tmp_path / "routing.jsonl").write_text('{"id":"a","num_frames":1,"frames_per_second":50.0}\n')
    with pytest.raises(BadData, match="tasks"):
        read_routing(tmp_path / "routing.jsonl")
