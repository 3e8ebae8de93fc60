"""Distances between log spectra in dB: log-spectral distance and mel-cepstral distortion.

Both compare time-aligned signals frame by frame: nothing is warped, because an enhancer keeps the time.
Both floor the log spectra of either signal 50 dB under the highest value of the reference, so that
what is inaudible does not dominate.
"""

from functools import lru_cache

import numpy as np

from merit_cli.audio.mel import mel_filters
from merit_cli.errors import BadData
from merit_cli.metrics.signal import check_pair
from merit_cli.metrics.spec import FloatArray, MetricSpec, Samples

FRAME_SECONDS, HOP_SECONDS = 0.032, 0.008
DYNAMIC_RANGE_DB = 50.0
"""Cohen and Gannot 2008, sec. 44.6."""
NUM_MELS, NUM_CEPSTRA = 40, 13
MCD_RANGE_HZ = 8000.0
BLOCK_FRAMES = 512
_FLOOR = 1e-30


def lsd_db(clean: Samples, processed: Samples, *, sample_rate: int) -> float:
    """Log-spectral distance: mean over frames of the RMS over frequencies of the difference of log spectra.

    Hann windows of 32 ms every 8 ms without padding; 10 log10 of the power of each bin from 0 Hz to
    half the rate, floored 50 dB under the highest bin of the whole reference. The level counts.

    Args:
        clean: (N,).
        processed: (N,).
        sample_rate: In Hz.

    Returns:
        dB, 0 or more, lower is better.

    Raises:
        BadData: See `signal.check_pair`; or the signal is shorter than one frame.

    Source: Gray and Markel 1976; dynamic range as Cohen and Gannot 2008, eq. 44.74.

    >>> noise = np.random.default_rng(0).standard_normal(16000)
    >>> round(lsd_db(noise, 0.5 * noise, sample_rate=16000), 1)
    6.0
    """
    target, output = _powers(clean, processed, sample_rate)
    difference = _floored_difference_db(target, output)
    return float(np.sqrt((difference**2).mean(axis=1)).mean())


def mcd_db(clean: Samples, processed: Samples, *, sample_rate: int) -> float:
    """Mel-cepstral distortion: mean over frames of 10 / ln 10 sqrt(2 sum of squared differences of cepstra 1 to 13).

    Power spectra as in `lsd_db`, 40 triangular filters on Slaney's mel scale from 0 Hz to 8 kHz or half
    the rate, energies floored 50 dB under the highest of the whole reference; with L_j their natural
    logarithm c_m = 1/40 sum_j L_j cos(pi m (j - 1/2) / 40), so that L_j = c_0 + 2 sum c_m cos(...).
    The level, c_0, does not count. No warping of time.

    Args:
        clean: (N,).
        processed: (N,).
        sample_rate: In Hz. Values at rates under 16 kHz are not comparable with those above.

    Returns:
        dB, 0 or more, lower is better.

    Raises:
        BadData: As `lsd_db`.

    Source: Kubichek 1993; Davis and Mermelstein 1980 for the cepstra.

    >>> noise = np.random.default_rng(0).standard_normal(16000)
    >>> mcd_db(noise, noise, sample_rate=16000)
    0.0
    """
    filters = _mel_filters(_frame_length(sample_rate), sample_rate)
    target, output = (power @ filters.T for power in _powers(clean, processed, sample_rate))
    cepstra = _floored_difference_db(target, output) @ _cosines().T  # of 10 log10, so 10 / ln 10 is in it
    return float(np.sqrt(2.0 * (cepstra**2).sum(axis=1)).mean())


def _powers(clean: Samples, processed: Samples, sample_rate: int) -> tuple[FloatArray, FloatArray]:
    """Power spectra (T, bins) of both."""
    reference, estimate = check_pair(clean, processed)
    length, hop = _frame_length(sample_rate), round(HOP_SECONDS * sample_rate)
    if reference.size < length:
        raise BadData(
            f"the signal of {reference.size} samples is too short for log spectra", hint=f"{length} samples at least"
        )
    window = 0.5 * (1.0 - np.cos(2.0 * np.pi * np.arange(length) / length))
    return _power_spectra(reference, window, hop), _power_spectra(estimate, window, hop)


def _power_spectra(samples: FloatArray, window: FloatArray, hop: int) -> FloatArray:
    frames = np.lib.stride_tricks.sliding_window_view(samples, window.size)[::hop]
    powers = np.empty((len(frames), window.size // 2 + 1))
    for start in range(0, len(frames), BLOCK_FRAMES):
        spectra = np.fft.rfft(frames[start : start + BLOCK_FRAMES] * window, axis=1)
        powers[start : start + BLOCK_FRAMES] = spectra.real**2 + spectra.imag**2
    return powers


def _floored_difference_db(target: FloatArray, output: FloatArray) -> FloatArray:
    """Difference of levels in dB, both floored 50 dB under the highest of ``target``."""
    floor = max(float(target.max()) * 10.0 ** (-DYNAMIC_RANGE_DB / 10.0), _FLOOR)
    ratio = np.maximum(target, floor) / np.maximum(output, floor)
    return np.asarray(10.0 * np.log10(ratio))


def _frame_length(sample_rate: int) -> int:
    return 2 * round(FRAME_SECONDS * sample_rate / 2.0)


@lru_cache(maxsize=8)
def _mel_filters(frame_length: int, sample_rate: int) -> FloatArray:
    highest_hz = min(MCD_RANGE_HZ, sample_rate / 2.0)
    filters = mel_filters(NUM_MELS, num_bins=frame_length // 2 + 1, sample_rate=sample_rate, highest_hz=highest_hz)
    filters.flags.writeable = False
    return filters


@lru_cache(maxsize=1)
def _cosines() -> FloatArray:
    """From log energies to cepstra 1 to 13, (13, 40)."""
    angles = np.pi * np.arange(1, NUM_CEPSTRA + 1)[:, None] * (np.arange(NUM_MELS) + 0.5) / NUM_MELS
    cosines: FloatArray = np.cos(angles) / NUM_MELS
    cosines.flags.writeable = False
    return cosines


LSD_DB = MetricSpec(
    "lsd_db",
    "signal",
    lsd_db,
    "dB",
    higher_is_better=False,
    range=(0.0, float("inf")),
    source="Gray and Markel 1976; floor 50 dB under the maximum (Cohen and Gannot 2008); 32 ms Hann, 8 ms hop",
)
MCD_DB = MetricSpec(
    "mcd_db",
    "signal",
    mcd_db,
    "dB",
    higher_is_better=False,
    range=(0.0, float("inf")),
    source="Kubichek 1993; cepstra 1-13 of 40 mel bands (Slaney) to 8 kHz, floor 50 dB under the maximum, no warping",
)
