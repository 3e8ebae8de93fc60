"""How sure and how even the routers of an evaluation are, and what their choices tell."""

import math
from collections.abc import Iterator

from merit_cli.metrics.information import entropy_of
from merit_cli.reports.report import Cell, Column, Entry, Table
from merit_cli.workflows.evaluate.routed import RoutedUtterances
from merit_cli.workflows.evaluate.routed_information import (
    SHUFFLES,
    Information,
    information_about,
    information_about_task,
)

LEAST_ENTROPY = 1e-9
"""Below this a router has one expert only, and its choice can tell nothing."""


def routed_tables(routed: RoutedUtterances) -> tuple[Table, ...]:
    """Entropies and loads of each router; and the mutual information of its choice with all that is known."""
    return (_routers(routed), _information(routed))


def _routers(routed: RoutedUtterances) -> Table:
    num_experts = routed.num_experts
    rows = tuple(tuple(_router_row(routed, task)) for task in routed.load_UE)
    shared = f" Of a frame's choices the tasks share {100 * routed.mean(routed.overlap_U):.1f} %."
    return Table(
        "Routers",
        f"Over all frames of {len(routed.utterances)} utterances. Entropy of a frame: of its probabilities, 0 where "
        f"one expert gets all, ln {num_experts} = {math.log(num_experts):.3f} nats where all get alike. Entropy of the "
        "load: of the shares over all frames; its exponential is the number of experts in use."
        + (shared if len(rows) > 1 else ""),
        (
            Column("router"),
            Column("entropy of a frame", "nats"),
            Column("entropy of the load", "nats"),
            Column("experts in use"),
            Column("largest share", "%"),
            Column("smallest share", "%"),
        ),
        rows,
    )


def _router_row(routed: RoutedUtterances, task: str) -> Iterator[Entry]:
    load = routed.load(task).tolist()
    entropy = entropy_of(load)
    count = len(routed.utterances)
    yield task
    yield Cell(routed.mean(routed.entropy_U[task]), n_scored=count, n_total=count)
    yield Cell(entropy, n_scored=count, n_total=count)
    yield Cell(math.exp(entropy), n_scored=count, n_total=count)
    yield Cell(100.0 * max(load), unit="%", n_scored=count, n_total=count)
    yield Cell(100.0 * min(load), unit="%", n_scored=count, n_total=count)


def _information(routed: RoutedUtterances) -> Table:
    return Table(
        "What the choice of expert tells",
        "Mutual information of the expert of a frame with each fact, in nats: 0 where the choice tells nothing. By "
        f"chance: mean and 95 % range over {SHUFFLES} random dealings of the fact, among recordings or noises as "
        "wholes where it is theirs; a value within that range shows nothing. Of the most: in per cent of the smaller "
        "entropy of the two.",
        (
            Column("about"),
            Column("router"),
            Column("mutual information", "nats"),
            Column("by chance", "nats"),
            Column("of the most", "%"),
        ),
        tuple(_information_rows(routed)),
    )


def _information_rows(routed: RoutedUtterances) -> Iterator[tuple[Entry, ...]]:
    total = len(routed.utterances)
    if len(routed.load_UE) > 1:
        yield ("task", "both", *_information_cells(information_about_task(routed), total))
    for grouping in routed.groupings:
        for task in routed.load_UE:
            found = information_about(routed, grouping, task)
            yield (grouping.heading.removesuffix(" (dB)"), task, *_information_cells(found, total))


def _information_cells(found: Information, total: int) -> Iterator[Cell]:
    count = found.num_utterances
    share = 100.0 * found.value / found.most if found.most > LEAST_ENTROPY else None
    remark = "one expert only" if share is None else ""
    yield Cell(found.value, n_scored=count, n_total=total)
    yield Cell(found.by_chance, found.low, found.high, n_scored=count, n_total=total)
    yield Cell(share, unit="%", n_scored=count, n_total=total, remark=remark)
