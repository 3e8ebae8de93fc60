"""Floating-point operations of the layers of a network, counted while it runs."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn

from merit_cli.models.layer_fusion import WeightedLayerSum

Calls = list[tuple[nn.Module, float]]
Counter = Callable[[Any, Tensor, Tensor], float]
"""Of a module, what it took and what it gave: two operations for a product and its sum."""


def numel(parameters: Iterable[nn.Parameter]) -> int:
    """How many numbers parameters hold."""
    return sum(parameter.numel() for parameter in parameters)


def _linear(module: nn.Linear, _taken: Tensor, given: Tensor) -> float:
    return 2.0 * given.numel() * module.in_features


def _convolution(module: Any, _taken: Tensor, given: Tensor) -> float:
    products: int = given.numel() * module.weight[0].numel()
    return 2.0 * products


def _transposed(module: Any, taken: Tensor, _given: Tensor) -> float:
    products: int = taken.numel() * module.weight[0].numel()
    return 2.0 * products


def _recurrent(module: nn.RNNBase, taken: Tensor, _given: Tensor) -> float:
    steps = taken.numel() / taken.shape[-1]
    return 2.0 * steps * numel(one for one in module.parameters() if one.ndim > 1)


def _layer_sum(_module: nn.Module, taken: Tensor, _given: Tensor) -> float:
    return 2.0 * taken.numel()


COUNTERS: tuple[tuple[type | tuple[type, ...], Counter], ...] = (
    (nn.Linear, _linear),
    ((nn.Conv1d, nn.Conv2d), _convolution),
    ((nn.ConvTranspose1d, nn.ConvTranspose2d), _transposed),
    (nn.RNNBase, _recurrent),
    (WeightedLayerSum, _layer_sum),
)


@contextmanager
def counted(model: nn.Module) -> Iterator[Calls]:
    """The operations of each call of a layer that is counted, while it lasts."""
    calls: Calls = []
    handles = []
    for module in model.modules():
        for kind, count in COUNTERS:
            if isinstance(module, kind):
                handles.append(module.register_forward_hook(_noting(calls, count)))
    try:
        yield calls
    finally:
        for handle in handles:
            handle.remove()


def _noting(calls: Calls, count: Counter) -> Callable[..., None]:
    def note(module: nn.Module, inputs: tuple[Tensor, ...], output: Any) -> None:
        given = output[0] if isinstance(output, tuple) else output
        calls.append((module, count(module, inputs[0], given)))

    return note
