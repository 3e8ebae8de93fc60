"""DNSMOS against its package, its conventions, and without its package."""

import importlib.util

import numpy as np
import numpy.typing as npt
import pytest

from merit_cli.assets import bundled
from merit_cli.errors import BadData, Unavailable
from merit_cli.io.audio_file import read_audio
from merit_cli.metrics import dnsmos
from merit_cli.metrics.dnsmos import dnsmos_ovrl, rate_signal, windows_of
from merit_cli.metrics.spec import load_metric

needs_package = pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in dnsmos.PACKAGES), reason="the extra mos is not installed"
)


@pytest.fixture(scope="module")
def speech() -> npt.NDArray[np.float32]:
    folder = bundled("data_manifests/sample/speech/allison")
    return read_audio(folder / "conf-locked.flac", sample_rate=16000).samples


@needs_package
def test_ratings_equal_those_of_the_package(speech: npt.NDArray[np.float32]) -> None:
    package = pytest.importorskip("speechmos.dnsmos")
    theirs = package.run(speech, 16000)
    ours = rate_signal(speech, 16000)
    expected = (theirs["sig_mos"], theirs["bak_mos"], theirs["ovrl_mos"])
    assert tuple(ours) == pytest.approx(expected, abs=1e-4)  # float32 in a network, another number of threads


@needs_package
def test_noise_lowers_the_rating_of_the_background(speech: npt.NDArray[np.float32]) -> None:
    noisy = speech + 0.03 * np.random.default_rng(0).standard_normal(speech.size).astype(np.float32)
    assert rate_signal(noisy, 16000).background < rate_signal(speech, 16000).background - 0.5


@pytest.mark.parametrize("seconds", [0.1, 1.0, 4.0, 5.0, 9.005, 9.01, 9.5, 10.0, 10.5, 30.0])
def test_windows_are_those_of_the_package(seconds: float) -> None:
    samples = np.arange(round(seconds * 16000), dtype=np.float32)
    audio = samples
    while len(audio) < int(9.01 * 16000):
        audio = np.append(audio, audio)
    num_hops = int(np.floor(len(audio) / 16000) - 9.01) + 1
    expected = [audio[k * 16000 : int((k + 9.01) * 16000)] for k in range(num_hops)]
    np.testing.assert_array_equal(windows_of(samples), [one for one in expected if len(one) == 144160])


NOISE = 0.1 * np.random.default_rng(0).standard_normal(16000)


@pytest.mark.parametrize(
    ("samples", "rate", "words"),
    [
        (NOISE, 8000, "not defined at 8000 Hz"),
        (NOISE.reshape(2, -1), 16000, "must be mono"),
        (NOISE[:1000], 16000, "too short"),
        (np.where(np.arange(16000) == 5, np.nan, NOISE), 16000, "NaN"),
        (np.zeros(16000), 16000, "silent"),
        (NOISE * 32768, 16000, r"samples in \[-1, 1\]"),
    ],
)
def test_bad_signals_are_refused_in_words(samples: npt.NDArray[np.float64], rate: int, words: str) -> None:
    with pytest.raises(BadData, match=words):
        dnsmos_ovrl(None, samples, sample_rate=rate)


def test_a_missing_package_is_named_with_its_extra_before_anything_is_scored(monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "speechmos" else real(name))
    with pytest.raises(Unavailable, match="the metric 'dnsmos_ovrl' needs the package 'speechmos'") as caught:
        load_metric("dnsmos", place="--metrics")
    assert caught.value.hint == "pip install 'merit-cli[mos]'"
    assert caught.value.place == "--metrics"
