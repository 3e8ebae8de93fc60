"""Distances between spectra in critical bands: frequency-weighted segmental SNR and weighted spectral slope.

Both use 25 Gaussian bands centred from 50 Hz to 3.6 kHz, at 16 kHz as at 8 kHz: nothing above
4 kHz counts. Frames are those of `frames`.

Source: Hu and Loizou 2008, "Evaluation of objective quality measures for speech enhancement", and the
programs beside it, which fix the bands, the normalisation and the search for peaks.
"""

from functools import lru_cache

import numpy as np

from merit_cli.metrics.frames import FRAME_RATES, defined_frames, frame_distances, trimmed_mean
from merit_cli.metrics.spec import FloatArray, MetricSpec, Samples

BANDS_HZ = (
    *((50.0 + 70.0 * band, 70.0) for band in range(7)),
    *((540.0, 77.3724), (617.372, 86.0056), (703.378, 95.3398), (798.717, 105.411), (904.128, 116.256)),
    *((1020.38, 127.914), (1148.30, 140.423), (1288.72, 153.823), (1442.54, 168.154), (1610.70, 183.457)),
    *((1794.16, 199.776), (1993.93, 217.153), (2211.08, 235.631), (2446.71, 255.255), (2701.97, 276.072)),
    *((2978.04, 298.126), (3276.17, 321.465), (3597.63, 346.136)),
)
"""Centre and bandwidth of each band."""
BAND_SHARPNESS = 11.0
BAND_FLOOR = float(np.exp(-30.0 / (2.0 * 2.303)))
"""Below it, "-30 dB" by the program, a filter is cut to zero."""
WEIGHT_EXPONENT = 0.2
FWSSNR_MIN_DB, FWSSNR_MAX_DB = -10.0, 35.0
WSS_FLOOR = 1e-10
WSS_GLOBAL_DB, WSS_LOCAL_DB = 20.0, 1.0
"""Klatt 1982: how far under the highest peak, and under the nearest one, a band loses half its weight."""
_EPS = float(np.finfo(np.float64).eps)


def fwssnr_db(clean: Samples, processed: Samples, *, sample_rate: int) -> float:
    """Frequency-weighted segmental SNR: mean over frames of the bands' SNR averaged with weights by loudness.

    With X and Y the band magnitudes of clean and processed, each frame's magnitude spectrum (bins
    from 0 Hz to below half the rate) first divided by its sum: sum_j X_j^.2 10 log10(X_j^2 / (X_j - Y_j)^2)
    / sum_j X_j^.2, clamped to [-10, 35] dB. The frames' gains do not matter. Frames in which either
    signal is digital silence are left out.

    Args:
        clean: (N,).
        processed: (N,).
        sample_rate: 8000 or 16000.

    Returns:
        dB in [-10, 35], higher is better.

    Raises:
        BadData: See `frames.frame_distances`; or no frame is defined.

    Source: Hu and Loizou 2008, eq. 6, with weights of exponent .2; spectra of unit area as in their program.

    >>> noise = np.random.default_rng(0).standard_normal(16000)
    >>> fwssnr_db(noise, 0.1 * noise, sample_rate=16000)
    35.0
    """
    filters = band_filters(_fft_size(sample_rate), sample_rate)

    def distance(reference: FloatArray, estimate: FloatArray) -> FloatArray:
        with np.errstate(invalid="ignore", divide="ignore"):  # of silent frames, which become NaN
            target, output = (_unit_area(_spectra(part, sample_rate)) @ filters.T for part in (reference, estimate))
            error = np.maximum((target - output) ** 2, _EPS)
            weights = target**WEIGHT_EXPONENT
            values = (weights * 10.0 * np.log10(target**2 / error)).sum(axis=1) / weights.sum(axis=1)
        return np.asarray(np.clip(values, FWSSNR_MIN_DB, FWSSNR_MAX_DB))

    values = defined_frames(frame_distances("fwssnr_db", clean, processed, sample_rate, distance), "fwssnr_db")
    return float(values.mean())


