"""How much of a pretrained encoder learns, and when: frozen, its last layers, all of it, layer by layer, or LoRA.

An encoder's stages are counted from its input: 0 is what comes before the transformer, i its i-th layer. What does not
learn is in evaluation mode, without dropout.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn.utils import parametrize

from merit_cli.config.frozen import FrozenConfig
from merit_cli.errors import UsageError


class LoraConfig(FrozenConfig):
    """Low-rank updates of frozen weights.

    Args:
        rank: r.
        alpha: The update is multiplied with alpha / r.
        targets: Last names of the linear layers that get one; queries and values of the encoders known here.
    """

    rank: int = Field(default=8, ge=1)
    alpha: float = Field(default=16.0, gt=0.0)
    targets: tuple[str, ...] = Field(default=("q_proj", "v_proj", "query", "value"), min_length=1)


class TuningConfig(FrozenConfig):
    """What of an encoder is trained.

    Args:
        trainable: Whether any of it is; nothing of a convolutional front end ever is.
        tuned_layers: Only the last so many transformer layers; None tunes all, and what comes before them.
        unfreeze_every: Gradual unfreezing: nothing for so many epochs, then one stage more from the top after as many
            each (Howard and Ruder, 2018, section 3.3); None tunes all of the above from the start.
        lora: Low-rank updates in place of the layers' weights; None tunes the weights.
    """

    trainable: bool = False
    tuned_layers: int | None = Field(default=None, ge=1)
    unfreeze_every: int | None = Field(default=None, ge=1)
    lora: LoraConfig | None = None

    @model_validator(mode="after")
    def _needs_training(self) -> Self:
        asked = [name for name in ("tuned_layers", "unfreeze_every", "lora") if getattr(self, name) is not None]
        if asked and not self.trainable:
            raise ValueError(f"{asked[0]} says how an encoder is trained: set trainable true too")
        return self


class LowRankUpdate(nn.Module):
    """W + alpha / r B A of a frozen weight W, with B zero at the start.

    Source: Hu et al. (2022), LoRA, eq. 3.

    Args:
        weight: W, (out, in).
        config: Rank and scale.
    """

    def __init__(self, weight: Tensor, config: LoraConfig) -> None:
        super().__init__()
        self.down = nn.Parameter(torch.empty(config.rank, weight.shape[1]))
        self.up = nn.Parameter(torch.zeros(weight.shape[0], config.rank))
        nn.init.kaiming_uniform_(self.down, a=5**0.5)
        self.scale = config.alpha / config.rank

    def forward(self, weight: Tensor) -> Tensor:
        """The updated weight."""
        return weight + self.scale * (self.up @ self.down)


class TunedEncoder(nn.Module):
    """A pretrained encoder of which all, some or none learns.

    Args:
        encoder: The network.
        layers: Its transformer layers, from the input up.
        tuning: What of it learns.
        never: Beginnings of the names of parameters that never do.
    """

    def __init__(
        self, encoder: Any, layers: Iterable[nn.Module], tuning: TuningConfig, *, never: Sequence[str]
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.trainable = tuning.trainable
        self._every, self._layers = tuning.unfreeze_every, tuple(layers)  # a tuple, so that no weight is named twice
        num_tuned = len(self._layers) if tuning.tuned_layers is None else tuning.tuned_layers
        if num_tuned > len(self._layers):
            raise UsageError(
                f"the encoder has {len(self._layers)} layers, of which {num_tuned} are to be tuned",
                place="tuned_layers",
                hint=f"give 1 to {len(self._layers)}, or leave it out to tune all",
            )
        tuned = self._layers[len(self._layers) - num_tuned :]
        encoder.requires_grad_(tuning.trainable and tuning.tuned_layers is None)
        for layer in tuned:
            layer.requires_grad_(tuning.trainable)
        if tuning.lora is not None:
            encoder.requires_grad_(False)
            _add_updates(tuned, tuning.lora)
        for name, parameter in encoder.named_parameters():
            if name.startswith(tuple(never)):
                parameter.requires_grad_(False)
        self._tuned = {name for name, one in encoder.named_parameters() if one.requires_grad}
        self._open = 0
        self.train()

    def stages(self) -> list[list[nn.Parameter]]:
        """Parameters that learn in some epoch, by stage from the input up."""
        stage_of = {id(one): n for n, layer in enumerate(self._layers, start=1) for one in layer.parameters()}
        stages: list[list[nn.Parameter]] = [[] for _ in range(len(self._layers) + 1)]
        for name, parameter in self.encoder.named_parameters():
            if name in self._tuned:
                stages[stage_of.get(id(parameter), 0)].append(parameter)
        return stages

    def set_epoch(self, epoch: int) -> None:
        """Open the stages that learn in an epoch, from 1, and close the others; a function of the epoch alone."""
        stages = self.stages()
        self._open = 0 if self._every is None else max(0, len(stages) - (epoch - 1) // self._every)
        for number, stage in enumerate(stages):
            for parameter in stage:
                parameter.requires_grad_(number >= self._open)

    def train(self, mode: bool = True) -> Self:  # noqa: FBT001, FBT002 - torch's signature
        """Training mode of what learns; the rest stays in evaluation mode, without dropout."""
        super().train(mode and self.trainable)
        if not (mode and self.trainable):
            return self
        learning = [number for number, stage in enumerate(self.stages()) if stage and number >= self._open]
        lowest = min(learning, default=len(self._layers) + 1)
        if lowest > 0:
            self.encoder.eval()
            for layer in self._layers[lowest - 1 :]:
                layer.train()
        return self


def _add_updates(layers: Sequence[nn.Module], config: LoraConfig) -> None:
    """Give each target in the layers its low-rank update.

    Raises:
        UsageError: No layer has a target.
    """
    modules = [(name.rsplit(".", 1)[-1], one) for layer in layers for name, one in layer.named_modules()]
    linear = [(name, one) for name, one in modules if isinstance(one, nn.Linear)]
    chosen = [one for name, one in linear if name in config.targets]
    if not chosen:
        raise UsageError(
            f"no linear layer of the encoder is called {' or '.join(config.targets)}",
            place="lora.targets",
            hint=f"there are: {', '.join(sorted({name for name, _ in linear}))}",
        )
    for one in chosen:
        parametrize.register_parametrization(one, "weight", LowRankUpdate(one.weight, config))
