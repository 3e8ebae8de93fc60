"""How much of a breath sound's energy an enhancer leaves: what it takes for noise, it takes from a diagnosis."""

import numpy as np

from merit_cli.audio.band_level import band_power
from merit_cli.audio.levels import SILENCE_POWER
from merit_cli.errors import BadData
from merit_cli.metrics.signal import LIMIT_DB, check_pair
from merit_cli.metrics.spec import MetricSpec, Samples


def event_retention_db(clean: Samples, processed: Samples, *, sample_rate: int) -> float:
    """Energy of the processed signal over that of the clean one in 100-1000 Hz, clamped to +-100 dB.

    It is meant for the cycles that are annotated as crackle or wheeze, and reads no annotation itself: a manifest of
    cycles has one utterance for each, and ``merit evaluate --by breath`` tells them apart. There -1 dB is the least
    that an enhancer may leave.

    Energy is not quality: noise that is left, and a mere gain, count as retained, so that the untouched mixture has
    more than 0 dB. It is a floor to hold beside `band_si_sdr_db`, not a score to raise.

    Args:
        clean: (N,).
        processed: (N,).
        sample_rate: In Hz, above 200.

    Returns:
        dB in [-100, 100]; 0 where all is kept and nothing is added, -100 for an all-zero output.

    Raises:
        BadData: See `check_pair`; or the clean reference is silent in the band.

    Source: Tzeng et al. 2025 enhance lung sounds for classifiers; the measure and its floor of -1 dB are ours.

    >>> breath = np.sin(2 * np.pi * 400 * np.arange(16000) / 16000)
    >>> round(event_retention_db(breath, 0.5 * breath, sample_rate=16000), 2)
    -6.02
    """
    reference, estimate = check_pair(clean, processed)
    kept, whole = band_power(estimate, sample_rate), band_power(reference, sample_rate)
    if whole < SILENCE_POWER:
        raise BadData("the clean reference is silent in 100-1000 Hz: nothing can be retained")
    return float(np.clip(10.0 * np.log10(kept / whole), -LIMIT_DB, LIMIT_DB)) if kept > 0.0 else -LIMIT_DB


EVENT_RETENTION_DB = MetricSpec(
    "event_retention_db",
    "signal",
    event_retention_db,
    "dB",
    higher_is_better=True,
    range=(-LIMIT_DB, LIMIT_DB),
    source="energy ratio in 100-1000 Hz, at least -1 dB in cycles of crackle and wheeze; ours",
)
