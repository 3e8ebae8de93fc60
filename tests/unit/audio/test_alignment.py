import numpy as np
import numpy.typing as npt
import pytest

from merit_cli.audio.alignment import estimate_gain, find_shift

RATE = 16000


def voice(num_samples: int = 2 * RATE) -> npt.NDArray[np.float64]:
    time = np.arange(num_samples) / RATE
    phase = 2.0 * np.pi * np.cumsum(120.0 + 30.0 * np.sin(5.0 * time)) / RATE
    wave = sum(np.sin(k * phase) / k for k in range(1, 12))
    return np.asarray(0.05 * wave * np.clip(np.sin(2.0 * np.pi * 2.0 * time), 0.0, None))


def noise_at(snr_db: float, speech: npt.NDArray[np.float64], *, slope: float = 0.0) -> npt.NDArray[np.float64]:
    """White noise, or with `slope` 1 pink noise, at an RMS ratio."""
    spectrum = np.fft.rfft(np.random.default_rng(3).standard_normal(speech.size))
    spectrum[1:] /= np.arange(1, spectrum.size) ** (slope / 2.0)
    noise = np.fft.irfft(spectrum, speech.size)
    return np.asarray(noise * np.sqrt(np.mean(speech**2) / np.mean(noise**2) / 10.0 ** (snr_db / 10.0)))


@pytest.mark.parametrize("slope", [0.0, 1.0])
@pytest.mark.parametrize("snr_db", [-10.0, 0.0, 20.0, 60.0])
@pytest.mark.parametrize("shift", [-400, -7, 80, 3000])
def test_a_shift_is_found_in_noise(shift: int, snr_db: float, slope: float) -> None:
    speech = voice()
    noisy = np.roll(speech, shift) + noise_at(snr_db, speech, slope=slope)
    assert find_shift(noisy, speech, max_shift=RATE // 2) == shift


@pytest.mark.parametrize("slope", [0.0, 1.0])
@pytest.mark.parametrize("snr_db", [-20.0, -5.0, 10.0, 40.0])
def test_an_aligned_pair_is_left_alone(snr_db: float, slope: float) -> None:
    speech = voice()
    noisy = speech + noise_at(snr_db, speech, slope=slope)
    assert find_shift(noisy, speech, max_shift=RATE // 2) == 0
    assert not estimate_gain(noisy, speech, max_shift=RATE // 2).is_off


def test_an_echo_louder_than_the_speech_is_noise_and_no_shift() -> None:
    speech = voice()
    noisy = speech + 2.0 * np.roll(speech, 900)
    assert find_shift(noisy, speech, max_shift=RATE // 2) == 0


def test_speech_that_is_not_in_the_recording_has_no_shift() -> None:
    speech = voice()
    assert find_shift(noise_at(0.0, speech), speech, max_shift=RATE // 2) == 0


@pytest.mark.parametrize("gain", [-1.0, 0.5, 0.9, 2.0])
def test_a_gain_is_found_in_noise(gain: float) -> None:
    speech = voice()
    estimate = estimate_gain(gain * speech + noise_at(0.0, speech), speech, max_shift=RATE // 2)
    assert estimate.gain == pytest.approx(gain, abs=0.02)
    assert estimate.is_off


def test_the_gain_of_a_signal_without_noise_is_exact() -> None:
    speech = voice()
    estimate = estimate_gain(0.25 * speech, speech, max_shift=100)
    assert estimate.gain == pytest.approx(0.25, abs=1e-12)
    assert estimate.deviation < 1e-12
