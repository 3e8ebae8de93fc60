"""When not to answer: too little breathing in the clip, or a classifier that is unsure.

Two thresholds, both found on dev: the breath-band level swing (`audio.breath_quality`) and the
probability of the likeliest class. Each refuses half of the share of dev cycles that may go
unanswered; neither has seen test.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

NO_BREATH = "background only or too noisy"
UNSURE = "classifier unsure"


@dataclass(frozen=True)
class AbstainRule:
    """Thresholds under which no answer is given.

    Args:
        min_swing_db: Of the breath-band level swing, in dB.
        min_probability: Of the likeliest class.
    """

    min_swing_db: float
    min_probability: float

    def reason(self, swing_db: float, probability: float) -> str:
        """Why there is no answer; empty where there is one.

        >>> AbstainRule(6.0, 0.4).reason(3.0, 0.9)
        'background only or too noisy (swing 3.0 dB, needs 6.0)'
        """
        if swing_db < self.min_swing_db:
            return f"{NO_BREATH} (swing {swing_db:.1f} dB, needs {self.min_swing_db:.1f})"
        if probability < self.min_probability:
            return f"{UNSURE} (probability {probability:.2f}, needs {self.min_probability:.2f})"
        return ""


def fit_abstention(swings_db: Sequence[float], probabilities: Sequence[float], *, answered: float) -> AbstainRule:
    """The rule that answers at least the share ``answered`` of these dev cycles.

    >>> fit_abstention([5.0, 9.0, 9.0, 9.0], [0.9, 0.3, 0.9, 0.9], answered=0.5)
    AbstainRule(min_swing_db=9.0, min_probability=0.9)
    """
    each = (1.0 - answered) / 2.0
    swing = _threshold(swings_db, each)
    return AbstainRule(swing, _threshold(probabilities, each))


def _threshold(values: Sequence[float], refused: float) -> float:
    """The largest value that at most a share ``refused`` of ``values`` lies under."""
    ordered = np.sort(np.asarray(values, dtype=np.float64))
    return float(ordered[min(int(np.floor(refused * len(ordered) + 1e-9)), len(ordered) - 1)])
