"""PESQ and STOI against direct calls of their libraries on real speech, and their failures typed."""

import numpy as np
import numpy.typing as npt
import pytest
from pesq import pesq as library_pesq
from pystoi import stoi as library_stoi

from merit_cli.assets import bundled
from merit_cli.errors import BadData
from merit_cli.io.audio_file import read_audio
from merit_cli.metrics.perceptual import estoi, pesq_nb, pesq_wb, stoi

Array = npt.NDArray[np.float32]
RATE = 16000


@pytest.fixture(scope="module")
def pair() -> tuple[Array, Array]:
    """A real voice, 1 s at least, and the same in white noise."""
    paths = sorted(bundled("data_manifests/sample/speech").rglob("*.flac"))
    clean = next(
        audio.samples for path in paths if (audio := read_audio(path, sample_rate=RATE)).samples.size > 1.5 * RATE
    )
    noise = np.random.default_rng(0).standard_normal(clean.size).astype(np.float32)
    return clean, clean + 0.3 * clean.std() * noise


def test_pesq_equals_the_library_called_directly(pair: tuple[Array, Array]) -> None:
    clean, processed = (signal.astype(np.float64) for signal in pair)
    assert pesq_wb(*pair, sample_rate=RATE) == library_pesq(RATE, clean, processed, "wb")
    assert pesq_nb(*pair, sample_rate=RATE) == library_pesq(RATE, clean, processed, "nb")
    assert pesq_nb(clean[::2], processed[::2], sample_rate=8000) == library_pesq(8000, clean[::2], processed[::2], "nb")


def test_pesq_of_the_identity_is_its_maximum(pair: tuple[Array, Array]) -> None:
    assert pesq_wb(pair[0], pair[0], sample_rate=RATE) == pytest.approx(4.64, abs=0.01)
    assert pesq_nb(pair[0], pair[0], sample_rate=RATE) == pytest.approx(4.55, abs=0.01)


def test_stoi_equals_the_library_called_directly(pair: tuple[Array, Array]) -> None:
    clean, processed = (signal.astype(np.float64) for signal in pair)
    assert stoi(*pair, sample_rate=RATE) == pytest.approx(library_stoi(clean, processed, RATE), abs=1e-12)
    # the library adds noise of 1e-16 to each of some 10 000 cells
    assert estoi(*pair, sample_rate=RATE) == pytest.approx(
        library_stoi(clean, processed, RATE, extended=True), abs=1e-9
    )


def test_estoi_repeats_to_the_bit_and_leaves_the_random_state_alone(pair: tuple[Array, Array]) -> None:
    np.random.seed(5)
    expected = np.random.random(3).tolist()
    np.random.seed(5)
    first = estoi(*pair, sample_rate=RATE)
    assert np.random.random(3).tolist() == expected
    assert estoi(*pair, sample_rate=RATE) == first


@pytest.mark.parametrize("metric", [stoi, estoi])
@pytest.mark.parametrize("num_samples", [160, 700, 3200])
def test_stoi_of_a_short_file_is_refused_not_1e_minus_5(metric, num_samples: int, pair: tuple[Array, Array]) -> None:  # noqa: ANN001
    middle = pair[0].size // 2
    short = pair[0][middle : middle + num_samples]
    with pytest.raises(BadData, match="fewer than 30 frames"):
        metric(short, short, sample_rate=RATE)


@pytest.mark.parametrize("num_samples", [1, 160, 3999])
def test_pesq_of_a_short_file_is_refused(num_samples: int, pair: tuple[Array, Array]) -> None:
    short = pair[0][8000 : 8000 + num_samples]
    with pytest.raises(BadData, match="too short for PESQ"):
        pesq_wb(short, short, sample_rate=RATE)


def test_pesq_without_an_utterance_is_refused() -> None:
    noise, silence = np.random.default_rng(0).standard_normal(1000), np.zeros(15000)
    with pytest.raises(BadData, match="PESQ refuses the pair: No utterances detected"):
        pesq_wb(np.append(noise, silence), np.append(silence, noise), sample_rate=RATE)


def test_a_nan_inside_pesq_is_a_refusal() -> None:
    noise = np.random.default_rng(0).standard_normal(RATE)
    with pytest.raises(BadData, match="PESQ fails on the pair"):
        pesq_wb(noise, np.eye(1, RATE, 8000)[0] * 1e-20, sample_rate=RATE)


def test_pesq_of_an_all_zero_output_is_refused(pair: tuple[Array, Array]) -> None:
    with pytest.raises(BadData, match="all zeros"):
        pesq_wb(pair[0], np.zeros_like(pair[0]), sample_rate=RATE)


def test_stoi_of_an_all_zero_output_is_zero(pair: tuple[Array, Array]) -> None:
    assert stoi(pair[0], np.zeros_like(pair[0]), sample_rate=RATE) == 0.0


@pytest.mark.parametrize(("metric", "rate"), [(pesq_wb, 8000), (pesq_wb, 44100), (pesq_nb, 44100)])
def test_pesq_at_another_rate_is_refused(metric, rate: int, pair: tuple[Array, Array]) -> None:  # noqa: ANN001
    with pytest.raises(BadData, match=f"not defined at {rate} Hz"):
        metric(*pair, sample_rate=rate)


@pytest.mark.parametrize("metric", [pesq_wb, pesq_nb, stoi, estoi])
def test_unequal_lengths_are_refused(metric, pair: tuple[Array, Array]) -> None:  # noqa: ANN001
    with pytest.raises(BadData, match="lengths differ"):
        metric(pair[0], pair[1][:-1], sample_rate=RATE)
