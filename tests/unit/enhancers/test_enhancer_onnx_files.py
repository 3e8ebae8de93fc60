"""Networks that a user gives as a file: what is refused, and by which words."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from merit_cli.enhancers.onnx_wave import OnnxConfig
from merit_cli.enhancers.select import enhancer_config
from merit_cli.enhancers.streaming import HopEngine
from merit_cli.errors import BadData, MeritError, NoInput, Unavailable

Write = Callable[[Path, int | None], Path]
STATES = "states: {cache_in_0: cache_out_0}\nhop_length: 256\n"


def described(folder: Path, text: str) -> OnnxConfig:
    (folder / "net.yaml").write_text(text, encoding="utf-8")
    config = enhancer_config({"name": "onnx", "descriptor": str(folder / "net.yaml")})
    assert isinstance(config, OnnxConfig)
    return config


@pytest.mark.parametrize(
    ("text", "error", "words"),
    [
        ("sample_rate: 16000\n", BadData, "file"),
        ("file: net.onnx\n", BadData, "sample_rate"),
        ("file: net.onnx\nsample_rate: 16000\nhop_lenght: 3\n", BadData, "hop_length"),
        ("file: net.onnx\nsample_rate: 16000\nstates: {a: b}\n", BadData, "need a hop_length"),
        ("file: net.onnx\nsample_rate: 16000\nframe_length: 9\nhop_length: 16\n", BadData, "no shorter than a hop"),
        ("file: other.onnx\nsample_rate: 16000\n", NoInput, "other.onnx"),
        ("file: net.onnx\nsample_rate: 16000\nsha256: " + "a" * 64 + "\n", BadData, "sha256 is"),
        ("file: net.onnx\nsample_rate: 16000\ninput: wave\n" + STATES, BadData, "no waveform input 'wave'"),
        ("file: net.onnx\nsample_rate: 16000\noutput: wave\n" + STATES, BadData, "no waveform output 'wave'"),
        ("file: net.onnx\nsample_rate: 16000\n", BadData, "which input is the waveform"),
        ("file: net.onnx\nsample_rate: 16000\ninput: wav_in\noutput: wav_out\n", BadData, "asks for more inputs"),
        (
            "file: net.onnx\nsample_rate: 16000\nhop_length: 256\nstates: {cache_in_0: cache_out_0, c: d}\n",
            BadData,
            "no state",
        ),
        ("file: net.onnx\nsample_rate: 16000\n" + STATES.replace("256", "128"), BadData, "frames of 128"),
    ],
)
def test_a_wrong_descriptor_is_refused(
    tmp_path: Path, write_wave_graph: Write, text: str, error: type[MeritError], words: str
) -> None:
    write_wave_graph(tmp_path / "net.onnx", 256)
    with pytest.raises(error, match=words):
        described(tmp_path, text).engine()


def test_a_file_that_is_no_network_is_refused(tmp_path: Path) -> None:
    (tmp_path / "net.onnx").write_bytes(os.urandom(1000))
    with pytest.raises(BadData, match="not a network"):
        described(tmp_path, "file: net.onnx\nsample_rate: 16000\n").engine()


def test_the_pinned_hash_lets_the_file_pass(tmp_path: Path, write_wave_graph: Write) -> None:
    found = hashlib.sha256(write_wave_graph(tmp_path / "net.onnx", None).read_bytes()).hexdigest()
    config = described(tmp_path, f"file: net.onnx\nsample_rate: 16000\nsha256: {found}\n")
    assert config.build().sample_rate == 16000
    assert found in config.content()
    assert config.num_parameters() == 0


def test_a_graph_for_any_length_gets_long_signals_in_chunks(tmp_path: Path, write_wave_graph: Write) -> None:
    write_wave_graph(tmp_path / "net.onnx", None)
    enhancer = described(tmp_path, "file: net.onnx\nsample_rate: 8000\n").build()
    signal = np.random.default_rng(0).standard_normal(70 * 8000).astype(np.float32)
    assert enhancer(signal, 8000) == pytest.approx(signal, abs=1e-5)


def test_without_a_file_the_hint_says_how_to_give_one() -> None:
    with pytest.raises(Unavailable, match=r"--set enhancer\.weights="):
        enhancer_config("fastenhancer").build()
    with pytest.raises(Unavailable, match=r"--set enhancer\.descriptor="):
        enhancer_config("onnx").build()


def test_the_descriptor_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(NoInput, match=r"net\.yaml"):
        enhancer_config({"name": "onnx", "descriptor": str(tmp_path / "net.yaml")}).build()


def test_another_network_is_no_fastenhancer(tmp_path: Path, write_wave_graph: Write) -> None:
    path = write_wave_graph(tmp_path / "net.onnx", None)
    with pytest.raises(BadData, match="no FastEnhancer"):
        enhancer_config({"name": "fastenhancer", "weights": str(path)}).build()


def test_a_fastenhancer_of_another_hash_is_refused(tmp_path: Path, write_wave_graph: Write) -> None:
    path = write_wave_graph(tmp_path / "net.onnx", 256)
    with pytest.raises(BadData, match="sha256"):
        enhancer_config({"name": "fastenhancer", "weights": str(path), "sha256": "0" * 64}).build()


@pytest.mark.shared
@pytest.mark.parametrize("size", "tsbm")
def test_every_size_of_fastenhancer_is_in_line(size: str) -> None:
    folder = Path(os.environ.get("MERIT_SHARED_DATA", "")) / "weights" / "fastenhancer"
    if not (folder / f"fastenhancer_{size}.onnx").is_file():
        pytest.skip("MERIT_SHARED_DATA does not hold weights/fastenhancer")
    engine = enhancer_config({"name": "fastenhancer", "weights": str(folder / f"fastenhancer_{size}.onnx")}).engine()
    assert isinstance(engine, HopEngine)
    time = np.arange(32000) / 16000
    voice = sum(np.sin(2 * np.pi * 140 * k * time) / k for k in range(1, 20)) * (np.sin(2 * np.pi * 3 * time) > 0)
    signal = (0.05 * voice).astype(np.float32)
    made = engine.process(signal, 16000).astype(np.float64)
    lag = int(np.fft.irfft(np.fft.rfft(made, 64000) * np.conj(np.fft.rfft(signal, 64000))).argmax())
    assert lag == 0
