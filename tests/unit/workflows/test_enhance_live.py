"""A signal that is enhanced while it comes is the one that is enhanced as a whole, and starts before it ends."""

import io
import wave
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pytest

from merit_cli.enhancers.contract import Engine, EnhancerConfig
from merit_cli.enhancers.mmse_lsa import MmseLsaConfig
from merit_cli.enhancers.streaming import HopEngine, HopFunction
from merit_cli.errors import BadData, NoInput, UsageError
from merit_cli.workflows.enhance import enhance_live
from merit_cli.workflows.enhance.live import wav_header

FloatArray = npt.NDArray[np.float32]
RATE = 16000


class HalvingEngine(HopEngine):
    """Halves the signal a hop late."""

    sample_rate: int | None = RATE
    hop_length = 160
    late = 160

    def hop_function(self) -> HopFunction:
        held = np.zeros((1, self.hop_length), dtype=np.float32)

        def halve(hops_TH: FloatArray) -> FloatArray:
            nonlocal held
            line = np.concatenate([held, hops_TH])
            held = line[-1:]
            return line[:-1] / 2

        return halve


class HalvingConfig(EnhancerConfig):
    """A stand-in for a network that streams."""

    name: Literal["halving"] = "halving"

    def engine(self) -> Engine:
        return HalvingEngine()


def a_wav(samples: npt.NDArray[np.int16], *, rate: int = RATE, channels: int = 1) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(channels)
        writer.setsampwidth(2)
        writer.setframerate(rate)
        writer.writeframes(samples.tobytes())
    return file.getvalue()


def some_samples(count: int) -> npt.NDArray[np.int16]:
    return (8000 * np.random.default_rng(0).standard_normal(count)).clip(-32768, 32767).astype(np.int16) // 2 * 2


class Endless(io.RawIOBase):
    """A pipe: it cannot be sought in, and tells how much of it was read."""

    def __init__(self, data: bytes) -> None:
        self.data, self.position = data, 0

    def readable(self) -> bool:
        return True

    def read(self, size: int | None = -1) -> bytes:
        end = len(self.data) if size is None or size < 0 else self.position + size
        piece = self.data[self.position : end]
        self.position += len(piece)
        return piece


class Watching(io.BytesIO):
    """Notes how far the source was read when the first sample was written."""

    def __init__(self, source: Endless) -> None:
        super().__init__()
        self.source, self.first = source, 0

    def write(self, data: Any) -> int:
        if len(data) and self.tell() >= 44 and not self.first:
            self.first = self.source.position
        return super().write(data)


def test_what_comes_out_is_the_whole_signal_enhanced() -> None:
    samples, sink = some_samples(5003), io.BytesIO()
    report = enhance_live(HalvingConfig(), Endless(a_wav(samples)), sink)  # type: ignore[arg-type]
    assert sink.getvalue()[:44] == wav_header(RATE)
    assert np.array_equal(np.frombuffer(sink.getvalue()[44:], dtype="<i2"), samples // 2)
    assert report.seconds == pytest.approx(5003 / RATE)
    assert report.latency == pytest.approx(0.02)


def test_a_header_without_an_end_is_read_until_the_pipe_closes() -> None:
    samples, sink = some_samples(1600), io.BytesIO()
    enhance_live(HalvingConfig(), Endless(wav_header(RATE) + samples.tobytes() + b"\x01"), sink)  # type: ignore[arg-type]
    assert np.array_equal(np.frombuffer(sink.getvalue()[44:], dtype="<i2"), samples // 2)


def test_the_first_sample_goes_out_within_the_latency() -> None:
    source = Endless(wav_header(RATE) + some_samples(RATE).tobytes())
    sink = Watching(source)
    enhance_live(HalvingConfig(), source, sink)  # type: ignore[arg-type]
    assert 0 < sink.first <= 44 + 2 * 320


def test_what_is_loaded_at_the_first_call_is_loaded_before_the_signal_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    source, read_at_call = Endless(a_wav(some_samples(480))), []
    whole = HalvingEngine.hop_function

    def noting(engine: HalvingEngine) -> HopFunction:
        halve = whole(engine)

        def function(hops_TH: FloatArray) -> FloatArray:
            read_at_call.append(source.position)
            return halve(hops_TH)

        return function

    monkeypatch.setattr(HalvingEngine, "hop_function", noting)
    sink = io.BytesIO()
    enhance_live(HalvingConfig(), source, sink)  # type: ignore[arg-type]
    assert read_at_call[:2] == [0, 44 + 2 * 160]
    assert np.array_equal(np.frombuffer(sink.getvalue()[44:], dtype="<i2"), some_samples(480) // 2)


def test_mix_back_adds_the_aligned_noisy_signal() -> None:
    samples, sink = some_samples(1600), io.BytesIO()
    enhance_live(HalvingConfig(mix_back=0.5), Endless(a_wav(samples)), sink)  # type: ignore[arg-type]
    made = np.frombuffer(sink.getvalue()[44:], dtype="<i2")
    assert np.abs(made - 0.75 * samples).max() <= 1.0


@pytest.mark.parametrize(
    ("data", "error", "words"),
    [
        (b"", NoInput, "nothing came"),
        (b"hello", BadData, "ends within its header"),
        (a_wav(some_samples(0))[:30], BadData, "ends within its header"),
        (b"RIFFxxxxWAVE", BadData, "not a WAV"),
        (b"some text that is longer than a header is", BadData, "not a WAV"),
        (a_wav(some_samples(100), rate=8000), BadData, "16 bits and 16000 Hz; this one has 1, 16 and 8000"),
        (a_wav(some_samples(100), channels=2), BadData, "this one has 2, 16 and 16000"),
    ],
)
def test_a_stream_that_is_no_such_wav_is_refused(data: bytes, error: type[Exception], words: str) -> None:
    sink = io.BytesIO()
    with pytest.raises(error, match=words):
        enhance_live(HalvingConfig(), Endless(data), sink)  # type: ignore[arg-type]
    assert sink.getvalue() == b""


def test_an_enhancer_that_needs_the_whole_signal_is_refused() -> None:
    with pytest.raises(UsageError, match="needs the whole signal"):
        enhance_live(MmseLsaConfig(), io.BytesIO(a_wav(some_samples(100))), io.BytesIO())
