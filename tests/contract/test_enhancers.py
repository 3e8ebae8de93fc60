"""Every registered enhancer keeps the contract of merit_cli.enhancers.contract."""

import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import soundfile

from merit_cli.enhancers import ENHANCERS
from merit_cli.enhancers.contract import Contracted, Enhancer
from merit_cli.enhancers.rnnoise import RnnoiseEngine
from merit_cli.enhancers.select import enhancer_config
from merit_cli.errors import BadData, Unavailable
from merit_cli.io.audio_file import resample

FloatArray = npt.NDArray[np.float32]
WriteGraph = Callable[[Path, int | None], Path]
BUILT_IN = [
    "deepfilternet3",
    "dtln",
    "fastenhancer",
    "gtcrn",
    "identity",
    "low-pass",
    "mmse-lsa",
    "mmse-stsa",
    "om-lsa",
    "onnx",
    "rnnoise",
    "spectral-gate",
    "spectral-subtraction",
    "speechbrain",
    "wiener",
]
NEED_WEIGHTS = {"deepfilternet3", "dtln", "gtcrn", "rnnoise"}
NEED_A_FILE = {"fastenhancer", "onnx", "speechbrain"}
"""Given tiny networks of this test's own, which do not enhance."""
RATES = [8000, 16000, 44100, 48000]

HIGH_PASS_LEAD_S = 1.25e-4
"""Time by which the lowest harmonics lead where a causal high-pass stands before the network."""


def _is_rnnoise(enhancer: Enhancer) -> bool:
    return isinstance(enhancer, Contracted) and isinstance(enhancer.engine, RnnoiseEngine)


def _why_not(name: str) -> str:
    try:
        enhancer_config(name).build()
    except Unavailable as error:
        return str(error)
    return ""


@pytest.fixture(scope="module")
def own_files(
    tmp_path_factory: pytest.TempPathFactory, write_wave_graph: WriteGraph, write_mask_folder: Callable[[Path], Path]
) -> dict[str, dict[str, str]]:
    """Parameters of the enhancers that a user gives a file."""
    folder = tmp_path_factory.mktemp("networks")
    weights = write_wave_graph(folder / "late.onnx", 256)
    write_wave_graph(folder / "whole.onnx", None)
    (folder / "whole.yaml").write_text("file: whole.onnx\nsample_rate: 16000\n", encoding="utf-8")
    return {
        "fastenhancer": {"weights": str(weights)},
        "onnx": {"descriptor": str(folder / "whole.yaml")},
        "speechbrain": {"model": str(write_mask_folder(folder / "masks"))},
    }


@pytest.fixture(scope="module", params=ENHANCERS.names())
def enhancer(request: pytest.FixtureRequest) -> Enhancer:
    if request.param in NEED_A_FILE:
        own_files = request.getfixturevalue("own_files")
        return enhancer_config({"name": request.param, **own_files[request.param]}).build()
    if why := _why_not(request.param):
        pytest.skip(why)
    return enhancer_config(request.param).build()


@pytest.fixture(scope="module")
def clean(speech_folder: Path) -> FloatArray:
    samples, _ = soundfile.read(speech_folder / "utterance0.wav", dtype="float32")
    return samples


@pytest.fixture(scope="module")
def noisy(clean: FloatArray) -> FloatArray:
    return _with_noise(clean, -40.0)


def _with_noise(clean: FloatArray, level_db: float) -> FloatArray:
    noise = np.random.default_rng(0).standard_normal(len(clean)).astype(np.float32)
    return clean + np.float32(10 ** (level_db / 20)) * noise


def _distance_db(made: FloatArray, wanted: FloatArray) -> float:
    """Power of the difference over that of ``wanted``, in dB."""
    error = float(np.sum((made.astype(np.float64) - wanted) ** 2))
    return 10 * np.log10(error / float(np.sum(wanted.astype(np.float64) ** 2)) + 1e-30)


def test_the_registry_holds_the_names_of_the_documentation() -> None:
    assert [name for name in ENHANCERS.names() if name in ENHANCERS.table] == BUILT_IN


def test_only_enhancers_with_weights_may_be_skipped() -> None:
    missing = {name for name in BUILT_IN if _why_not(name)}
    assert missing <= NEED_WEIGHTS | NEED_A_FILE
    assert missing >= NEED_A_FILE
    assert all("merit prepare weights" in _why_not(name) for name in missing & NEED_WEIGHTS)
    assert all("--set enhancer." in _why_not(name) for name in NEED_A_FILE)


@pytest.mark.parametrize("sample_rate", RATES)
@pytest.mark.parametrize("num_samples", [1, 2, 100, 511, 5000, 12345])
def test_output_has_the_length_of_the_input(enhancer: Enhancer, num_samples: int, sample_rate: int) -> None:
    noisy = 0.1 * np.random.default_rng(1).standard_normal(num_samples).astype(np.float32)
    enhanced = enhancer(noisy, sample_rate)
    assert enhanced.shape == (num_samples,)
    assert enhanced.dtype == np.float32
    assert np.isfinite(enhanced).all()


