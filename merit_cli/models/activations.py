"""The activation of a head's hidden layer, by the name that recipes give it."""

from collections.abc import Mapping
from typing import Literal, get_args

from torch import nn

Activation = Literal["relu", "leaky_relu", "gelu", "silu", "mish", "selu", "tanh"]
_KINDS: Mapping[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "mish": nn.Mish,
    "selu": nn.SELU,
    "tanh": nn.Tanh,
}
ACTIVATIONS: tuple[str, ...] = get_args(Activation)


def make_activation(name: Activation) -> nn.Module:
    """The activation of that name.

    >>> make_activation("mish")
    Mish()
    """
    return _KINDS[name]()


def two_layers(
    dim: int, hidden: int, outputs: int, *, dropout: float, activation: Activation = "relu"
) -> nn.Sequential:
    """Dropout, linear, LayerNorm, activation, dropout, linear: what stands behind a pooled vector.

    Source: Tzeng et al. (2025), Lessons learnt, heads of the unimodal and the fused models.

    Args:
        dim: Of the vector.
        hidden: Of the hidden layer.
        outputs: Classes or attributes.
        dropout: Before each of the two linear layers.
        activation: Of the hidden layer.
    """
    return nn.Sequential(
        nn.Dropout(dropout),
        nn.Linear(dim, hidden),
        nn.LayerNorm(hidden),
        make_activation(activation),
        nn.Dropout(dropout),
        nn.Linear(hidden, outputs),
    )
