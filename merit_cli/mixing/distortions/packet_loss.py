"""Packets that never arrive, one by one or in bursts (the model of Gilbert, 1960).

Two states: in the bad one a packet is lost. With a share of loss p and bursts of b packets on average,
bad turns good with probability 1 / b, and good turns bad with p / (b (1 - p)), which makes p the share
of time spent in the bad state. Without bursts each packet is lost with probability p.
"""

from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
from pydantic import BeforeValidator, Field, model_validator

from merit_cli.mixing.distortions.amounts import Amount, draw_amount, draw_seed, limits, within
from merit_cli.mixing.distortions.contract import DistortionConfig, Place, Uniform, WideArray
from merit_cli.mixing.draws import Draws

Concealment = Literal["zero", "repeat"]
_REPEAT_DECAY = 0.5
"""A packet is repeated at its own level first, then each time with this much of the level before."""


class PacketLossConfig(DistortionConfig):
    """Packets that never arrive.

    Args:
        where: The target never has it.
        loss: Share of packets, a number or [low, high].
        burst: Mean number of packets lost in a row; None loses them independently.
        packet_ms: Length of a packet.
        concealment: ``zero`` leaves a gap; ``repeat`` plays the last packet again, first as loud as it was,
            then at half the amplitude of the time before.
    """

    name: Literal["packet_loss"] = "packet_loss"
    where: Place = "noisy"
    loss: Annotated[Amount, BeforeValidator(within(0.0, 0.95))] = (0.02, 0.2)
    burst: Annotated[Amount, BeforeValidator(within(1.0, 100.0, unit="packets"))] | None = None
    packet_ms: float = Field(default=20.0, ge=1.0, le=1000.0)
    concealment: Concealment = "zero"

    @model_validator(mode="after")
    def _can_lose_so_much(self) -> "PacketLossConfig":
        if self.burst is not None:
            most = limits(self.loss)[1]
            if most / (1.0 - most) > limits(self.burst)[0]:
                raise ValueError(f"a loss of {most:g} needs bursts of at least {most / (1.0 - most):.3g} packets")
        return self

    def draw_parameters(self, uniform: Uniform) -> dict[str, float | int | str]:
        """Loss, burst where there are any, and the seed that says which packets."""
        loss, burst, seed = draw_amount(self.loss, uniform), draw_amount(self.burst or 0.0, uniform), draw_seed(uniform)
        bursts = {"burst": burst} if burst else {}
        return {"loss": loss, **bursts, "packet_ms": self.packet_ms, "concealment": self.concealment, "seed": seed}


def lose_packets(
    samples_N: WideArray,
    sample_rate: int,
    *,
    loss: float,
    packet_ms: float,
    concealment: Concealment,
    seed: int,
    burst: float | None = None,
) -> WideArray:
    """``samples_N`` with packets missing, or replaced by the last that arrived."""
    length = max(1, round(packet_ms * sample_rate / 1000.0))
    lost = lost_packets(-(-samples_N.size // length), loss=loss, burst=burst, seed=seed)
    heard = samples_N.copy()
    last, gain = -1, 1.0
    for packet, is_lost in enumerate(lost):
        start = packet * length
        if not is_lost:
            last, gain = packet, 1.0
            continue
        here = heard[start : start + length]
        if concealment == "zero" or last < 0:
            here[:] = 0.0
        else:
            here[:] = gain * samples_N[last * length : last * length + here.size]
            gain *= _REPEAT_DECAY
    return heard


def lost_packets(count: int, *, loss: float, burst: float | None, seed: int) -> npt.NDArray[np.bool_]:
    """Which of ``count`` packets are lost.

    >>> lost_packets(4, loss=0.0, burst=None, seed=1).tolist()
    [False, False, False, False]
    """
    draws = Draws(seed, "packets")
    if burst is None:
        return np.array([draws.uniform() < loss for _ in range(count)], dtype=bool)
    leave, enter = 1.0 / burst, loss / (burst * (1.0 - loss))
    lost, bad = np.zeros(count, dtype=bool), draws.uniform() < loss
    for packet in range(count):
        lost[packet] = bad
        bad = draws.uniform() >= leave if bad else draws.uniform() < enter
    return lost
