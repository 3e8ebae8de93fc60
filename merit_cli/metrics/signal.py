"""Metrics of one processed signal against its clean reference, in dB; pure functions of arrays.

All take mono signals (N,) of equal length, compute in float64, and refuse what they are not
defined on. The two are compared sample by sample: nothing is aligned, cut or scaled first, except
where the formula says so.
"""

import numpy as np

from merit_cli.audio.band_level import in_band
from merit_cli.audio.levels import inner_product
from merit_cli.audio.snr import is_silent
from merit_cli.errors import BadData
from merit_cli.metrics.spec import FloatArray, MetricSpec, Samples

SSNR_FRAME_SECONDS = 0.03
SSNR_MIN_DB, SSNR_MAX_DB = -10.0, 35.0
SSNR_EPS = float(np.finfo(np.float64).eps)
ACTIVE_RANGE_DB = 40.0
LIMIT_DB = 100.0
"""Whole-signal ratios are clamped to +-100 dB, beyond what 16-bit files can hold, so that a mean stays finite."""

_SSNR_SOURCE = (
    "Hansen and Pellom 1998, frames clamped to [-10, 35] dB; Loizou, Speech Enhancement, 2013, sec. 11.2: "
    "Hann windows of 30 ms, three quarters overlapping"
)


def check_pair(clean: Samples, processed: Samples) -> tuple[FloatArray, FloatArray]:
    """Both signals in float64.

    Raises:
        BadData: They are not mono, their lengths differ, one is empty or holds NaN, or the reference is silent.
    """
    for name, samples in (("clean reference", clean), ("processed signal", processed)):
        if samples.ndim != 1:
            raise BadData(f"the {name} has shape {samples.shape} and must be mono")
        if samples.size == 0:
            raise BadData(f"the {name} holds no samples")
        if not np.isfinite(samples).all():
            raise BadData(f"the {name} holds NaN or infinite samples")
    if clean.size != processed.size:
        raise BadData(f"the lengths differ: clean has {clean.size} samples, processed {processed.size}")
    if is_silent(clean):
        raise BadData("the clean reference is silent (under -100 dBFS)")
    return np.asarray(clean, dtype=np.float64), np.asarray(processed, dtype=np.float64)


def check_rate(name: str, sample_rate: int, sample_rates: tuple[int, ...]) -> None:
    """Nothing, where the metric is defined at this rate.

    Raises:
        BadData: It is not.
    """
    if sample_rate not in sample_rates:
        rates = ", ".join(map(str, sample_rates))
        raise BadData(f"{name} is not defined at {sample_rate} Hz", hint=f"defined at {rates} Hz")


def ssnr_db(clean: Samples, processed: Samples, *, sample_rate: int) -> float:
    """Segmental SNR: mean over all frames of the frame's SNR clamped to [-10, 35] dB.

    Frames of L = round(.03 rate) samples every h = floor(L / 4), floor((N - L) / h) of them, window
    w[n] = .5 (1 - cos(2 pi n / (L + 1))), n = 1..L; each gives
    10 log10(sum (w c)^2 / (sum (w (c - p))^2 + eps) + eps), eps = 2.22e-16. No alignment. A frame
    whose reference is exact zeros scores -10 whatever the output is; `ssnr_active_db` leaves such frames out.

    Args:
        clean: (N,).
        processed: (N,).
        sample_rate: In Hz.

    Returns:
        dB in [-10, 35], higher is better.

    Raises:
        BadData: See `check_pair`; or the signal is shorter than one frame and one hop.

    Source: Hansen and Pellom 1998; Loizou 2013, sec. 11.2.

    >>> noise = np.random.default_rng(0).standard_normal(16000)
    >>> ssnr_db(noise, noise, sample_rate=16000), round(ssnr_db(noise, 0 * noise, sample_rate=16000), 6)
    (35.0, 0.0)
    """
    values, _ = _segmental(clean, processed, sample_rate)
    return float(values.mean())


