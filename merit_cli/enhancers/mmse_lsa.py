"""Log-MMSE speech enhancement (MMSE-LSA) with the decision-directed a-priori SNR.

Source: Ephraim and Malah (1985); noise power by Gerkmann and Hendriks (2012).
"""

from typing import ClassVar, Literal

from merit_cli.audio.spectral_gains import GainRule
from merit_cli.enhancers.decision_directed import DecisionDirectedConfig


class MmseLsaConfig(DecisionDirectedConfig):
    """Settings of MMSE-LSA."""

    name: Literal["mmse-lsa"] = "mmse-lsa"
    rule: ClassVar[GainRule] = "log-amplitude"
