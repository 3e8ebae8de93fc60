"""STOI and ESTOI of our own analysis against the library's, at every kind of rate and where signals are degenerate."""

import numpy as np
import numpy.typing as npt
import pytest
import soundfile
from pystoi import stoi as library_stoi

from merit_cli.assets import bundled
from merit_cli.io.audio_file import resample
from merit_cli.metrics import perceptual
from merit_cli.metrics.intelligibility import stoi_of
from merit_cli.metrics.perceptual import estoi, stoi

Signal = npt.NDArray[np.float64]


def voice(number: int, rate: int = 16000) -> Signal:
    clips = sorted((bundled("data_manifests/sample") / "speech").rglob("*.flac"))
    samples, its_rate = soundfile.read(clips[number * 17], dtype="float32")
    return resample(samples, its_rate, rate).astype(np.float64)


def in_hiss(clean: Signal, level: float = 0.02) -> Signal:
    return clean + level * np.random.default_rng(0).standard_normal(clean.size)


@pytest.mark.parametrize("extended", [False, True])
@pytest.mark.parametrize("rate", [8000, 9999, 10000, 11025, 16000, 22050, 44100, 48000])
def test_it_equals_the_library_at_any_rate(rate: int, extended: bool) -> None:  # noqa: FBT001
    clean = voice(1, rate)
    ours = stoi_of(clean, in_hiss(clean), rate, extended=extended)
    assert ours == pytest.approx(library_stoi(clean, in_hiss(clean), rate, extended=extended), abs=1e-12)


@pytest.mark.parametrize("number", range(5))
def test_it_equals_the_library_on_real_voices(number: int) -> None:
    clean = voice(number)
    for extended, metric in ((False, stoi), (True, estoi)):
        expected = library_stoi(clean, in_hiss(clean), 16000, extended=extended)
        assert metric(clean, in_hiss(clean), sample_rate=16000) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("extended", [False, True])
def test_digital_silence_is_left_to_the_library_and_its_noise_seeded(extended: bool) -> None:  # noqa: FBT001
    clean = voice(0)
    gated = np.where(np.arange(clean.size) < 8000, in_hiss(clean), 0.0)
    metric = estoi if extended else stoi
    np.random.seed(perceptual.STOI_SEED)
    expected = library_stoi(clean, gated, 16000, extended=extended)
    assert metric(clean, gated, sample_rate=16000) == pytest.approx(expected, abs=1e-12)
    assert stoi_of(clean, gated, 16000, extended=True) is None


def test_what_is_kept_of_the_last_pair_is_never_another_pair_s() -> None:
    clean, heard = voice(0), in_hiss(voice(0))
    first = stoi_of(clean, heard, 16000, extended=True)
    heard[:] = in_hiss(clean, 0.2)  # the same array with other samples
    assert stoi_of(clean, heard, 16000, extended=True) == pytest.approx(
        library_stoi(clean, heard, 16000, extended=True), abs=1e-12
    )
    assert stoi_of(clean, heard, 8000, extended=True) != stoi_of(clean, heard, 16000, extended=True) != first
