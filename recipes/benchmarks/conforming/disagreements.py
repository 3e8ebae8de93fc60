"""One pair measured by the conventions that other tools follow, so that the page can show how far apart they are."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from conforming import naive
from conforming.material import RATE, Pair
from conforming.rows import our_value

from merit_cli.metrics.dnsmos import windows_of

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Variant:
    """One convention: what it measures, how, its value, and who follows it or why it differs."""

    metric: str
    convention: str
    value: float
    remark: str


def variants(pair: Pair) -> Iterator[Variant]:
    """All conventions on one pair."""
    yield from _segmental(pair)
    yield from _composite(pair)
    yield from _intelligibility(pair)
    yield from _windows(pair)


def _segmental(pair: Pair) -> Iterator[Variant]:
    clean, noisy = pair.clean, pair.noisy
    yield Variant("SSNR", "`ssnr_db`: 30 ms Hann, 3/4 overlap, [-10, 35]", our_value("ssnr_db", clean, noisy), "Loizou")
    yield Variant(
        "SSNR",
        "`ssnr_active_db`: frames within 40 dB of the loudest",
        our_value("ssnr_active_db", clean, noisy),
        "ours",
    )
    for seconds, low, high, who in (
        (0.03, -10.0, 35.0, "rectangular frames"),
        (0.016, -10.0, 35.0, "256 samples at 16 kHz"),
        (0.03, -20.0, 35.0, "wider clamp, as some enhancement papers have"),
        (0.03, -math.inf, math.inf, "no clamp: pauses rule"),
    ):
        length = round(seconds * RATE)
        value = _plain_segmental(clean, noisy, length, low, high)
        yield Variant("SSNR", f"{1000 * seconds:g} ms rectangular, no overlap, [{low:g}, {high:g}]", value, who)


def _plain_segmental(clean: Array, noisy: Array, length: int, low: float, high: float) -> float:
    starts = range(0, len(clean) - length + 1, length)
    values = []
    for k in starts:
        signal = float(np.sum(clean[k : k + length] ** 2))
        error = float(np.sum((clean - noisy)[k : k + length] ** 2))
        values.append(min(max(10 * math.log10((signal + naive.EPS) / (error + naive.EPS)), low), high))
    return float(np.mean(values))


def _composite(pair: Pair) -> Iterator[Variant]:
    parts = {name: our_value(name, pair.clean, pair.noisy) for name in ("llr", "wss", "ssnr_db", "pesq_wb", "pesq_nb")}
    raw = (4.6607 - math.log(4.0 / (parts["pesq_nb"] - 0.999) - 1.0)) / 1.4945  # P.862.1, eq. 1, turned round
    for convention, pesq, remark in (
        ("`covl`: wide-band MOS-LQO", parts["pesq_wb"], "VoiceBank papers, pysepm at 16 kHz"),
        ("narrow-band raw PESQ", raw, "as the regression was fitted; pysepm at 8 kHz"),
        ("narrow-band MOS-LQO", parts["pesq_nb"], "scripts that ask the package pesq for nb"),
    ):
        rating = naive.composite(parts["llr"], pesq, parts["wss"], parts["ssnr_db"])[2]
        yield Variant("COVL", convention, rating, remark)


def _intelligibility(pair: Pair) -> Iterator[Variant]:
    middle = pair.noisy.size // 2
    muted = pair.noisy.copy()
    muted[middle - RATE // 2 : middle + RATE // 2] = 0.0
    for name, processed in (("the noisy signal", pair.noisy), ("the same with its middle second muted", muted)):
        values = [_seeded_estoi(pair.clean, processed, seed) for seed in range(5)]
        ours = our_value("estoi", pair.clean, processed)
        convention = f"pystoi on {name}: spread over five global seeds"
        yield Variant(
            "ESTOI", convention, max(values) - min(values), f"its mean {np.mean(values):.6f}, ours {ours:.6f}"
        )


def _seeded_estoi(clean: Array, processed: Array, seed: int) -> float:
    from pystoi import stoi

    state = np.random.get_state()
    try:
        np.random.seed(seed)
        return float(stoi(clean, processed, RATE, extended=True))
    finally:
        np.random.set_state(state)


def _windows(pair: Pair) -> Iterator[Variant]:
    repeated = np.resize(pair.noisy, 20 * RATE).astype(np.float32)
    remark = "speechmos leaves out windows that start at 7 to 23 s, by rounding; ours follows it"
    yield Variant("DNSMOS", "windows heard of 20 s (12 fit)", float(len(windows_of(repeated))), remark)
