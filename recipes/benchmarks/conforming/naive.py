"""Every metric as its definition reads: loops, one frame at a time, nothing shared with the package.

Slow on purpose. Signals (N,) are float64.
"""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.signal import butter, sosfilt_zi

Array = npt.NDArray[np.float64]
EPS = 2.220446049250313e-16
BANDS_HZ = """50 70 120 70 190 70 260 70 330 70 400 70 470 70 540 77.3724 617.372 86.0056 703.378 95.3398
798.717 105.411 904.128 116.256 1020.38 127.914 1148.30 140.423 1288.72 153.823 1442.54 168.154
1610.70 183.457 1794.16 199.776 1993.93 217.153 2211.08 235.631 2446.71 255.255 2701.97 276.072
2978.04 298.126 3276.17 321.465 3597.63 346.136"""


def frames_of(samples: Array, rate: int) -> list[Array]:
    """Windowed frames of 30 ms, three quarters overlapping."""
    length = round(0.03 * rate)
    hop = length // 4
    window = np.array([0.5 * (1 - math.cos(2 * math.pi * n / (length + 1))) for n in range(1, length + 1)])
    return [samples[k * hop : k * hop + length] * window for k in range((len(samples) - length) // hop)]


def frame_snrs(clean: Array, processed: Array, rate: int) -> list[tuple[float, float]]:
    """Clamped SNR and clean energy of each frame."""
    values = []
    for c, p in zip(frames_of(clean, rate), frames_of(processed, rate), strict=True):
        energy = math.fsum(c**2)
        snr = 10 * math.log10(energy / (math.fsum((c - p) ** 2) + EPS) + EPS)
        values.append((min(max(snr, -10.0), 35.0), energy))
    return values


def ssnr(clean: Array, processed: Array, rate: int) -> float:
    """Segmental SNR."""
    return float(np.mean([snr for snr, _ in frame_snrs(clean, processed, rate)]))


def ssnr_active(clean: Array, processed: Array, rate: int) -> float:
    """Segmental SNR of the frames within 40 dB of the loudest."""
    values = frame_snrs(clean, processed, rate)
    loudest = max(energy for _, energy in values)
    return float(np.mean([snr for snr, energy in values if energy >= loudest / 1e4]))


def snr(clean: Array, processed: Array, rate: int) -> float:
    """Signal-to-noise ratio."""
    return 10 * math.log10(math.fsum(clean**2) / math.fsum((clean - processed) ** 2))


def si_sdr(clean: Array, processed: Array, rate: int) -> float:
    """Scale-invariant SDR of the zero-mean signals."""
    c, p = clean - clean.mean(), processed - processed.mean()
    target = math.fsum(p * c) / math.fsum(c * c) * c
    return 10 * math.log10(math.fsum(target**2) / math.fsum((p - target) ** 2))


def band_si_sdr(clean: Array, processed: Array, rate: int) -> float:
    """SI-SDR in 100-1000 Hz."""
    return si_sdr(_banded(clean, rate), _banded(processed, rate), rate)


def event_retention(clean: Array, processed: Array, rate: int) -> float:
    """Energy of the processed signal over the clean one's in 100-1000 Hz."""
    kept, whole = (math.fsum(_banded(one, rate) ** 2) for one in (processed, clean))
    return 10 * math.log10(kept / whole)


def _banded(signal: Array, rate: int) -> Array:
    """An order-4 Butterworth band-pass of 100-1000 Hz, forwards and backwards, ends mirrored odd."""
    sections = butter(4, (100.0, 1000.0), btype="bandpass", fs=rate, output="sos")
    start = sosfilt_zi(sections)
    padding = 3 * (2 * len(sections) + 1)
    head = 2 * signal[0] - signal[padding:0:-1]
    tail = 2 * signal[-1] - signal[-2 : -padding - 2 : -1]
    line = np.concatenate([head, signal, tail])
    for _ in range(2):
        line = _cascade(line, sections, start * line[0])[::-1]
    return line[padding:-padding]


def _cascade(signal: Array, sections: Array, states: Array) -> Array:
    """Second-order sections, one sample at a time."""
    line = signal.tolist()
    for (b0, b1, b2, _, a1, a2), state in zip(sections.tolist(), states.tolist(), strict=True):
        first, second = state
        for n, sample in enumerate(line):
            line[n] = b0 * sample + first
            first, second = b1 * sample - a1 * line[n] + second, b2 * sample - a2 * line[n]
    return np.array(line)


def sdr(clean: Array, processed: Array, rate: int) -> float:
    """SDR: the reference filtered by the best 512 taps, of the normal equations, against the rest."""
    taps, num = 512, len(clean)
    correlation = np.array([np.dot(clean[: num - lag], clean[lag:]) for lag in range(taps)])
    cross = np.array([np.dot(clean[: num - lag], processed[lag:]) for lag in range(taps)])
    matrix = np.array([[correlation[abs(i - j)] for j in range(taps)] for i in range(taps)])
    target = np.convolve(clean, np.linalg.solve(matrix, cross))
    error = np.concatenate([processed, np.zeros(taps - 1)]) - target
    return 10 * math.log10(math.fsum(target**2) / math.fsum(error**2))


def critical_bands(rate: int) -> tuple[int, list[Array]]:
    """FFT length and the 25 filters."""
    numbers = [float(word) for word in BANDS_HZ.split()]
    size = 2 ** math.ceil(math.log2(2 * round(0.03 * rate)))
    filters = []
    for centre, width in zip(numbers[::2], numbers[1::2], strict=True):
        peak = math.floor(centre / (rate / 2) * size / 2)
        spread = width / (rate / 2) * size / 2
        values = [
            math.exp(-11 * ((j - peak) / spread) ** 2 + math.log(70.0) - math.log(width)) for j in range(size // 2)
        ]
        filters.append(np.array([value if value > math.exp(-30 / (2 * 2.303)) else 0.0 for value in values]))
    return size, filters


def fwssnr(clean: Array, processed: Array, rate: int) -> float:
    """Frequency-weighted segmental SNR."""
    size, filters = critical_bands(rate)
    values = []
    for c, p in zip(frames_of(clean, rate), frames_of(processed, rate), strict=True):
        spectra = [np.abs(np.fft.fft(part, size))[: size // 2] for part in (c, p)]
        spectra = [spectrum / spectrum.sum() for spectrum in spectra]
        above = below = 0.0
        for band in filters:
            x, y = (float(np.sum(spectrum * band)) for spectrum in spectra)
            above += x**0.2 * 10 * math.log10(x**2 / max((x - y) ** 2, EPS))
            below += x**0.2
        values.append(min(max(above / below, -10.0), 35.0))
    return float(np.mean(values))


def wss(clean: Array, processed: Array, rate: int) -> float:
    """Weighted spectral slope distance."""
    size, filters = critical_bands(rate)
    values = []
    for pair in zip(frames_of(clean, rate), frames_of(processed, rate), strict=True):
        slopes, weights = [], []
        for part in pair:
            power = np.abs(np.fft.fft(part, size))[: size // 2] ** 2
            level = [10 * math.log10(max(float(np.sum(power * band)), 1e-10)) for band in filters]
            slope = [level[j + 1] - level[j] for j in range(24)]
            weight = []
            for j in range(24):
                n = j
                if slope[j] > 0:
                    while n < 24 and slope[n] > 0:
                        n += 1
                    peak = level[n - 1]
                else:
                    while n >= 0 and slope[n] <= 0:
                        n -= 1
                    peak = level[n + 1]
                weight.append(20 / (20 + max(level) - level[j]) * 1 / (1 + peak - level[j]))
            slopes.append(slope)
            weights.append(weight)
        both = [(a + b) / 2 for a, b in zip(*weights, strict=True)]
        total = sum(w * (a - b) ** 2 for w, a, b in zip(both, *slopes, strict=True))
        values.append(total / sum(both))
    return lowest_mean(values)


def llr(clean: Array, processed: Array, rate: int) -> float:
    """Log-likelihood ratio; coefficients by a dense solve."""
    order = 10 if rate < 10000 else 16
    values = []
    for c, p in zip(frames_of(clean, rate), frames_of(processed, rate), strict=True):
        matrices, coefficients = [], []
        for part in (c, p):
            r = [float(np.dot(part[: len(part) - lag], part[lag:])) for lag in range(order + 1)]
            matrix = np.array([[r[abs(i - j)] for j in range(order + 1)] for i in range(order + 1)])
            solved = np.linalg.solve(matrix[:order, :order], -np.array(r[1:]))
            matrices.append(matrix)
            coefficients.append(np.concatenate([[1.0], solved]))
        of_clean, of_processed = coefficients
        above, below = of_processed @ matrices[0] @ of_processed, of_clean @ matrices[0] @ of_clean
        values.append(math.log(above / below))
    return lowest_mean(values)


def lowest_mean(values: Sequence[float]) -> float:
    """Mean of the lowest 95 %."""
    return float(np.mean(sorted(values)[: math.floor(0.95 * len(values) + 0.5)]))


def power_frames(samples: Array, rate: int) -> list[Array]:
    """Power spectra of Hann windows of 32 ms every 8 ms."""
    length, hop = round(0.032 * rate), round(0.008 * rate)
    window = np.array([0.5 - 0.5 * math.cos(2 * math.pi * n / length) for n in range(length)])
    starts = range(0, len(samples) - length + 1, hop)
    return [np.abs(np.fft.fft(samples[k : k + length] * window)[: length // 2 + 1]) ** 2 for k in starts]


def lsd(clean: Array, processed: Array, rate: int) -> float:
    """Log-spectral distance, floored 50 dB under the reference's maximum."""
    target, output = power_frames(clean, rate), power_frames(processed, rate)
    floor = max(float(frame.max()) for frame in target) / 1e5
    values = []
    for c, p in zip(target, output, strict=True):
        squares = [
            (10 * math.log10(max(x, floor)) - 10 * math.log10(max(y, floor))) ** 2 for x, y in zip(c, p, strict=True)
        ]
        values.append(math.sqrt(sum(squares) / len(squares)))
    return float(np.mean(values))


def mcd(clean: Array, processed: Array, rate: int) -> float:
    """Mel-cepstral distortion of cepstra 1 to 13 of 40 bands; librosa's filters."""
    import librosa

    filters = librosa.filters.mel(
        sr=rate, n_fft=round(0.032 * rate), n_mels=40, fmax=min(8000.0, rate / 2), dtype=np.float64
    )
    target, output = ([filters @ frame for frame in power_frames(one, rate)] for one in (clean, processed))
    floor = max(float(frame.max()) for frame in target) / 1e5
    values = []
    for c, p in zip(target, output, strict=True):
        total = 0.0
        for m in range(1, 14):
            cosine = [math.cos(math.pi * m * (j + 0.5) / 40) for j in range(40)]
            of_c, of_p = (
                sum(math.log(max(x, floor)) * w for x, w in zip(one, cosine, strict=True)) / 40 for one in (c, p)
            )
            total += (of_c - of_p) ** 2
        values.append(10 / math.log(10) * math.sqrt(2 * total))
    return float(np.mean(values))


def energy_correlation(clean: Array, processed: Array, rate: int) -> float:
    """Correlation of levels of 30 ms every 10 ms, floored 40 dB under the loudest."""
    hop = round(0.01 * rate)
    courses = []
    for one in (clean, processed):
        energies = [math.fsum(one[k * hop : (k + 3) * hop] ** 2) for k in range(len(one) // hop - 2)]
        floor = max(energies) / 1e4
        courses.append([10 * math.log10(max(energy, floor)) for energy in energies])
    return float(np.corrcoef(courses[0], courses[1])[0, 1])


def f0_rmse_cents(clean_hz: Array, processed_hz: Array) -> float:
    """Error of two pitch tracks (T,) in Hz, 0 where unvoiced, over the frames voiced in both."""
    errors = [1200 * math.log2(p / c) for c, p in zip(clean_hz, processed_hz, strict=True) if c > 0 and p > 0]
    return math.sqrt(sum(error**2 for error in errors) / len(errors))


def voicing_error(clean_hz: Array, processed_hz: Array) -> float:
    """Share of frames voiced in one track only."""
    return sum((c > 0) != (p > 0) for c, p in zip(clean_hz, processed_hz, strict=True)) / len(clean_hz)


def composite(llr_value: float, pesq_value: float, wss_value: float, ssnr_value: float) -> tuple[float, float, float]:
    """CSIG, CBAK and COVL."""
    ratings = (
        3.093 - 1.029 * llr_value + 0.603 * pesq_value - 0.009 * wss_value,
        1.634 + 0.478 * pesq_value - 0.007 * wss_value + 0.063 * ssnr_value,
        1.594 + 0.805 * pesq_value - 0.512 * llr_value - 0.007 * wss_value,
    )
    return (max(1.0, min(5.0, ratings[0])), max(1.0, min(5.0, ratings[1])), max(1.0, min(5.0, ratings[2])))


def f0_gross_error(clean_hz: Array, processed_hz: Array) -> float:
    """Share of the frames voiced in both tracks that are off by more than 20 %."""
    ratios = [p / c for c, p in zip(clean_hz, processed_hz, strict=True) if c > 0 and p > 0]
    return sum(abs(ratio - 1) > 0.2 for ratio in ratios) / len(ratios)
