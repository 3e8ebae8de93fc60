"""The enhancer that changes nothing: the row every table is compared with."""

from typing import ClassVar, Literal

import numpy as np

from merit_cli.enhancers.contract import (
    CHUNK,
    Engine,
    Engineering,
    Enhancer,
    EnhancerConfig,
    FloatArray,
    Kind,
    finite_peak,
)
from merit_cli.units import Seconds


class IdentityEngine:
    """Gives back what it is given; also the enhancer itself, so that not one bit changes with the level."""

    sample_rate: int | None = None
    delay = 0
    streams = True

    def process(self, noisy_N: FloatArray, sample_rate: int) -> FloatArray:
        """A copy of the signal.

        Raises:
            BadData: A sample is NaN or infinite.
        """
        finite_peak(noisy_N)
        return noisy_N.astype(np.float32)

    __call__ = process


class IdentityConfig(EnhancerConfig):
    """No enhancement."""

    name: Literal["identity"] = "identity"
    kind: ClassVar[Kind] = "none"

    def engine(self) -> Engine:
        """The engine that copies."""
        return IdentityEngine()

    def build(self, *, chunk: Seconds = CHUNK, engineering: Engineering = Engineering()) -> Enhancer:
        """The enhancer without a change of level, which would round."""
        return IdentityEngine()