def wss(clean: Samples, processed: Samples, *, sample_rate: int) -> float:
    """Weighted spectral slope distance: squared difference of the slopes from band to band, weighted near peaks.

    With E the band energies in dB (not under -100), K = 24 slopes s_j = E_j+1 - E_j, and
    w_j = 20 / (20 + max E - E_j) * 1 / (1 + P_j - E_j) averaged over clean and processed, a frame gives
    sum_j w_j (s_j - s'_j)^2 / sum_j w_j; the mean is over the lowest 95 % of the frames. P_j is the peak
    that the program finds from band j on: upwards where the slope rises, one band before the top of it.
    The level matters only through the floor: signals in [-1, 1].

    Args:
        clean: (N,).
        processed: (N,).
        sample_rate: 8000 or 16000.

    Returns:
        dB squared, 0 or more, lower is better.

    Raises:
        BadData: See `frames.frame_distances`.

    Source: Klatt 1982; Hu and Loizou 2008, eq. 7-9.

    >>> noise = np.random.default_rng(0).standard_normal(16000)
    >>> wss(noise, noise, sample_rate=16000)
    0.0
    """
    filters = band_filters(_fft_size(sample_rate), sample_rate)

    def distance(reference: FloatArray, estimate: FloatArray) -> FloatArray:
        slopes, weights = zip(
            *(_slopes_and_weights(_spectra(part, sample_rate) ** 2 @ filters.T) for part in (reference, estimate)),
            strict=True,
        )
        weight = (weights[0] + weights[1]) / 2.0
        return np.asarray((weight * (slopes[0] - slopes[1]) ** 2).sum(axis=1) / weight.sum(axis=1))

    return trimmed_mean(frame_distances("wss", clean, processed, sample_rate, distance))


@lru_cache(maxsize=8)
def band_filters(fft_size: int, sample_rate: int) -> FloatArray:
    """Gaussian filters (25, fft_size / 2) around the bands' centres, wide ones lower."""
    half = fft_size // 2
    centres, widths = (np.array(column)[:, None] / (sample_rate / 2) * half for column in zip(*BANDS_HZ, strict=True))
    exponents = -BAND_SHARPNESS * ((np.arange(half) - np.floor(centres)) / widths) ** 2 + np.log(widths[0] / widths)
    filters: FloatArray = np.exp(exponents)
    filters[filters <= BAND_FLOOR] = 0.0
    filters.flags.writeable = False
    return filters


def _fft_size(sample_rate: int) -> int:
    """The power of two that holds two frames."""
    return 1 << (2 * round(0.03 * sample_rate) - 1).bit_length()


def _spectra(frames: FloatArray, sample_rate: int) -> FloatArray:
    """Magnitudes (T, bins) without that at half the rate."""
    return np.asarray(np.abs(np.fft.rfft(frames, _fft_size(sample_rate), axis=1))[:, :-1])


def _unit_area(spectra: FloatArray) -> FloatArray:
    return np.asarray(spectra / spectra.sum(axis=1, keepdims=True))


def _slopes_and_weights(energies: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Slopes and weights (T, 24) of band energies (T, 25)."""
    levels = 10.0 * np.log10(np.maximum(energies, WSS_FLOOR))
    slopes = np.diff(levels, axis=1)
    below = levels[:, :-1]
    to_highest = WSS_GLOBAL_DB / (WSS_GLOBAL_DB + levels.max(axis=1, keepdims=True) - below)
    to_nearest = WSS_LOCAL_DB / (WSS_LOCAL_DB + _nearest_peaks(slopes, levels) - below)
    return slopes, to_highest * to_nearest


def _nearest_peaks(slopes: FloatArray, levels: FloatArray) -> FloatArray:
    """Level of the peak beside each slope (T, 24), where the program looks for it."""
    num_slopes = slopes.shape[1]
    band = np.arange(num_slopes)
    rises = slopes > 0.0
    first_fall = np.where(rises, num_slopes, band)  # the first slope from here on that does not rise
    first_fall = np.minimum.accumulate(first_fall[:, ::-1], axis=1)[:, ::-1]
    last_rise = np.maximum.accumulate(np.where(rises, band, -1), axis=1)  # the last one up to here that does
    return np.take_along_axis(levels, np.where(rises, first_fall - 1, last_rise + 1), axis=1)


FWSSNR_DB = MetricSpec(
    "fwssnr_db",
    "signal",
    fwssnr_db,
    "dB",
    higher_is_better=True,
    range=(FWSSNR_MIN_DB, FWSSNR_MAX_DB),
    source="Hu and Loizou 2008; 25 bands to 3.6 kHz, weights of exponent .2, spectra of unit area",
    sample_rates=FRAME_RATES,
)
WSS = MetricSpec(
    "wss",
    "signal",
    wss,
    "dB^2",
    higher_is_better=False,
    range=(0.0, float("inf")),
    source="Klatt 1982; Hu and Loizou 2008; mean of the lowest 95 % of the frames",
    sample_rates=FRAME_RATES,
)