def ssnr_active_db(clean: Samples, processed: Samples, *, sample_rate: int) -> float:
    """Segmental SNR as `ssnr_db`, over the frames whose reference lies within 40 dB of the loudest frame's.

    Returns:
        dB in [-10, 35], higher is better.

    Raises:
        BadData: As `ssnr_db`.

    >>> speech = np.random.default_rng(0).standard_normal(16000)
    >>> speech[:8000] = 0.0
    >>> ssnr_db(speech, speech, sample_rate=16000) < 14.0, ssnr_active_db(speech, speech, sample_rate=16000)
    (True, 35.0)
    """
    values, energies = _segmental(clean, processed, sample_rate)
    active = energies >= energies.max() * 10.0 ** (-ACTIVE_RANGE_DB / 10.0)
    return float(values[active].mean())


def si_sdr_db(clean: Samples, processed: Samples, *, sample_rate: int) -> float:
    """Scale-invariant signal-to-distortion ratio, both signals made zero-mean first.

    10 log10(|a c|^2 / |p - a c|^2) with a = <p, c> / <c, c>, clamped to +-100 dB.

    Args:
        clean: (N,).
        processed: (N,).
        sample_rate: Not used; all signal metrics are called alike.

    Returns:
        dB in [-100, 100], higher is better.

    Raises:
        BadData: See `check_pair`; or either signal is constant, where the ratio is undefined.

    Source: Le Roux, Wisdom, Erdogan, Hershey 2019, eq. 4-5.

    >>> rng = np.random.default_rng(0)
    >>> clean = rng.standard_normal(16000)
    >>> round(si_sdr_db(clean, 0.2 * (clean + 0.1 * rng.standard_normal(16000)), sample_rate=16000), 1)
    20.0
    """
    reference, estimate = check_pair(clean, processed)
    reference = _zero_mean(reference, "the clean reference is constant: SI-SDR is undefined")
    estimate = _zero_mean(estimate, "the processed signal is silent or constant: SI-SDR is undefined")
    target = reference * (inner_product(estimate, reference) / inner_product(reference, reference))
    error = estimate - target
    return _ratio_db(inner_product(target, target), inner_product(error, error))


def band_si_sdr_db(clean: Samples, processed: Samples, *, sample_rate: int) -> float:
    """SI-SDR of what both signals hold in 100-1000 Hz, where breath is and the rumble of heart and hand is not.

    Args:
        clean: (N,).
        processed: (N,).
        sample_rate: In Hz, above 200.

    Returns:
        dB in [-100, 100], higher is better.

    Raises:
        BadData: See `si_sdr_db`.

    Source: Le Roux et al. 2019, behind the filter of `merit_cli.audio.band_level`.

    >>> time = np.arange(16000) / 16000
    >>> breath, rumble = np.sin(2 * np.pi * 400 * time), np.sin(2 * np.pi * 40 * time)
    >>> band_si_sdr_db(breath, breath + 10 * rumble, sample_rate=16000) > 30  # from -20 dB
    True
    """
    reference, estimate = (in_band(signal, sample_rate) for signal in check_pair(clean, processed))
    return si_sdr_db(reference, estimate, sample_rate=sample_rate)


def snr_db(clean: Samples, processed: Samples, *, sample_rate: int) -> float:
    """Signal-to-noise ratio 10 log10(|c|^2 / |c - p|^2), clamped to +-100 dB; neither scale nor mean is touched.

    Args:
        clean: (N,).
        processed: (N,).
        sample_rate: Not used; all signal metrics are called alike.

    Returns:
        dB in [-100, 100], higher is better; 0 for an all-zero output.

    Raises:
        BadData: See `check_pair`.

    >>> snr_db(np.ones(8), np.zeros(8), sample_rate=16000)
    0.0
    """
    reference, estimate = check_pair(clean, processed)
    error = reference - estimate
    return _ratio_db(inner_product(reference, reference), inner_product(error, error))