def test_an_empty_signal_stays_empty(enhancer: Enhancer) -> None:
    assert enhancer(np.zeros(0, np.float32), 16000).shape == (0,)


@pytest.mark.parametrize("sample_rate", RATES)
def test_output_is_not_delayed(enhancer: Enhancer, noisy: FloatArray, clean: FloatArray, sample_rate: int) -> None:
    wanted = resample(clean, 16000, sample_rate).astype(np.float64)
    enhanced = enhancer(resample(noisy, 16000, sample_rate), sample_rate)
    size = 2 * len(wanted)
    spectrum = np.fft.rfft(enhanced, size) * np.conj(np.fft.rfft(wanted, size))
    lag = int(np.fft.irfft(spectrum).argmax())
    lead_s = HIGH_PASS_LEAD_S if _is_rnnoise(enhancer) else 0.0
    assert min(lag, size - lag) <= round(lead_s * sample_rate)


def test_a_second_call_gives_the_same_bits(enhancer: Enhancer, noisy: FloatArray) -> None:
    first = enhancer(noisy, 16000)
    enhancer(noisy[::-1].copy(), 16000)  # what came in between must not matter
    assert np.array_equal(enhancer(noisy, 16000), first)


def test_input_stays_untouched(enhancer: Enhancer, noisy: FloatArray) -> None:
    given = noisy.copy()
    given.setflags(write=False)
    enhancer(given, 16000)
    assert np.array_equal(given, noisy)


@pytest.mark.parametrize("sample_rate", [16000, 48000])
def test_silence_gives_exact_silence(enhancer: Enhancer, sample_rate: int) -> None:
    assert not enhancer(np.zeros(4000, np.float32), sample_rate).any()


@pytest.mark.parametrize("gain", [1e-6, 0.01, 3.0, 1000.0])
def test_a_gain_on_the_input_is_a_gain_on_the_output(enhancer: Enhancer, noisy: FloatArray, gain: float) -> None:
    wanted = np.float32(gain) * enhancer(noisy, 16000)
    made = enhancer(np.float32(gain) * noisy, 16000)
    rounding_db = -70 if _is_rnnoise(enhancer) else -80  # of the level, to float32, through recursions
    assert _distance_db(made, wanted) < rounding_db  # RNNoise rounds its activations to 8 bits, too


@pytest.mark.parametrize("kind", ["click", "dc", "square", "tiny", "leading silence", "gap", "loud"])
def test_odd_signals_give_finite_output(enhancer: Enhancer, kind: str) -> None:
    noise = np.random.default_rng(2).standard_normal(16000).astype(np.float32)
    signal = {
        "click": np.eye(1, 16000, 8000, dtype=np.float32)[0],
        "dc": np.full(16000, 0.5, np.float32),
        "square": np.sign(np.sin(np.arange(16000) / 10)).astype(np.float32),
        "tiny": np.float32(1e-38) * noise,
        "leading silence": np.where(np.arange(16000) < 10000, 0, noise).astype(np.float32),
        "gap": np.where((np.arange(16000) // 4000) % 2 == 0, 0, noise).astype(np.float32),
        "loud": np.float32(1e20) * noise,
    }[kind]
    enhanced = enhancer(signal, 16000)
    assert enhanced.shape == signal.shape
    assert np.isfinite(enhanced).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_signal_that_is_not_finite_is_refused(enhancer: Enhancer, bad: float) -> None:
    signal = np.full(1000, 0.1, np.float32)
    signal[500] = bad
    with pytest.raises(BadData, match="NaN or infinite"):
        enhancer(signal, 16000)


def test_clean_speech_passes_nearly_unchanged(enhancer: Enhancer, clean: FloatArray) -> None:
    """Noise 60 dB down leaves nothing to remove; no enhancer may then do harm of more than -6 dB."""
    assert _distance_db(enhancer(_with_noise(clean, -80.0), 16000), clean) < -6


@pytest.mark.parametrize("sample_rate", [16000, 22050])
def test_blocks_join_without_a_trace(
    enhancer: Enhancer, noisy: FloatArray, sample_rate: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What an engine is fed at once, at its own rate or another, must not be heard."""
    whole = enhancer(noisy, sample_rate)
    monkeypatch.setattr("merit_cli.enhancers.contract._PUSH", 5000)
    assert _distance_db(enhancer(noisy, sample_rate), whole) < -60


def test_working_memory_does_not_grow_with_the_file(enhancer: Enhancer) -> None:
    signal = 0.05 * np.random.default_rng(3).standard_normal(40 * 16000).astype(np.float32)
    tracemalloc.start()
    enhancer(signal, 16000)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # A handful of copies of the signal, and one block of spectra; each copy of the whole spectrum would be 5 MB at a
    # hop of 16 ms and 10 MB at 8 ms, and there are about eight.
    assert peak < 6 * signal.nbytes + 24e6
