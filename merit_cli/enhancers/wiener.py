"""Wiener filter on the decision-directed a-priori SNR.

Source: Scalart and Filho (1996), "Speech enhancement based on a priori signal to noise estimation", and
Ephraim and Malah (1984), eq. 51; noise power by Gerkmann and Hendriks (2012).
"""

from typing import ClassVar, Literal

from pydantic import Field

from merit_cli.audio.spectral_gains import GainRule
from merit_cli.enhancers.decision_directed import DecisionDirectedConfig


class WienerConfig(DecisionDirectedConfig):
    """Settings of the Wiener filter.

    Args:
        smoothing: As for the others; this gain is the lowest of the three, so it looks back less.
        min_gain_db: Floor of the gain.
    """

    name: Literal["wiener"] = "wiener"
    rule: ClassVar[GainRule] = "wiener"
    smoothing: float = Field(0.92, ge=0.0, lt=1.0)
    min_gain_db: float = Field(-20.0, le=0.0, ge=-120.0)
