"""What is said of a training run whose routers do not route, and what ends it.

People count experts from 1, as reports do; metrics.jsonl counts them from 0.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import nn

from merit_cli.errors import CheckFailed
from merit_cli.models.experts import LayerSumExpert
from merit_cli.models.routing import Router
from merit_cli.training.epoch_record import EpochRecord
from merit_cli.training.gradients import routers_of


def check_routers(record: EpochRecord, model: nn.Module, *, strict: bool, run: Path) -> None:
    """Refuse routers that learned nothing from their task in a whole epoch and, if ``strict``, collapsed experts.

    Exempt are routers that are frozen or have one expert, and experts that sum layers: such models are controls.

    Args:
        record: Of the finished epoch.
        model: With the routers.
        strict: Whether an expert under 1 % of the frames fails.
        run: Named in the error.

    Raises:
        CheckFailed: A router's task never sent it a gradient though it should, or an expert is collapsed.
    """
    routers = _learning_routers(model)
    for task, router in routers.items():
        if router.router_grad != "none" and record.router_reach.get(task) == 0.0:
            raise CheckFailed(
                f"the router of {task} got no gradient from its task in epoch {record.epoch}",
                place=str(run),
                hint="its probabilities may be saturated: raise objective.router_z_weight, or say router_grad: none",
            )
    collapsed = _collapsed(record, routers)
    if strict and collapsed:
        raise CheckFailed(
            f"{_named(collapsed, model)} got under 1 % of the frames of epoch {record.epoch}",
            place=str(run),
            hint="raise objective.balance_weight, or go on by the same command without --strict-routing",
        )


def collapse_warning(record: EpochRecord, model: nn.Module, known: set[int]) -> str | None:
    """A sentence, as the epoch ends, for the experts that collapsed and were not said before.

    Args:
        record: Of the finished epoch.
        model: With the routers.
        known: Experts that were said; those of this sentence are added.
    """
    new = [expert for expert in _collapsed(record, _learning_routers(model)) if expert not in known]
    known.update(new)
    if not new:
        return None
    who = f"{_named(new, model)} got under 1 % of the frames of epoch {record.epoch}"
    return f"COLLAPSED ROUTER: {who}; --strict-routing ends such a run"


def _collapsed(record: EpochRecord, routers: Mapping[str, Router]) -> list[int]:
    """Experts under 1 % of the epoch's frames; none of routers that had no gradient at all."""
    if all(record.routing.gradient_norms.get(task, 0.0) == 0.0 for task in routers):
        return []
    return record.routing.collapsed()


def collapse_notes(epochs: Mapping[int, Mapping[str, Any]], model: nn.Module) -> list[str]:
    """A sentence for the experts that were hardly used in the same epochs; the exempt of `check_routers` have none.

    Args:
        epochs: Number of each finished epoch to its routing, as `RoutingUsage.summary` gave it.
        model: With the routers.
    """
    routers = _learning_routers(model)
    where: dict[int, list[int]] = {}
    for epoch, routing in epochs.items():
        if any(routing["tasks"][task]["gradient_norm"] > 0.0 for task in routers if "tasks" in routing):
            for expert in routing["collapsed"]:
                where.setdefault(expert, []).append(epoch)
    together: dict[tuple[int, ...], list[int]] = {}
    for expert, found in sorted(where.items()):
        together.setdefault(tuple(found), []).append(expert)
    return [
        f"COLLAPSED ROUTER: {_named(experts, model)} got under 1 % of the frames in {_counted(found, len(epochs))}."
        for found, experts in together.items()
    ]


def _named(experts: Sequence[int], model: nn.Module) -> str:
    total = next(iter(routers_of(model).values())).linear.out_features
    numbers = ", ".join(str(expert + 1) for expert in experts)
    return f"expert{'s' if len(experts) > 1 else ''} {numbers} of {total}"


def _counted(epochs: Sequence[int], total: int) -> str:
    """Which of the run's epochs, or how many where they are many.

    >>> _counted([2, 5], 20), _counted([1, 2, 3, 4, 9], 20)
    ('epoch 2, 5 of 20', '5 of 20 epochs, the last of them 9')
    """
    if len(epochs) > 4:
        return f"{len(epochs)} of {total} epochs, the last of them {epochs[-1]}"
    return f"epoch {', '.join(map(str, epochs))} of {total}"


def _learning_routers(model: nn.Module) -> dict[str, Router]:
    """Task to its router, those left out that are not meant to spread frames."""
    if any(isinstance(module, LayerSumExpert) for module in model.modules()):
        return {}
    return {
        task: router
        for task, router in routers_of(model).items()
        if router.linear.weight.requires_grad and router.linear.out_features > 1
    }
