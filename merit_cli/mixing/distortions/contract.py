"""What all distortions share: the settings of a link, and what is drawn from them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from pydantic import Field

from merit_cli.config.frozen import FrozenConfig
from merit_cli.errors import BadData

WideArray = npt.NDArray[np.float64]
Uniform = Callable[[], float]
"""The next number in [0, 1) of a stream."""
Place = Literal["speech", "noise", "noisy"]
Parameters = Mapping[str, Any]  # Any: JSON data of each kind's own


class DistortionConfig(FrozenConfig):
    """Settings of one link of the chain; each kind narrows ``name`` and ``where`` and adds its own.

    A kind takes the same count of numbers from the stream whatever its settings, so that one link's
    settings do not change what the others draw.

    Args:
        name: Of the kind.
        where: What it is done to.
        probability: Share of mixtures that meet it.
    """

    name: str
    where: Place
    probability: float = Field(default=1.0, ge=0.0, le=1.0)

    def draw_parameters(self, uniform: Uniform) -> dict[str, Any]:
        """Numbers for the ranges, as JSON data."""
        raise NotImplementedError

    def check(self) -> None:
        """Refuse, before the first mixture, what this machine cannot do.

        Raises:
            MeritError: A file, a program or an extra is missing.
        """


@dataclass(frozen=True)
class Drawn:
    """A distortion with nothing left open, as a manifest keeps it.

    Args:
        name: Of the kind.
        where: What it is done to.
        parameters: JSON data, enough to do it again.
    """

    name: str
    where: Place
    parameters: Parameters

    def to_line(self) -> dict[str, Any]:
        """As JSON data.

        >>> Drawn("gain", "noisy", {"gain_db": -3.0}).to_line()
        {'name': 'gain', 'where': 'noisy', 'gain_db': -3.0}
        """
        return {"name": self.name, "where": self.where, **self.parameters}

    @classmethod
    def from_line(cls, line: Parameters) -> "Drawn":
        """From JSON data.

        Raises:
            BadData: ``name`` or ``where`` is missing.
        """
        rest = dict(line)
        try:
            return cls(rest.pop("name"), rest.pop("where"), rest)
        except KeyError as error:
            raise BadData(
                f"a recorded distortion lacks {error}", hint="it needs name, where and its parameters"
            ) from None


class Response(NamedTuple):
    """An impulse response (M,).

    Args:
        taps_M: The whole.
        direct: Index of the direct sound.
        early_end: First index that is no longer early.
    """

    taps_M: WideArray
    direct: int
    early_end: int
