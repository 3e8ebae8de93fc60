"""STOI and ESTOI as the package ``pystoi`` computes them, some times faster and from one analysis for both.

The steps, their order and their constants are those of ``pystoi`` (Taal's MATLAB code), so that numbers agree to
1e-9: 10 kHz by Octave's resampler, frames within 40 dB of the loudest kept, 15 third-octave bands, segments of 30
frames. Where a segment of ESTOI is as good as constant, ``pystoi`` lets noise of 2e-16 decide: there it is asked.
"""

from functools import lru_cache
from math import ceil, gcd
from typing import Any, NamedTuple

import numpy as np

from merit_cli.errors import BadData
from merit_cli.metrics.spec import FloatArray

RATE = 10_000
FRAME, HOP, FFT_SIZE = 256, 128, 512
SEGMENT_FRAMES = 30
DYNAMIC_RANGE_DB = 40.0
LOWEST_SDR_DB = -15.0
NUM_BANDS, LOWEST_BAND_HZ = 15, 150.0
REJECTION_DB = 60.0
"""Of the resampler's filter; its transition is a tenth of its stop band's edge."""
SHORTEST_BLOCK, LARGEST_BLOCK = 40, 500
"""Outputs that a block of the resampler has: too few waste calls, too many waste products with 0."""
FLAT = 1e-8
"""A row or column of an ESTOI segment that varies by less has noise of 2e-16 in its ninth digit."""
_EPS = float(np.finfo(np.float64).eps)


class _Analysis(NamedTuple):
    """A pair as it came, and its band envelopes (2, bands, frames)."""

    reference: FloatArray
    estimate: FloatArray
    sample_rate: int
    bands: FloatArray


_last: _Analysis | None = None


def stoi_of(reference: FloatArray, estimate: FloatArray, sample_rate: int, *, extended: bool) -> float | None:
    """STOI or ESTOI of two signals (N,) in [-1, 1]; None where the noise of ``pystoi`` decides.

    Raises:
        BadData: Fewer than 30 frames are left without the silent ones.

    Source: Taal et al. 2011, eq. 1-6; Jensen and Taal 2016, eq. 1-9.
    """
    bands = _bands_of_last(reference, estimate, sample_rate)
    if bands.shape[-1] < SEGMENT_FRAMES:
        raise BadData("fewer than 30 frames of speech: STOI is undefined", hint="0.4 s of speech at least")
    windows = np.lib.stride_tricks.sliding_window_view(bands, SEGMENT_FRAMES, axis=2)
    clean, processed = np.ascontiguousarray(windows.transpose(0, 2, 1, 3))  # (segments, bands, frames) each
    return _spectral_correlation(clean, processed) if extended else _envelope_correlation(clean, processed)


def _bands_of_last(reference: FloatArray, estimate: FloatArray, sample_rate: int) -> FloatArray:
    """Those of the last pair where it is the same in every sample: STOI and ESTOI are asked one after the other."""
    global _last  # one pair, compared sample by sample, so that no caller can tell
    kept = _last
    if (
        kept is None
        or kept.sample_rate != sample_rate
        or not np.array_equal(kept.reference, reference)
        or not np.array_equal(kept.estimate, estimate)
    ):
        bands = _bands(np.stack([reference, estimate]), sample_rate)
        kept = _last = _Analysis(reference.copy(), estimate.copy(), sample_rate, bands)
    return kept.bands


def _bands(pair: FloatArray, sample_rate: int) -> FloatArray:
    """Third-octave envelopes (2, bands, frames) of a pair (2, N), silent frames of the first left out of both."""
    window = np.hanning(FRAME + 2)[1:-1]
    frames = _frames(_resampled(pair, sample_rate)) * window
    levels = 20.0 * np.log10(np.sqrt(np.einsum("fn,fn->f", frames[0], frames[0])) + _EPS)
    frames = frames[:, levels > levels.max(initial=-np.inf) - DYNAMIC_RANGE_DB]
    halves = np.zeros((2, frames.shape[1] + 1, HOP))  # overlap and add: frames are two hops long
    halves[:, :-1] += frames[..., :HOP]
    halves[:, 1:] += frames[..., HOP:]
    spectra = np.fft.rfft(_frames(halves.reshape(2, -1)) * window, FFT_SIZE)
    powers = spectra.real**2 + spectra.imag**2
    return np.asarray(np.sqrt(_octave_bands() @ powers.transpose(0, 2, 1)))


def _frames(pair: FloatArray) -> FloatArray:
    """Frames (2, F, 256) at each hop before the last 256 samples, as a view."""
    if pair.shape[1] <= FRAME:
        return np.empty((2, 0, FRAME))
    return np.lib.stride_tricks.sliding_window_view(pair[:, :-1], FRAME, axis=1)[:, ::HOP]


