"""Speech quality and intelligibility by the published libraries, with every one of their failures typed.

``pesq`` writes beyond its tables on long bursty files and kills the process, so its metrics are
marked ``isolate``; `score.score_pairs` runs them where a crash costs one number. Its error codes
(-1, -6, -7) and NaN never leave this module as numbers, and neither does the 1e-5 that ``pystoi``
gives for files that are too short.
"""

import numpy as np

from merit_cli.errors import BadData
from merit_cli.metrics.intelligibility import stoi_of
from merit_cli.metrics.signal import check_pair, check_rate
from merit_cli.metrics.spec import FloatArray, MetricSpec, Samples

PESQ_MIN_SECONDS = 0.25
PESQ_RANGE_WB = (1.04, 4.64)
PESQ_RANGE_NB = (1.02, 4.56)
STOI_SEED = 0


def pesq_wb(clean: Samples, processed: Samples, *, sample_rate: int) -> float:
    """Wide-band PESQ as MOS-LQO.

    Args:
        clean: (N,).
        processed: (N,).
        sample_rate: 16000.

    Returns:
        MOS-LQO in about [1.04, 4.64], higher is better.

    Raises:
        BadData: See `signal.check_pair`; or PESQ finds no utterance, or less than a quarter of a
            second, or another rate.

    Source: ITU-T P.862.2 (2007), by the package ``pesq``.
    """
    return _pesq(clean, processed, sample_rate, "wb")


def pesq_nb(clean: Samples, processed: Samples, *, sample_rate: int) -> float:
    """Narrow-band PESQ as MOS-LQO, at 8000 or 16000 Hz; otherwise as `pesq_wb`.

    Returns:
        MOS-LQO in about [1.02, 4.56], higher is better.

    Raises:
        BadData: As `pesq_wb`.

    Source: ITU-T P.862 (2001) with the mapping of P.862.1 (2003), by the package ``pesq``.
    """
    return _pesq(clean, processed, sample_rate, "nb")


def stoi(clean: Samples, processed: Samples, *, sample_rate: int) -> float:
    """Short-time objective intelligibility.

    Args:
        clean: (N,).
        processed: (N,).
        sample_rate: In Hz; the library resamples to 10 kHz itself.

    Returns:
        Mean correlation of short-time envelopes in [-1, 1], in practice in [0, 1]; higher is better.

    Raises:
        BadData: See `signal.check_pair`; or fewer than 30 frames (0.4 s) of speech are left after its silence removal.

    Source: Taal, Hendriks, Heusdens, Jensen 2011, eq. 1-6, as in the package ``pystoi``.
    """
    return _stoi(clean, processed, sample_rate, extended=False)


def estoi(clean: Samples, processed: Samples, *, sample_rate: int) -> float:
    """Extended short-time objective intelligibility, for modulated noise; otherwise as `stoi`.

    The library adds noise of 2e-16 from the global random state. Where that decides, as in digital silence, the
    library is called with the state seeded and put back.

    Returns:
        Mean spectral correlation in [-1, 1], in practice in [0, 1]; higher is better.

    Raises:
        BadData: As `stoi`.

    Source: Jensen and Taal 2016, eq. 1-9, as in the package ``pystoi``.
    """
    return _stoi(clean, processed, sample_rate, extended=True)


def _pesq(clean: Samples, processed: Samples, sample_rate: int, mode: str) -> float:
    from pesq import PesqError, pesq

    reference, estimate = check_pair(clean, processed)
    rates = PESQ_WB.sample_rates if mode == "wb" else PESQ_NB.sample_rates
    check_rate(f"pesq_{mode}", sample_rate, rates)
    if reference.size < PESQ_MIN_SECONDS * sample_rate:
        raise BadData(f"the signal of {reference.size} samples is too short for PESQ", hint="0.25 s at least")
    if not np.any(estimate):
        raise BadData("the processed signal is all zeros: PESQ is undefined")
    try:
        value = float(pesq(sample_rate, reference, estimate, mode))
    except PesqError as error:
        words = error.args[0] if error.args else error
        words = words.decode() if isinstance(words, bytes) else str(words)
        raise BadData(f"PESQ refuses the pair: {words.strip().rstrip('.!')}") from None
    except ValueError as error:  # its C code meets a NaN of its own making
        raise BadData(f"PESQ fails on the pair: {error}") from None
    low, high = PESQ_WB.range if mode == "wb" else PESQ_NB.range
    if not low - 0.05 <= value <= high + 0.05:
        raise BadData(f"PESQ gave {value:g}, which is no MOS-LQO")
    return value


def _stoi(clean: Samples, processed: Samples, sample_rate: int, *, extended: bool) -> float:
    reference, estimate = check_pair(clean, processed)
    value = stoi_of(reference, estimate, sample_rate, extended=extended)
    if value is None:
        value = _library_stoi(reference, estimate, sample_rate, extended=extended)
    if not np.isfinite(value):
        raise BadData("STOI gave no number for the pair")
    return value


def _library_stoi(reference: FloatArray, estimate: FloatArray, sample_rate: int, *, extended: bool) -> float:
    from pystoi import stoi as library_stoi

    state = np.random.get_state()
    try:
        np.random.seed(STOI_SEED)
        return float(library_stoi(reference, estimate, sample_rate, extended=extended))
    finally:
        np.random.set_state(state)


PESQ_WB = MetricSpec(
    "pesq_wb",
    "signal",
    pesq_wb,
    "MOS-LQO",
    higher_is_better=True,
    range=PESQ_RANGE_WB,
    source="ITU-T P.862.2 (2007), package pesq",
    sample_rates=(16000,),
    isolate=True,
)
PESQ_NB = MetricSpec(
    "pesq_nb",
    "signal",
    pesq_nb,
    "MOS-LQO",
    higher_is_better=True,
    range=PESQ_RANGE_NB,
    source="ITU-T P.862 (2001) and P.862.1 (2003), package pesq",
    sample_rates=(8000, 16000),
    isolate=True,
)
STOI = MetricSpec(
    "stoi",
    "signal",
    stoi,
    "",
    higher_is_better=True,
    range=(-1.0, 1.0),
    source="Taal et al. 2011, eq. 1-6, package pystoi",
)
ESTOI = MetricSpec(
    "estoi",
    "signal",
    estoi,
    "",
    higher_is_better=True,
    range=(-1.0, 1.0),
    source="Jensen and Taal 2016, eq. 1-9, package pystoi",
)
