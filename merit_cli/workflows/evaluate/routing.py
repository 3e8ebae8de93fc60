"""What the experts of a routed model did in training, and how its tasks met, from the metrics that its run left."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from merit_cli.errors import MeritError
from merit_cli.io.jsonl import read_lines
from merit_cli.io.run_dir import read_summary
from merit_cli.reports.report import Cell, Curve, HeatMap, Point, Series

METRICS_NAME = "metrics.jsonl"
Epoch = tuple[int, Mapping[str, Any]]
"""An epoch's number and its training, as `training.epoch_record` sums it up."""


def routing_pictures(run: Path | None) -> tuple[HeatMap | Curve, ...]:
    """Training seen by its experts: shares by task in the exported epoch, then what changed over all epochs.

    None for a run without routers, or whose routers have one expert.
    """
    epochs = list(_epochs(run)) if run else []
    if not run or not epochs:
        return ()
    pictures: tuple[HeatMap | Curve, ...] = (_loads(_exported(run, epochs)),)
    return (*pictures, *_over_epochs(epochs)) if len(epochs) > 1 else pictures


def _over_epochs(epochs: Sequence[Epoch]) -> Iterator[Curve]:
    yield from _loads_over_epochs(epochs)
    yield _entropy_over_epochs(epochs)
    if len(epochs[-1][1]["routing"]["tasks"]) > 1:
        yield _information_over_epochs(epochs)
    yield from _cosines_over_epochs(epochs)


def _epochs(run: Path) -> Iterator[Epoch]:
    """Each epoch with routing; nothing where the run left none."""
    path = run / METRICS_NAME
    if not path.exists():
        return
    try:
        for _, line in read_lines(path, torn_tail=True):
            train = line.get("train", {}) if line.get("kind") == "epoch" else {}
            tasks = train.get("routing", {}).get("tasks", {})
            if any(len(found["load"]) > 1 for found in tasks.values()):
                yield int(line["epoch"]), train
    except MeritError:
        return  # a picture less, not a report less


def _exported(run: Path, epochs: Sequence[Epoch]) -> Epoch:
    """The epoch whose weights the run exported; the last where it does not say."""
    try:
        best = read_summary(run).get("best", {}).get("epoch")
    except MeritError:
        best = None
    return next((one for one in epochs if one[0] == best), epochs[-1])


def _loads(chosen: Epoch) -> HeatMap:
    epoch, routing = chosen[0], chosen[1]["routing"]
    tasks = routing["tasks"]
    num_experts = max(len(found["load"]) for found in tasks.values())
    cells = tuple(tuple(Cell(100.0 * float(share), unit="%") for share in found["load"]) for found in tasks.values())
    together = f" Of the experts chosen for a frame, the tasks share {100 * routing['overlap']:.0f} %."
    collapsed = ", ".join(str(number + 1) for number in routing.get("collapsed", ()))
    return HeatMap(
        "In training: who sent how much to which expert",
        f"Share of each task's choices in per cent, epoch {epoch}; {100 / num_experts:.3g} % each would be even."
        + (together if len(tasks) > 1 else "")
        + (f" COLLAPSED: expert {collapsed}, under 1 % of all choices." if collapsed else ""),
        "task",
        "expert",
        tuple(tasks),
        tuple(str(number + 1) for number in range(num_experts)),
        cells,
    )


def _loads_over_epochs(epochs: Sequence[Epoch]) -> Iterator[Curve]:
    for task in epochs[-1][1]["routing"]["tasks"]:
        found = [(epoch, train["routing"]["tasks"][task]["load"]) for epoch, train in epochs]
        lines = tuple(
            _line(f"expert {number + 1}", number, [(epoch, 100.0 * load[number]) for epoch, load in found], "%")
            for number in range(len(found[-1][1]))
        )
        caption = "Share of the task's choices over the epochs of training."
        yield Curve(f"In training: experts of {task}", caption, "epoch", "share (%)", lines)


def _entropy_over_epochs(epochs: Sequence[Epoch]) -> Curve:
    """How sure each router is: 0 for one expert alone, ln E for all alike."""
    tasks = epochs[-1][1]["routing"]["tasks"]
    num_experts = max(len(found["load"]) for found in tasks.values())
    lines = tuple(
        _line(task, number, [(epoch, train["routing"]["tasks"][task]["entropy"]) for epoch, train in epochs], "nats")
        for number, task in enumerate(tasks)
    )
    caption = (
        f"Mean entropy of a frame's probabilities: 0 where one expert gets all, ln {num_experts} where all get alike."
    )
    return Curve("In training: how sure the routers are", caption, "epoch", "entropy (nats)", lines)


def _information_over_epochs(epochs: Sequence[Epoch]) -> Curve:
    """How far the tasks part: 0 for equal loads, ln 2 where two tasks share no expert."""
    values = [(epoch, train["routing"]["mutual_information"]) for epoch, train in epochs]
    line = _line("task and expert", 0, values, "nats")
    caption = "What an expert tells about the task that chose it: 0 for equal loads, ln 2 = 0.69 where none is shared."
    return Curve("In training: how far the tasks part", caption, "epoch", "mutual information (nats)", (line,))


def _cosines_over_epochs(epochs: Sequence[Epoch]) -> Iterator[Curve]:
    """Where the tasks pull apart: the cosine of their gradients by group of layers; none where it was not measured."""
    names = list(dict.fromkeys(name for _, train in epochs for name in _cosines(train)))
    lines = tuple(
        _line(name, number, [(e, train["group_cosines"][name]) for e, train in epochs if name in _cosines(train)], "")
        for number, name in enumerate(names)
    )
    caption = (
        "Cosine of the two tasks' gradients by group of layers, mean over the logged steps: below 0 they conflict."
    )
    if lines:
        yield Curve("In training: where the tasks' gradients meet", caption, "epoch", "cosine", lines)


def _cosines(train: Mapping[str, Any]) -> Mapping[str, float]:
    found: Mapping[str, float] = train.get("group_cosines", {})
    return found


def _line(name: str, number: int, values: Sequence[tuple[int, float]], unit: str) -> Series:
    return Series(name, tuple(Point(float(x), Cell(float(y), unit=unit)) for x, y in values), number=number)
