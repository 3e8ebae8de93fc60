"""Each task's load of the experts over an evaluation: all of it, by SNR, by noise and by label."""

from collections.abc import Sequence

from merit_cli.reports.report import Cell, HeatMap
from merit_cli.workflows.evaluate.groups import Grouping
from merit_cli.workflows.evaluate.routed import RoutedUtterances

MOST_GROUPS = 30
"""A grouping with more groups than this, such as speakers, has its line in the table but no picture."""
MOST_COLUMNS = 12
"""With more columns than this each task has a picture of its own."""


def routed_pictures(routed: RoutedUtterances) -> tuple[HeatMap, ...]:
    """The load of each task, then that in each group of each grouping that has few enough."""
    groupings = [one for one in routed.groupings if one.key != "speaker" and len(routed.groups(one)) <= MOST_GROUPS]
    tasks = tuple(routed.load_UE)
    is_narrow = len(tasks) * routed.num_experts <= MOST_COLUMNS
    parts = [tasks] if is_narrow else [(task,) for task in tasks]
    return (_by_task(routed), *(_by_group(routed, grouping, part) for grouping in groupings for part in parts))


def _by_task(routed: RoutedUtterances) -> HeatMap:
    tasks = tuple(routed.load_UE)
    together = f" The tasks share {100 * routed.mean(routed.overlap_U):.0f} % of their choices of a frame."
    frames = f"{routed.frames_U.sum():,.0f}".replace(",", "\N{NARROW NO-BREAK SPACE}")
    return HeatMap(
        "Who sends how much to which expert",
        f"Share of each task's choices in per cent, {frames} frames of {len(routed.utterances)} utterances; "
        f"{100 / routed.num_experts:.3g} % each would be even." + (together if len(tasks) > 1 else ""),
        "task",
        "expert",
        tasks,
        _numbers(routed),
        tuple(_cells(routed, task, range(len(routed.utterances))) for task in tasks),
    )


def _by_group(routed: RoutedUtterances, grouping: Grouping, tasks: Sequence[str]) -> HeatMap:
    groups = routed.groups(grouping)
    whose = f" of {tasks[0]}" if len(tasks) < len(routed.load_UE) else ""
    counts = [len(members) for _, members in groups]
    number = f"{min(counts)} to {max(counts)}" if min(counts) < max(counts) else str(counts[0])
    return HeatMap(
        f"Experts{whose} by {grouping.heading.removesuffix(' (dB)')}",
        f"Share of each task's choices in per cent over {number} utterances a row.",
        grouping.heading,
        "expert",
        tuple(name for name, _ in groups),
        _numbers(routed) * len(tasks),
        tuple(tuple(cell for task in tasks for cell in _cells(routed, task, members)) for _, members in groups),
        spans=tuple((f"expert of {task}", routed.num_experts) for task in tasks),
    )


def _cells(routed: RoutedUtterances, task: str, members: Sequence[int]) -> tuple[Cell, ...]:
    return tuple(Cell(100.0 * float(share), unit="%") for share in routed.load(task, members))


def _numbers(routed: RoutedUtterances) -> tuple[str, ...]:
    return tuple(str(number + 1) for number in range(routed.num_experts))
