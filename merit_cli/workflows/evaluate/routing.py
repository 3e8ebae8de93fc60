"""What the experts of a routed model did in training, from the metrics that its run left."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from merit_cli.errors import MeritError
from merit_cli.io.jsonl import read_lines
from merit_cli.reports.report import Cell, Curve, HeatMap, Point, Series

METRICS_NAME = "metrics.jsonl"


def routing_pictures(run: Path | None) -> tuple[HeatMap | Curve, ...]:
    """Share of the frames by expert and task at the end, and by epoch; none for a run without routers."""
    epochs = list(_epochs(run)) if run else []
    if not epochs:
        return ()
    return (_final_loads(epochs[-1]), *_loads_over_epochs(epochs))


def _epochs(run: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Each epoch with its routing; nothing where the run left none."""
    path = run / METRICS_NAME
    if not path.exists():
        return
    try:
        for _, line in read_lines(path, torn_tail=True):
            routing = line.get("train", {}).get("routing") if line.get("kind") == "epoch" else None
            if routing and routing.get("tasks"):
                yield int(line["epoch"]), routing
    except MeritError:
        return  # a picture less, not a report less


def _final_loads(last: tuple[int, Mapping[str, Any]]) -> HeatMap:
    epoch, routing = last
    tasks = routing["tasks"]
    num_experts = max(len(found["load"]) for found in tasks.values())
    cells = tuple(tuple(Cell(float(share)) for share in found["load"]) for found in tasks.values())
    facts = "; ".join(
        f"{name}: entropy {found['entropy']:.2f} nats, router gradient {found['gradient_norm']:.2g}"
        for name, found in tasks.items()
    )
    overlap = f" The tasks chose the same expert on {100 * routing['overlap']:.0f} % of the frames."
    return HeatMap(
        "Share of the frames that each task sent to each expert",
        f"Training, epoch {epoch}, by the router's first choice. {facts}.{overlap if len(tasks) > 1 else ''}",
        "task",
        "expert",
        tuple(tasks),
        tuple(str(number + 1) for number in range(num_experts)),
        cells,
    )


def _loads_over_epochs(epochs: list[tuple[int, Mapping[str, Any]]]) -> Iterator[Curve]:
    if len(epochs) < 2:
        return
    for task in epochs[-1][1]["tasks"]:
        num_experts = len(epochs[-1][1]["tasks"][task]["load"])
        lines = tuple(
            Series(
                f"expert {number + 1}",
                tuple(Point(float(epoch), Cell(float(one["tasks"][task]["load"][number]))) for epoch, one in epochs),
                number=number,
            )
            for number in range(num_experts)
        )
        yield Curve(f"Use of the experts by {task}", "Training.", "epoch", "share of the frames", lines)
