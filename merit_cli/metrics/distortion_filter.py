"""Signal-to-distortion ratio that forgives any filter of 512 taps, as BSS Eval defines it."""

import numpy as np

from merit_cli.errors import BadData
from merit_cli.metrics.signal import LIMIT_DB, check_pair
from merit_cli.metrics.spec import FloatArray, MetricSpec, Samples

NUM_TAPS = 512
MAX_COHERENCE = 1.0 - 1e-10
"""Rounding of the solved system; it is what limits the ratio to 100 dB."""


def sdr_db(clean: Samples, processed: Samples, *, sample_rate: int) -> float:
    """Signal-to-distortion ratio: energy of the best 512-tap filtering of the reference over what it leaves.

    With the least-squares filter g (R g = b, R the Toeplitz matrix of the reference's
    autocorrelation, b its correlation with the processed signal at lags 0 to 511) and c = b g / |p|^2,
    10 log10(c / (1 - c)), clamped to +-100 dB. One filter for the whole signal and one source, as
    in version 4 of BSS Eval; scale and delays of up to 511 samples do not matter. Means are left in.

    Args:
        clean: (N,).
        processed: (N,).
        sample_rate: Not used; all signal metrics are called alike.

    Returns:
        dB in [-100, 100], higher is better.

    Raises:
        BadData: See `signal.check_pair`; the processed signal is all zeros; or there are fewer than 1024 samples.

    Source: Vincent, Gribonval, Fevotte 2006, eq. 11 and 13; by FFT and Toeplitz solve as Scheibler 2022.

    >>> rng = np.random.default_rng(0)
    >>> clean = rng.standard_normal(16000)
    >>> round(sdr_db(clean, np.roll(clean, 3) + 0.1 * rng.standard_normal(16000), sample_rate=16000))
    20
    """
    reference, estimate = check_pair(clean, processed)
    if reference.size < 2 * NUM_TAPS:
        raise BadData(
            f"the signal of {reference.size} samples is too short for SDR", hint=f"{2 * NUM_TAPS} samples at least"
        )
    energy = float(np.einsum("i,i->", estimate, estimate))
    if energy == 0.0:
        raise BadData("the processed signal is all zeros: SDR is undefined")
    correlation, cross = _correlations(reference, estimate / np.sqrt(energy))
    coherence = float(cross @ _solve(correlation, cross))
    if coherence >= MAX_COHERENCE:
        return LIMIT_DB
    return max(10.0 * float(np.log10(max(coherence, 1.0 - MAX_COHERENCE) / (1.0 - coherence))), -LIMIT_DB)


def _correlations(reference: FloatArray, estimate: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Autocorrelation of the reference scaled to energy 1, and its correlation with the estimate; lags 0 to 511."""
    from scipy.fft import irfft, next_fast_len, rfft

    size = next_fast_len(reference.size + NUM_TAPS, real=True)
    spectrum, other = rfft(reference, size), rfft(estimate, size)
    correlation = irfft(spectrum.real**2 + spectrum.imag**2, size)[:NUM_TAPS]
    cross = irfft(spectrum.conj() * other, size)[:NUM_TAPS]
    return np.asarray(correlation / correlation[0]), np.asarray(cross / np.sqrt(correlation[0]))


def _solve(correlation: FloatArray, cross: FloatArray) -> FloatArray:
    from scipy.linalg import LinAlgError, lstsq, solve_toeplitz, toeplitz

    try:
        return np.asarray(solve_toeplitz(correlation, cross))
    except LinAlgError:  # a reference of few frequencies
        return np.asarray(lstsq(toeplitz(correlation), cross)[0])


SDR_DB = MetricSpec(
    "sdr_db",
    "signal",
    sdr_db,
    "dB",
    higher_is_better=True,
    range=(-LIMIT_DB, LIMIT_DB),
    source="Vincent, Gribonval, Fevotte 2006; one 512-tap filter for the signal, as BSS Eval v4",
)
