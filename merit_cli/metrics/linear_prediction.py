"""Log-likelihood ratio: how much worse the processed signal's linear prediction fits the clean spectrum."""

import numpy as np

from merit_cli.metrics.frames import FRAME_RATES, defined_frames, frame_distances, trimmed_mean
from merit_cli.metrics.spec import FloatArray, MetricSpec, Samples

ORDER, NARROW_BAND_ORDER = 16, 10
WIDE_BAND_FROM_HZ = 10_000
_EPS = float(np.finfo(np.float64).eps)


def llr(clean: Samples, processed: Samples, *, sample_rate: int) -> float:
    """Log-likelihood ratio: mean over the lowest 95 % of the frames of ln(a_p R_c a_p / a_c R_c a_c).

    a are the coefficients of linear prediction (order 16, below 10 kHz 10) by the autocorrelation
    method, R_c the clean frame's Toeplitz matrix. Frames are those of `frames`, not limited to 2, as in the
    composite measures; those in which either signal is digital silence are left out.

    Args:
        clean: (N,).
        processed: (N,).
        sample_rate: 8000 or 16000.

    Returns:
        0 or more, lower is better; mostly under 2.

    Raises:
        BadData: See `frames.frame_distances`; or no frame is defined.

    Source: Quackenbush, Barnwell, Clements 1988; Hu and Loizou 2008, eq. 4.

    >>> noise = np.random.default_rng(0).standard_normal(16000)
    >>> llr(noise, 0.5 * noise, sample_rate=16000)
    0.0
    """
    order = ORDER if sample_rate >= WIDE_BAND_FROM_HZ else NARROW_BAND_ORDER

    def distance(reference: FloatArray, estimate: FloatArray) -> FloatArray:
        target, output = autocorrelations(reference, order), autocorrelations(estimate, order)
        silent = (target[0] == 0.0) | (output[0] == 0.0)
        target, output = np.where(silent, 1.0, target), np.where(silent, 1.0, output)
        ratio = _error_energy(prediction(output), target) / _error_energy(prediction(target), target)
        return np.where(silent, np.nan, np.log(ratio))

    return trimmed_mean(defined_frames(frame_distances("llr", clean, processed, sample_rate, distance), "llr"))


def autocorrelations(frames: FloatArray, order: int) -> FloatArray:
    """Sums of products (order + 1, T) at lags from 0 of frames (T, L), by the power spectrum.

    >>> autocorrelations(np.array([[1.0, 2.0, 3.0]]), 2).round(9).tolist()
    [[14.0], [8.0], [3.0]]
    """
    size = 1 << (frames.shape[1] + order - 1).bit_length()  # longer than the last lag wraps round to
    spectra = np.fft.rfft(frames, size, axis=1)
    power = spectra.real**2 + spectra.imag**2
    return np.ascontiguousarray(np.fft.irfft(power, size, axis=1)[:, : order + 1].T)


def prediction(correlations: FloatArray) -> FloatArray:
    """Coefficients (order + 1, T), the first 1, whose error on each frame is least.

    Source: Levinson 1947, Durbin 1960.
    """
    order = len(correlations) - 1
    coefficients = np.zeros_like(correlations)
    coefficients[0] = 1.0
    error = correlations[0].copy()
    for step in range(1, order + 1):
        reflection = -(coefficients[:step] * correlations[step:0:-1]).sum(axis=0) / error
        turned = coefficients[step - 1 :: -1] if step > 1 else coefficients[:1]
        coefficients[1 : step + 1] += reflection * turned[:step].copy()
        error = np.maximum(error * (1.0 - reflection**2), _EPS * correlations[0])
    return coefficients


def _error_energy(coefficients: FloatArray, correlations: FloatArray) -> FloatArray:
    """a R a (T,), from the autocorrelation of the coefficients; not under rounding."""
    order = len(coefficients) - 1
    energy = correlations[0] * (coefficients**2).sum(axis=0)
    for lag in range(1, order + 1):
        energy += 2.0 * correlations[lag] * (coefficients[lag:] * coefficients[:-lag]).sum(axis=0)
    return np.asarray(np.maximum(energy, _EPS * correlations[0]))


LLR = MetricSpec(
    "llr",
    "signal",
    llr,
    "",
    higher_is_better=False,
    range=(0.0, float("inf")),
    source="Hu and Loizou 2008, eq. 4; mean of the lowest 95 % of the frames, not limited to 2",
    sample_rates=FRAME_RATES,
)
