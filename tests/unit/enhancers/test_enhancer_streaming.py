"""Streams give what the whole signal gives, to the bit, however it is cut."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from merit_cli.enhancers.contract import Engine, StreamingEngine
from merit_cli.enhancers.select import enhancer_config
from merit_cli.enhancers.streaming import BLOCK_FRAMES, Frames, HopEngine, HopFunction, OverlapAdd
from merit_cli.errors import Unavailable

FloatArray = npt.NDArray[np.float32]
PRETRAINED = ["deepfilternet3", "dtln", "gtcrn", "rnnoise"]


class Late(HopEngine):
    """Delays by ``late`` samples."""

    sample_rate: int | None = 16000

    def __init__(self, hop_length: int, late: int) -> None:
        self.hop_length, self.late = hop_length, late

    def hop_function(self) -> HopFunction:
        waiting = np.zeros(self.late, np.float32)

        def delay(hops_TH: FloatArray) -> FloatArray:
            nonlocal waiting
            line = np.concatenate([waiting, hops_TH.reshape(-1)])
            waiting = line[hops_TH.size :]
            return line[: hops_TH.size].reshape(hops_TH.shape)

        return delay


def noise(num_samples: int) -> FloatArray:
    return (0.05 * np.random.default_rng(0).standard_normal(num_samples)).astype(np.float32)


def pushed(engine: StreamingEngine, signal: FloatArray, cuts: Sequence[int]) -> FloatArray:
    stream = engine.open()
    parts = [stream.push(part) for part in np.split(signal, list(cuts))]
    return np.concatenate([*parts, stream.flush()])


def ready(name: str) -> Engine:
    try:
        return enhancer_config(name).engine()
    except Unavailable as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("late", [0, 1, 160, 256, 1000])
@pytest.mark.parametrize("num_samples", [0, 1, 159, 160, 161, 4000])
def test_a_late_function_is_brought_back_into_line(num_samples: int, late: int) -> None:
    signal = noise(num_samples)
    engine = Late(160, late)
    assert np.array_equal(engine.process(signal, 16000), signal)
    assert np.array_equal(pushed(engine, signal, [num_samples // 3, num_samples // 2]), signal)


def test_more_than_one_block_joins_without_a_seam() -> None:
    signal = noise(16 * BLOCK_FRAMES * 2 + 5)
    assert np.array_equal(Late(16, 40).process(signal, 16000), signal)


def test_no_sample_comes_later_than_the_latency_says() -> None:
    engine = Late(160, 250)
    stream, signal, given, taken = engine.open(), noise(3000), 0, 0
    for sample in signal:
        given, taken = given + 1, taken + len(stream.push(np.array([sample])))
        assert given - taken <= engine.latency_samples


def test_a_flushed_stream_takes_no_more() -> None:
    stream = Late(160, 0).open()
    stream.flush()
    with pytest.raises(AssertionError, match="flushed"):
        stream.push(noise(1))


@pytest.mark.parametrize("frame_length", [256, 512, 1024])
def test_frames_laid_over_each_other_are_the_signal_times_the_overlap(frame_length: int) -> None:
    hops = noise(256 * 40).reshape(-1, 256)
    frames, overlap_add = Frames(frame_length, 256), OverlapAdd(frame_length, 256)
    line = np.concatenate([overlap_add(frames(part)) for part in (hops[:7], hops[7:8], hops[8:])]).reshape(-1)
    late = frame_length - 256
    assert line[late:] == pytest.approx(frame_length // 256 * hops.reshape(-1)[: len(line) - late], rel=1e-6)


@pytest.mark.parametrize("name", PRETRAINED)
def test_a_stream_gives_the_bits_of_the_whole_signal(name: str) -> None:
    engine = ready(name)
    assert isinstance(engine, StreamingEngine)
    signal = noise(engine.sample_rate or 16000)
    generator = np.random.default_rng(1)
    cuts = np.cumsum(generator.integers(0, 1500, 60))
    cuts = cuts[cuts < len(signal)]
    whole = engine.process(signal, engine.sample_rate or 16000)
    assert np.array_equal(pushed(engine, signal, cuts.tolist()), whole)


@pytest.mark.parametrize("name", PRETRAINED)
def test_two_open_streams_do_not_meet(name: str) -> None:
    engine = ready(name)
    assert isinstance(engine, StreamingEngine)
    signal = noise(4800)
    first, second = engine.open(), engine.open()
    made = [(first.push(part), second.push(-2 * part))[0] for part in np.split(signal, 4)]
    whole = engine.process(signal, engine.sample_rate or 16000)
    assert np.array_equal(np.concatenate([*made, first.flush()]), whole)


@pytest.mark.parametrize("hop_length", [1, 256, 300])
def test_a_described_graph_streams(
    tmp_path: Path, write_wave_graph: Callable[[Path, int | None], Path], hop_length: int
) -> None:
    write_wave_graph(tmp_path / "late.onnx", hop_length)
    keys = f"hop_length: {hop_length}\ndelay: {hop_length}\nstates: {{cache_in_0: cache_out_0}}\n"
    (tmp_path / "late.yaml").write_text("file: late.onnx\nsample_rate: 16000\n" + keys, encoding="utf-8")
    engine = enhancer_config({"name": "onnx", "descriptor": str(tmp_path / "late.yaml")}).engine()
    assert isinstance(engine, StreamingEngine)
    signal = noise(1234)
    assert np.array_equal(pushed(engine, signal, [5, 700]), signal)
    assert np.array_equal(engine.process(signal, 16000), signal)
