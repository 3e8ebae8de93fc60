"""STOI and ESTOI as their papers read, on signals of 10 kHz; nothing shared with any package. Slow on purpose."""

import itertools
import math

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
RATE = 10_000
FRAME, HOP, FFT_SIZE = 256, 128, 512
SEGMENT = 30
WINDOW = np.array([0.5 * (1 - math.cos(2 * math.pi * n / (FRAME + 1))) for n in range(1, FRAME + 1)])


def without_silence(clean: Array, processed: Array) -> tuple[Array, Array]:
    """Both without the frames more than 40 dB under the loudest clean one, the rest overlap-added."""
    starts = range(0, len(clean) - FRAME, HOP)
    energies = [10 * math.log10(math.fsum((clean[k : k + FRAME] * WINDOW) ** 2) + 1e-300) for k in starts]
    kept = [k for k, energy in zip(starts, energies, strict=True) if energy > max(energies) - 40]
    outputs = []
    for samples in (clean, processed):
        joined = np.zeros((len(kept) - 1) * HOP + FRAME)
        for place, k in enumerate(kept):
            joined[place * HOP : place * HOP + FRAME] += samples[k : k + FRAME] * WINDOW
        outputs.append(joined)
    return outputs[0], outputs[1]


def envelopes(samples: Array) -> Array:
    """Magnitudes (15, T) of third-octave bands from 150 Hz on, their edges at the nearest bins."""
    columns = []
    bins = [k * RATE / FFT_SIZE for k in range(FFT_SIZE // 2 + 1)]
    edges = [150 * 2 ** ((2 * j - 1) / 6) for j in range(16)]
    places = [min(range(len(bins)), key=lambda k: abs(bins[k] - edge)) for edge in edges]
    for start in range(0, len(samples) - FRAME, HOP):
        power = np.abs(np.fft.fft(samples[start : start + FRAME] * WINDOW, FFT_SIZE)) ** 2
        columns.append([math.sqrt(math.fsum(power[low:high])) for low, high in itertools.pairwise(places)])
    return np.array(columns).T


def stoi(clean: Array, processed: Array) -> float:
    """Mean correlation of clipped short-time envelopes (Taal et al. 2011, eq. 3-6)."""
    x_all, y_all = (envelopes(one) for one in without_silence(clean, processed))
    values = []
    for end in range(SEGMENT, x_all.shape[1] + 1):
        for x, y in zip(x_all[:, end - SEGMENT : end], y_all[:, end - SEGMENT : end], strict=True):
            scaled = y * (np.linalg.norm(x) / np.linalg.norm(y))
            clipped = np.minimum(scaled, x * (1 + 10 ** (15 / 20)))
            a, b = x - x.mean(), clipped - clipped.mean()
            values.append(float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b))))
    return float(np.mean(values))


def estoi(clean: Array, processed: Array) -> float:
    """Mean correlation of spectra normalised over time, then over bands (Jensen and Taal 2016, eq. 3-9)."""
    x_all, y_all = (envelopes(one) for one in without_silence(clean, processed))
    values = []
    for end in range(SEGMENT, x_all.shape[1] + 1):
        parts = []
        for whole in (x_all, y_all):
            rows = whole[:, end - SEGMENT : end]
            rows = np.array([(row - row.mean()) / np.linalg.norm(row - row.mean()) for row in rows])
            columns = [(column - column.mean()) / np.linalg.norm(column - column.mean()) for column in rows.T]
            parts.append(np.array(columns))
        values.append(sum(float(a @ b) for a, b in zip(*parts, strict=True)) / SEGMENT)
    return float(np.mean(values))
