"""MMSE estimate of the short-time spectral amplitude (MMSE-STSA) with the decision-directed a-priori SNR.

Source: Ephraim and Malah (1984), without their weight for an absent signal; noise power by Gerkmann and
Hendriks (2012).
"""

from typing import ClassVar, Literal

from merit_cli.audio.spectral_gains import GainRule
from merit_cli.enhancers.decision_directed import DecisionDirectedConfig


class MmseStsaConfig(DecisionDirectedConfig):
    """Settings of MMSE-STSA."""

    name: Literal["mmse-stsa"] = "mmse-stsa"
    rule: ClassVar[GainRule] = "amplitude"
