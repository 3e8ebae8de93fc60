import numpy as np
import pytest

from merit_cli.audio.overlap_add import ChunkStream, process_in_chunks


def _noise(num_samples: int) -> np.ndarray:
    return np.random.default_rng(0).standard_normal(num_samples).astype(np.float32)


@pytest.mark.parametrize("num_samples", [1, 99, 100, 101, 150, 161, 1000, 1037])
def test_the_identity_survives_chunking(num_samples: int) -> None:
    signal = _noise(num_samples)
    joined = process_in_chunks(signal, lambda x: x, chunk_length=100, context_length=20, fade_length=10)
    assert joined.shape == signal.shape
    assert np.abs(joined - signal).max() < 1e-6


def test_a_filter_shorter_than_the_context_is_exact() -> None:
    signal, taps = _noise(3000), np.hanning(31).astype(np.float32)

    def smooth(x: np.ndarray) -> np.ndarray:
        return np.convolve(x, taps, mode="same").astype(np.float32)

    chunked = process_in_chunks(signal, smooth, chunk_length=400, context_length=15, fade_length=20)
    assert np.abs(chunked - smooth(signal)).max() < 1e-5


def test_no_call_sees_more_than_a_chunk() -> None:
    lengths: list[int] = []

    def note(x: np.ndarray) -> np.ndarray:
        lengths.append(len(x))
        return x

    process_in_chunks(_noise(10_000), note, chunk_length=500, context_length=50, fade_length=50)
    assert max(lengths) <= 500
    assert len(lengths) >= 10_000 // 500


def test_joins_of_chunks_that_disagree_are_smooth() -> None:
    """Each call flips the sign: a hard join would jump by 2, the fade moves in steps of its slope."""
    calls = iter(range(1000))
    joined = process_in_chunks(
        np.ones(2000, np.float32),
        lambda x: x * (-1) ** next(calls),
        chunk_length=400,
        context_length=0,
        fade_length=99,
    )
    assert joined.min() == -1
    assert joined.max() == 1
    assert np.abs(np.diff(joined)).max() == pytest.approx(0.02, abs=1e-3)


def test_input_is_not_changed() -> None:
    signal = _noise(1000)
    before = signal.copy()
    process_in_chunks(signal, lambda x: x, chunk_length=100, context_length=10, fade_length=10)
    assert np.array_equal(signal, before)


def test_a_function_that_changes_the_length_is_refused() -> None:
    with pytest.raises(AssertionError, match="turned"):
        process_in_chunks(_noise(50), lambda x: x[:-1], chunk_length=100, context_length=0, fade_length=10)


@pytest.mark.parametrize("piece", [1, 7, 99, 100, 333, 5000])
@pytest.mark.parametrize("num_samples", [0, 1, 100, 101, 150, 161, 1037])
def test_the_cut_into_pieces_does_not_show_in_a_bit(num_samples: int, piece: int) -> None:
    """The function takes the mean of its chunk away, so that other chunks would give other samples."""
    signal, how = _noise(num_samples), {"chunk_length": 100, "context_length": 20, "fade_length": 10}

    def centred(x: np.ndarray) -> np.ndarray:
        return x - x.mean() if len(x) else x

    stream = ChunkStream(centred, **how)
    parts = [stream.push(signal[start : start + piece]) for start in range(0, num_samples, piece)]
    assert np.array_equal(np.concatenate([*parts, stream.flush()]), process_in_chunks(signal, centred, **how))
