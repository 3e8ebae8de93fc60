import numpy as np
import pytest

from merit_cli.audio.stft import Framing, analysis_window, framing_for, istft, process_frames, stft, synthesis_window

FRAMINGS = [Framing(512, 256), Framing(512, 128), framing_for(44100)]


def _noise(num_samples: int) -> np.ndarray:
    return np.random.default_rng(num_samples).standard_normal(num_samples).astype(np.float32)


@pytest.mark.parametrize("framing", FRAMINGS, ids=str)
@pytest.mark.parametrize("num_samples", [1, 5, 127, 128, 511, 512, 513, 16001])
def test_signal_of_any_length_is_reconstructed(framing: Framing, num_samples: int) -> None:
    signal = _noise(num_samples)
    rebuilt = istft(stft(signal, framing), framing, num_samples)
    assert rebuilt.shape == signal.shape
    assert np.abs(rebuilt - signal).max() < 5e-6  # float32 FFT of unit-variance noise


@pytest.mark.parametrize("framing", FRAMINGS, ids=str)
def test_windows_add_up_to_one(framing: Framing) -> None:
    product = analysis_window(framing.frame_length) * synthesis_window(framing)
    assert product.reshape(-1, framing.hop_length).sum(axis=0) == pytest.approx(1.0, abs=1e-6)


def test_spectrum_of_a_tone_peaks_at_its_bin() -> None:
    tone = np.cos(2 * np.pi * 1000.0 * np.arange(16000) / 16000).astype(np.float32)
    magnitude = np.abs(stft(tone, Framing(512, 128))[20])
    assert magnitude.argmax() == 32
    # An amplitude of 1 gives half the sum of the window at its bin.
    assert magnitude[32] == pytest.approx(analysis_window(512).sum() / 2, rel=1e-4)


def test_stft_equals_the_naive_sum() -> None:
    framing, signal = Framing(16, 4), _noise(50)
    padded = np.concatenate([np.zeros(12), signal, np.zeros(32)])
    n, k = np.arange(16), np.arange(9)
    basis = np.exp(-2j * np.pi * np.outer(k, n) / 16)
    naive = [basis @ (analysis_window(16) * padded[t * 4 : t * 4 + 16]) for t in range(framing.num_frames(50))]
    assert np.abs(stft(signal, framing) - np.array(naive)).max() < 1e-5


@pytest.mark.parametrize("block_frames", [1, 2, 7, 1000])
def test_block_size_does_not_change_the_result(block_frames: int) -> None:
    signal, framing = _noise(5000), Framing(512, 128)
    gains = np.linspace(0, 1, framing.num_bins, dtype=np.float32)
    whole = istft(stft(signal, framing) * gains, framing, len(signal))
    blocked = process_frames(signal, framing, lambda spectrum: spectrum * gains, block_frames=block_frames)
    assert np.abs(blocked - whole).max() < 1e-6


def test_processor_sees_every_frame_once_in_order() -> None:
    signal, framing, seen = _noise(3000), Framing(512, 256), []

    def processor(spectrum: np.ndarray) -> np.ndarray:
        seen.append(spectrum)
        return spectrum

    process_frames(signal, framing, processor, block_frames=4)
    assert np.array_equal(np.concatenate(seen), stft(signal, framing))


def test_an_empty_signal_stays_empty() -> None:
    assert stft(np.zeros(0, np.float32), Framing(8, 4)).shape == (0, 5)
    assert len(process_frames(np.zeros(0, np.float32), Framing(8, 4), lambda spectrum: spectrum)) == 0


def test_input_is_not_changed() -> None:
    signal = _noise(1000)
    before = signal.copy()
    process_frames(signal, Framing(64, 16), lambda spectrum: spectrum * 0)
    assert np.array_equal(signal, before)


def test_a_hop_that_does_not_divide_the_frame_is_refused() -> None:
    with pytest.raises(AssertionError, match="does not reconstruct"):
        Framing(512, 200)


@pytest.mark.parametrize("block_frames", [2, 5, 100])
def test_frames_ahead_are_those_of_the_next_blocks_and_then_zeros(block_frames: int) -> None:
    framing, signal = Framing(16, 4), _noise(70)
    spectrum = np.concatenate([stft(signal, framing), np.zeros((3, 9), np.complex64)])
    seen = []

    def processor(given: np.ndarray) -> np.ndarray:
        first = sum(seen)
        assert np.array_equal(given[:-3], spectrum[first : first + len(given) - 3])
        seen.append(len(given) - 3)
        ahead = spectrum[first + len(given) - 3 :][:3]
        assert np.abs(given[-3:][: len(ahead)] - ahead).max() < 1e-6
        return given[:-3]

    made = process_frames(signal, framing, processor, block_frames=block_frames, ahead_frames=3)
    assert sum(seen) == framing.num_frames(70)
    assert np.abs(made - signal).max() < 1e-6
