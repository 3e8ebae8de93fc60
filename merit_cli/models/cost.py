"""What a model costs: parameters in all and at work for a task, and arithmetic for a second of audio.

Shape suffixes: B batch, N samples, L layers, T frames, D features, X fused features, U rows, K chosen.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from merit_cli.carriers import EncoderShape, MultiTaskOutput
from merit_cli.models.experts import ExpertPool, LayerSumExpert
from merit_cli.models.operations import counted, numel
from merit_cli.models.routing import FixedRouter, Router
from merit_cli.models.sparse_merit import ExpertBlock
from merit_cli.models.waveform_model import WaveformModel, hears_waveform
from merit_cli.units import Seconds, seconds_to_samples

SAMPLE_RATE = 16000
TOGETHER = "together"
"""Key of the cost of all tasks in one pass."""


@dataclass(frozen=True)
class Cost:
    """What a model costs, the encoder in front left out.

    Args:
        total_parameters: All of them.
        active_parameters: Task to those that work on one of its frames, its router included.
        flops_per_second: Task, and `TOGETHER`, to floating-point operations (two for a product and its sum) of a
            forward pass for a second of audio, in linear, convolutional and recurrent layers and sums of layers.
            Together, an expert runs once for a frame of both tasks: as often as with independent uniform routers.
    """

    total_parameters: int
    active_parameters: Mapping[str, int]
    flops_per_second: Mapping[str, float]


def cost_of(config: Any, encoder: EncoderShape, *, num_classes: int, duration: Seconds = Seconds(4.0)) -> Cost:
    """The cost of the model that a config builds; no weight is drawn, so the paper's sizes take seconds.

    Args:
        config: Of a registered model.
        encoder: In front of it; has no effect on a network of waveforms.
        num_classes: C.
        duration: Of the signal that is counted on; what an utterance needs once is spread over it.
    """
    with torch.device("meta"):
        model = WaveformModel(config.build()) if hears_waveform(config) else config.build(encoder, num_classes)
    return measure_cost(model.to_empty(device="cpu").eval(), encoder, duration=duration)


def measure_cost(model: nn.Module, encoder: EncoderShape, *, duration: Seconds = Seconds(4.0)) -> Cost:
    """The cost of a model on the CPU, counted on one forward pass of it."""
    num_samples = seconds_to_samples(duration, SAMPLE_RATE)
    features_BLTD = torch.zeros(1, encoder.num_layers, encoder.num_frames(num_samples), encoder.dim)
    with counted(model) as calls:
        output: MultiTaskOutput = model(features_BLTD, torch.zeros(1, num_samples), torch.tensor([num_samples]))
    ends = {"enhancement": output.enhanced_BN, "emotion": output.emotion_logits_BC}
    reach = {task: _reached(end) for task, end in ends.items() if end is not None}
    blocks = [module for module in model.modules() if isinstance(module, ExpertBlock)]
    by_router = {id(p) for block in blocks for p in (*block.routers.parameters(), *block.experts.parameters())}
    own = {task: numel(p for p in model.parameters() if id(p) in reach[task] - by_router) for task in reach}
    flops = {task: sum(count for module, count in calls if _works(module, reach[task], by_router)) for task in reach}
    flops[TOGETHER] = sum(count for module, count in calls if _works(module, set().union(*reach.values()), by_router))
    for block in blocks:
        num_frames = features_BLTD.shape[2]
        own = {task: count + _active_in(block, task) for task, count in own.items()}
        flops = {task: count + num_frames * _flops_in(block, task) for task, count in flops.items()}
    return Cost(numel(model.parameters()), own, {task: count / duration for task, count in flops.items()})


def cost_table(costs: Mapping[str, Cost]) -> str:
    """A Markdown table with a row for each model, parameters in millions and GFLOP/s of audio.

    >>> print(cost_table({"ser": Cost(2_000_000, {"emotion": 2_000_000}, {"emotion": 3e8, TOGETHER: 3e8})}))
    | model | parameters (M) | active: enhancement | active: emotion | GFLOP/s: enhancement | emotion | together |
    |---|---|---|---|---|---|---|
    | ser | 2.000 |  | 2.000 |  | 0.300 | 0.300 |
    """
    tasks = ("enhancement", "emotion")
    names = ["model", "parameters (M)", *(f"active: {task}" for task in tasks), "GFLOP/s: enhancement", "emotion"]
    lines = ["| " + " | ".join([*names, TOGETHER]) + " |", "|---" * (len(names) + 1) + "|"]
    for name, cost in costs.items():
        active = [_cell(cost.active_parameters.get(task), 1e6) for task in tasks]
        flops = [_cell(cost.flops_per_second.get(task), 1e9) for task in (*tasks, TOGETHER)]
        lines.append("| " + " | ".join([name, _cell(cost.total_parameters, 1e6), *active, *flops]) + " |")
    return "\n".join(lines)


def expected_union(num_experts: int, experts_run: Iterable[int]) -> float:
    """Mean number of different experts that a frame needs, with independent uniform routers.

    The limit of what sparse dispatch saves is ``num_experts`` over it.

    >>> round(3 / expected_union(3, [1, 1]), 2), round(8 / expected_union(8, [1, 1]), 2)
    (1.8, 4.27)
    """
    return num_experts * (1.0 - math.prod(1.0 - run / num_experts for run in experts_run))


def _cell(value: float | None, unit: float) -> str:
    return "" if value is None else f"{value / unit:.3f}"


def _active_in(block: ExpertBlock, task: str) -> int:
    """Parameters of a task's router and of the experts that it runs on one frame."""
    router, experts = block.routers[task], block.experts.experts
    assert isinstance(router, Router | FixedRouter), type(router)
    return numel(router.parameters()) + router.experts_run * numel(experts.parameters()) // len(experts)


def _flops_in(block: ExpertBlock, task: str) -> float:
    """Operations on one frame by a task's router and its experts, or by all routers and the union of experts."""
    pool = block.experts
    routers: dict[str, Any] = dict(block.routers.items())
    routers = routers if task == TOGETHER else {task: routers[task]}
    choosing = sum(2.0 * one.linear.weight.numel() for one in routers.values() if isinstance(one, Router))
    runs = [one.experts_run for one in routers.values()]
    is_fixed = all(isinstance(one, FixedRouter) for one in routers.values())
    union = len({one.expert for one in routers.values()}) if is_fixed else expected_union(len(pool.experts), runs)
    return choosing + union * _flops_of_expert(pool)


def _flops_of_expert(pool: ExpertPool) -> float:
    expert = next(iter(pool.experts))
    if isinstance(expert, LayerSumExpert):
        return 2.0 * expert.weight_L.numel() * expert.dim
    return 2.0 * sum(layer.weight.numel() for layer in expert.modules() if isinstance(layer, nn.Linear))


def _works(module: nn.Module, reach: set[int], by_router: set[int]) -> bool:
    parameters = {id(parameter) for parameter in module.parameters(recurse=False)}
    return bool(parameters & reach) and not parameters & by_router


def _reached(end: Tensor) -> set[int]:
    """Ids of the parameters that a tensor was made with, found in its graph."""
    found, seen, todo = set(), set(), [end.grad_fn]
    while todo:
        node = todo.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if hasattr(node, "variable"):  # a leaf
            found.add(id(node.variable))
        todo.extend(parent for parent, _ in node.next_functions)
    return found