def _segmental(clean: Samples, processed: Samples, sample_rate: int) -> tuple[FloatArray, FloatArray]:
    """Clamped SNR in dB and reference energy of each frame."""
    reference, estimate = check_pair(clean, processed)
    frame_length = round(SSNR_FRAME_SECONDS * sample_rate)
    hop_length = frame_length // 4
    num_frames = (reference.size - frame_length) // hop_length
    if num_frames < 1:
        raise BadData(
            f"the signal of {reference.size} samples is too short for segmental SNR",
            hint=f"{frame_length + hop_length} samples at least",
        )
    signal = _frame_energies(reference, frame_length, hop_length, num_frames)
    error = _frame_energies(reference - estimate, frame_length, hop_length, num_frames)
    values = 10.0 * np.log10(signal / (error + SSNR_EPS) + SSNR_EPS)
    return np.clip(values, SSNR_MIN_DB, SSNR_MAX_DB), signal


def _frame_energies(samples: FloatArray, frame_length: int, hop_length: int, num_frames: int) -> FloatArray:
    """Energy of each windowed frame, summed hop by hop so that overlapping frames are never copied out."""
    window = 0.5 * (1.0 - np.cos(2.0 * np.pi * np.arange(1, frame_length + 1) / (frame_length + 1)))
    hops_per_frame = -(-frame_length // hop_length)
    weights = np.zeros(hops_per_frame * hop_length)
    weights[:frame_length] = window**2
    squares = np.zeros((num_frames + hops_per_frame - 1) * hop_length)
    num_used = min(squares.size, samples.size)
    squares[:num_used] = samples[:num_used] ** 2
    by_hop = squares.reshape(-1, hop_length) @ weights.reshape(hops_per_frame, hop_length).T
    energies: FloatArray = np.zeros(num_frames)
    for part in range(hops_per_frame):
        energies += by_hop[part : part + num_frames, part]
    return energies


def _zero_mean(samples: FloatArray, refusal: str) -> FloatArray:
    centred: FloatArray = samples - samples.mean()
    if inner_product(centred, centred) <= 1e-20 * inner_product(samples, samples):  # what rounding leaves of a constant
        raise BadData(refusal)
    return centred


def _ratio_db(signal: float, error: float) -> float:
    if error <= 0.0:
        return LIMIT_DB
    if signal <= 0.0:
        return -LIMIT_DB
    return float(np.clip(10.0 * np.log10(signal / error), -LIMIT_DB, LIMIT_DB))


SSNR_DB = MetricSpec(
    "ssnr_db", "signal", ssnr_db, "dB", higher_is_better=True, range=(SSNR_MIN_DB, SSNR_MAX_DB), source=_SSNR_SOURCE
)
SSNR_ACTIVE_DB = MetricSpec(
    "ssnr_active_db",
    "signal",
    ssnr_active_db,
    "dB",
    higher_is_better=True,
    range=(SSNR_MIN_DB, SSNR_MAX_DB),
    source=f"{_SSNR_SOURCE}; frames within 40 dB of the loudest",
)
SI_SDR_DB = MetricSpec(
    "si_sdr_db",
    "signal",
    si_sdr_db,
    "dB",
    higher_is_better=True,
    range=(-LIMIT_DB, LIMIT_DB),
    source="Le Roux et al. 2019, eq. 4-5; zero-mean",
)
BAND_SI_SDR_DB = MetricSpec(
    "band_si_sdr_db",
    "signal",
    band_si_sdr_db,
    "dB",
    higher_is_better=True,
    range=(-LIMIT_DB, LIMIT_DB),
    source="Le Roux et al. 2019, eq. 4-5, in 100-1000 Hz",
)
SNR_DB = MetricSpec(
    "snr_db", "signal", snr_db, "dB", higher_is_better=True, range=(-LIMIT_DB, LIMIT_DB), source="definition"
)
