"""What ends a training run whose routers do not route."""

from pathlib import Path

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
    is_frozen = all(record.routing.gradient_norms.get(task, 0.0) == 0.0 for task in routers)
    collapsed = record.routing.collapsed()
    if strict and routers and not is_frozen and collapsed:
        experts = ", ".join(str(expert) for expert in collapsed)
        raise CheckFailed(
            f"expert {experts} got under 1 % of the frames of epoch {record.epoch}",
            place=str(run),
            hint="raise objective.balance_weight, or go on by the same command without --strict-routing",
        )


def _learning_routers(model: nn.Module) -> dict[str, Router]:
    """Task to its router, those left out that are not meant to spread frames."""
    if any(isinstance(module, LayerSumExpert) for module in model.modules()):
        return {}
    return {
        task: router
        for task, router in routers_of(model).items()
        if router.linear.weight.requires_grad and router.linear.out_features > 1
    }