def _resampled(pair: FloatArray, sample_rate: int) -> FloatArray:
    """At 10 kHz: a matrix product over blocks is five times as fast as a loop over samples; odd rates get the loop."""
    up, down = RATE // gcd(RATE, sample_rate), sample_rate // gcd(RATE, sample_rate)
    if up > LARGEST_BLOCK:
        from scipy.signal import resample_poly

        window: Any = _low_pass(up, down)  # its stubs know names of windows only
        return np.asarray(resample_poly(pair, up, down, axis=1, window=window))
    if up == down:
        return pair
    weights, margin = _block_weights(up, down)
    step, num_samples = (len(weights) - 2 * margin), pair.shape[1]
    num_blocks = -(-num_samples // step)
    padded = np.zeros((2, num_blocks * step + 2 * margin))
    padded[:, margin : margin + num_samples] = pair
    blocks = np.lib.stride_tricks.sliding_window_view(padded, len(weights), axis=1)[:, ::step]
    resampled = (blocks.reshape(-1, len(weights)) @ weights).reshape(2, -1)
    return np.asarray(resampled[:, : -(-num_samples * up // down)])


@lru_cache
def _block_weights(up: int, down: int) -> tuple[FloatArray, int]:
    """The filter as a matrix (inputs, outputs) of some periods, and how many inputs lie before the first of them.

    Output j of a block is the sum over its inputs i of x[i] h[centre + j down - i up].
    """
    taps = _low_pass(up, down) * up
    centre = taps.size // 2
    margin, periods = centre // up + 1, max(1, SHORTEST_BLOCK // up)
    inputs = np.arange(down * periods + 2 * margin)[:, None] - margin
    place = centre + np.arange(up * periods) * down - inputs * up
    is_inside = (place >= 0) & (place < taps.size)
    return np.where(is_inside, taps[np.clip(place, 0, taps.size - 1)], 0.0), margin


@lru_cache
def _low_pass(up: int, down: int) -> FloatArray:
    """The Kaiser-windowed sinc of Octave's ``resample``, of sum 1 (Kaiser's formulas for its length and shape)."""
    edge = 1.0 / (2 * max(up, down))
    half = ceil((REJECTION_DB - 8.0) / (28.714 * edge / 10.0))
    taps = np.kaiser(2 * half + 1, 0.1102 * (REJECTION_DB - 8.7)) * np.sinc(2.0 * edge * np.arange(-half, half + 1))
    return np.asarray(taps / taps.sum())


@lru_cache
def _octave_bands() -> FloatArray:
    """Which bins (257,) each of the 15 third-octave bands sums: (15, 257) of 0 and 1."""
    bins = np.linspace(0.0, RATE, FFT_SIZE + 1)[: FFT_SIZE // 2 + 1]
    edges = LOWEST_BAND_HZ * 2.0 ** ((2.0 * np.arange(NUM_BANDS + 1) - 1.0) / 6.0)
    nearest = np.argmin(np.abs(bins - edges[:, None]), axis=1)
    number = np.arange(bins.size)
    inside = (number >= nearest[:-1, None]) & (number < nearest[1:, None])
    return np.asarray(inside, dtype=np.float64)


def _envelope_correlation(clean: FloatArray, processed: FloatArray) -> float:
    """Mean correlation of each band's envelope over a segment, the processed one clipped at -15 dB (STOI)."""
    scaled = processed * (_norm(clean, 2) / (_norm(processed, 2) + _EPS))
    clipped = np.minimum(scaled, clean * (1.0 + 10.0 ** (-LOWEST_SDR_DB / 20.0)))
    first, second = (rows - rows.mean(axis=2, keepdims=True) for rows in (clean, clipped))
    products = np.einsum("mbf,mbf->mb", first, second)
    norms = (_norm(first, 2) + _EPS) * (_norm(second, 2) + _EPS)
    return float(np.mean(products / norms[..., 0]))


def _spectral_correlation(clean: FloatArray, processed: FloatArray) -> float | None:
    """Mean correlation of the spectra in a segment, rows and then columns normalised (ESTOI)."""
    normal = []
    for segments in (clean, processed):
        for axis in (2, 1):
            segments = segments - segments.mean(axis=axis, keepdims=True)  # step by step
            norms = _norm(segments, axis)
            if norms.min() < FLAT:
                return None
            segments /= norms
        normal.append(segments)
    return float(np.vdot(normal[0], normal[1])) / SEGMENT_FRAMES / len(clean)


def _norm(segments: FloatArray, axis: int) -> FloatArray:
    """Euclidean norms along an axis, which stays with length 1."""
    sums = np.einsum("mbf,mbf->mb" if axis == 2 else "mbf,mbf->mf", segments, segments)
    return np.asarray(np.expand_dims(np.sqrt(sums), axis))
