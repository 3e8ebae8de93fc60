"""DNSMOS P.835: what listeners would say of speech, background and whole, without a reference, by a neural network.

The network comes with the package ``speechmos`` (extra ``mos``). It hears 16 kHz mono at the level
given, samples in [-1, 1]: louder or softer copies get other scores. It takes 9.01 s; a shorter signal
is doubled until it is that long, a longer one is heard in windows that start a second apart, and the
score is the mean over the windows. One pass gives all three scores; the last few signals are remembered.

Source: Reddy, Gopal, Cutler 2022, "DNSMOS P.835: A non-intrusive perceptual objective speech quality
metric to evaluate noise suppressors"; repetition, windows and polynomials as in the package.
"""

import importlib.util
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from merit_cli.audio.snr import is_silent
from merit_cli.errors import BadData, Unavailable
from merit_cli.metrics.signal import check_rate
from merit_cli.metrics.spec import FloatArray, MetricSpec, Samples, refuse_missing_packages

DNSMOS_RATE = 16000
WINDOW_SECONDS = 9.01
WINDOW_SAMPLES = 144_160
MIN_SECONDS = 0.1
BATCH = 4
"""Windows in one pass; more takes memory and no less time on a processor core."""
MAX_PEAK = 1.5
"""Resampling may lift a full-scale signal beyond 1; what is louder than this is no waveform in [-1, 1]."""
EXTRA, PACKAGES = "mos", ("speechmos", "onnxruntime")
_POLYNOMIALS = (
    (-0.08397278, 1.22083953, 0.0052439),
    (-0.13166888, 1.60915514, -0.39604546),
    (-0.06766283, 1.11546468, 0.04602535),
)
"""From what the network gives for speech, background and whole to ratings; highest power first."""
_SOURCE = "Reddy, Gopal, Cutler 2022, package speechmos; mean over windows of 9.01 s, shorter signals repeated"


class Ratings(NamedTuple):
    """Ratings of one signal."""

    speech: float
    background: float
    overall: float


def dnsmos_ovrl(clean: Samples | None, processed: Samples, *, sample_rate: int) -> float:
    """Predicted rating of the whole.

    Args:
        clean: Not used; all signal metrics are called alike.
        processed: (N,), in [-1, 1].
        sample_rate: 16000.

    Returns:
        Rating on the scale of 1 to 5, higher is better.

    Raises:
        BadData: The signal is not mono, empty, silent, under 0.1 s, far beyond [-1, 1] or holds NaN; or
            the rate is another.
        Unavailable: The package ``speechmos`` or ``onnxruntime`` is not installed.
    """
    return rate_signal(processed, sample_rate).overall


def dnsmos_sig(clean: Samples | None, processed: Samples, *, sample_rate: int) -> float:
    """Predicted rating of the speech itself; otherwise as `dnsmos_ovrl`.

    Returns:
        Rating on the scale of 1 to 5, higher is better.

    Raises:
        BadData: As `dnsmos_ovrl`.
        Unavailable: As `dnsmos_ovrl`.
    """
    return rate_signal(processed, sample_rate).speech


def dnsmos_bak(clean: Samples | None, processed: Samples, *, sample_rate: int) -> float:
    """Predicted rating of the background, higher where less of it is heard; otherwise as `dnsmos_ovrl`.

    Returns:
        Rating on the scale of 1 to 5, higher is better.

    Raises:
        BadData: As `dnsmos_ovrl`.
        Unavailable: As `dnsmos_ovrl`.
    """
    return rate_signal(processed, sample_rate).background


def rate_signal(processed: Samples, sample_rate: int) -> Ratings:
    """All three ratings.

    Raises:
        BadData: As `dnsmos_ovrl`.
        Unavailable: As `dnsmos_ovrl`.
    """
    _check(processed, sample_rate)
    return _remembered_ratings(np.asarray(processed, dtype=np.float32).tobytes())


def windows_of(samples: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """What the network hears (W, 144160), as the package cuts it.

    The package computes a window's end in floating point and leaves out those that come out one sample short
    (the starts from 7 to 23 s). They are left out here too, so that numbers are comparable.

    >>> [len(windows_of(np.zeros(round(seconds * 16000), np.float32))) for seconds in (5, 9.1, 11)]
    [1, 1, 2]
    """
    while samples.size < WINDOW_SAMPLES:
        samples = np.concatenate([samples, samples])
    num_windows = int(samples.size // DNSMOS_RATE - WINDOW_SECONDS) + 1
    starts = [
        second * DNSMOS_RATE
        for second in range(num_windows)
        if int((second + WINDOW_SECONDS) * DNSMOS_RATE) - second * DNSMOS_RATE >= WINDOW_SAMPLES
    ]
    return np.lib.stride_tricks.sliding_window_view(samples, WINDOW_SAMPLES)[starts]


def _check(samples: Samples, sample_rate: int) -> None:
    check_rate("DNSMOS", sample_rate, (DNSMOS_RATE,))
    if samples.ndim != 1:
        raise BadData(f"the processed signal has shape {samples.shape} and must be mono")
    if samples.size < MIN_SECONDS * sample_rate:
        raise BadData(f"the signal of {samples.size} samples is too short for DNSMOS", hint="0.1 s at least")
    if not np.isfinite(samples).all():
        raise BadData("the processed signal holds NaN or infinite samples")
    if is_silent(samples):
        raise BadData("the processed signal is silent (under -100 dBFS): DNSMOS is undefined")
    peak = float(np.abs(samples).max())
    if peak > MAX_PEAK:
        raise BadData(f"the processed signal peaks at {peak:.3g}: DNSMOS takes samples in [-1, 1]")


@lru_cache(maxsize=4)
def _remembered_ratings(samples: bytes) -> Ratings:
    session = _session()
    windows = windows_of(np.frombuffer(samples, dtype=np.float32))
    raw: FloatArray = np.concatenate(
        [
            session.run(None, {"input_1": np.ascontiguousarray(windows[start : start + BATCH])})[0]
            for start in range(0, len(windows), BATCH)
        ]
    ).astype(np.float64)
    ratings = (float(np.polyval(_POLYNOMIALS[kind], raw[:, kind]).mean()) for kind in range(3))
    return Ratings(*ratings)


@lru_cache(maxsize=1)
def _session() -> Any:  # onnxruntime has no types
    """The network, on one thread: files are scored side by side.

    Raises:
        Unavailable: A package or its network is missing.
    """
    refuse_missing_packages("DNSMOS", PACKAGES, extra=EXTRA)
    import onnxruntime  # slow to import, and an extra

    found = importlib.util.find_spec("speechmos")
    folders = found.submodule_search_locations if found is not None else None
    network = Path(folders[0]) / "dnsmos_models" / "sig_bak_ovr.onnx" if folders else Path()
    if not network.is_file():
        raise Unavailable("the package 'speechmos' has no DNSMOS network", hint=f"pip install 'merit-cli[{EXTRA}]'")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(network), options, providers=["CPUExecutionProvider"])


DNSMOS_OVRL, DNSMOS_SIG, DNSMOS_BAK = (
    MetricSpec(
        name,
        "signal",
        compute,
        "rating",
        higher_is_better=True,
        range=(1.0, 5.0),
        source=_SOURCE,
        needs_reference=False,
        sample_rates=(DNSMOS_RATE,),
        packages=PACKAGES,
        extra=EXTRA,
    )
    for name, compute in (("dnsmos_ovrl", dnsmos_ovrl), ("dnsmos_sig", dnsmos_sig), ("dnsmos_bak", dnsmos_bak))
)
