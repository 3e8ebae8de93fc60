"""Enhancers over signals that come in blocks, beside what a whole call makes of them."""

from collections.abc import Iterator

import numpy as np
import pytest

from merit_cli.enhancers import long_signals
from merit_cli.enhancers.contract import Contracted, FloatArray
from merit_cli.enhancers.identity import IdentityEngine
from merit_cli.enhancers.long_signals import Reader, enhanced_blocks
from merit_cli.enhancers.select import enhancer_config
from merit_cli.enhancers.streaming import HopEngine, HopFunction
from merit_cli.errors import BadData
from merit_cli.units import Seconds

RATE = 16000


def _breath(seconds: float, *, seed: int = 0) -> FloatArray:
    """Noise that rises and falls every four seconds, over noise that stays."""
    rng, time = np.random.default_rng(seed), np.arange(round(seconds * RATE)) / RATE
    swing = np.square(np.sin(np.pi * time / 4.0))
    noise = rng.standard_normal((2, len(time)))
    return np.asarray(0.05 * swing * noise[0] + 0.01 * noise[1], dtype=np.float32)


def _reader(signal: FloatArray, length: int = 50_000) -> Reader:
    def read() -> Iterator[FloatArray]:
        yield from (signal[start : start + length] for start in range(0, len(signal), length))

    return read


def _snr_db(wanted: FloatArray, made: FloatArray) -> float:
    """How far the difference lies under what is wanted."""
    difference = np.square(made - wanted, dtype=np.float64).sum()
    return float(10.0 * np.log10(np.square(wanted, dtype=np.float64).sum() / max(difference, 1e-30)))


@pytest.mark.parametrize("share", [0.0, 0.2])
@pytest.mark.parametrize("name", ["mmse-lsa", "om-lsa", "spectral-gate", "wiener", "low-pass"])
def test_a_join_is_not_seen_under_the_enhanced_signal(name: str, share: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stretches of a tenth of the length that is used, so that there are joins in two minutes."""
    monkeypatch.setattr(long_signals, "STRETCH", Seconds(75.0))
    signal = _breath(120.0)
    enhancer = enhancer_config({"name": name, "mix_back": share}).build()
    made = np.concatenate(list(enhanced_blocks(enhancer, _reader(signal), RATE)))
    assert len(made) == len(signal)
    assert _snr_db(enhancer(signal, RATE), made) > 60.0


class _Late:
    """A moving mean over the last 301 samples, 150 late, at its own rate; takes chunks."""

    streams = False
    delay = 150

    def __init__(self, sample_rate: int | None) -> None:
        self.sample_rate = sample_rate

    def process(self, noisy_N: FloatArray, sample_rate: int) -> FloatArray:
        return np.convolve(noisy_N, np.full(301, 1 / 301, np.float32))[: len(noisy_N)].astype(np.float32)


@pytest.mark.parametrize("rate", [None, 16000, 48000])
@pytest.mark.parametrize("seconds", [0.5, 3.0, 10.0])
def test_an_engine_that_takes_chunks_gives_the_same_to_rounding(rate: int | None, seconds: float) -> None:
    signal = _breath(seconds)
    enhancer = Contracted(_Late(rate), chunk=Seconds(2.0), noisy_share=0.1)
    made = np.concatenate(list(enhanced_blocks(enhancer, _reader(signal, 7001), RATE)))
    assert len(made) == len(signal)
    assert _snr_db(enhancer(signal, RATE), made) > 100.0


class _Hops(HopEngine):
    """The mean of a hop and the one before, a hop late."""

    sample_rate, hop_length, late = 48000, 480, 480

    def hop_function(self) -> HopFunction:
        last = np.zeros((1, 480), dtype=np.float32)

        def function(hops_TH: FloatArray) -> FloatArray:
            nonlocal last
            before, last = np.concatenate([last, hops_TH])[:-1], hops_TH[-1:]
            return np.asarray((before + hops_TH) / 2, dtype=np.float32)

        return function


def test_an_engine_that_is_fed_hop_by_hop_gives_the_same_to_rounding() -> None:
    signal = _breath(20.0)
    enhancer = Contracted(_Hops())
    made = np.concatenate(list(enhanced_blocks(enhancer, _reader(signal), RATE)))
    assert _snr_db(enhancer(signal, RATE), made) > 100.0


def test_the_identity_gives_the_signal_itself() -> None:
    signal = _breath(2.0)
    assert np.array_equal(np.concatenate(list(enhanced_blocks(IdentityEngine(), _reader(signal), RATE))), signal)


def test_silence_stays_silence() -> None:
    enhancer = enhancer_config("mmse-lsa").build()
    made = np.concatenate(list(enhanced_blocks(enhancer, _reader(np.zeros(9000, np.float32), 4000), RATE)))
    assert made.shape == (9000,)
    assert not made.any()


def test_samples_that_are_no_numbers_are_refused() -> None:
    signal = _breath(1.0)
    signal[12_000] = np.nan
    with pytest.raises(BadData, match="NaN"):
        list(enhanced_blocks(enhancer_config("mmse-lsa").build(), _reader(signal, 4000), RATE))
