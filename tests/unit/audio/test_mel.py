"""Mel filters equal librosa's."""

import numpy as np
import pytest

from merit_cli.audio.mel import hertz_to_mel, mel_filters, mel_to_hertz


@pytest.mark.parametrize(("num_mels", "lowest_hz"), [(80, 0.0), (40, 60.0)])
def test_filters_equal_librosas(num_mels: int, lowest_hz: float) -> None:
    librosa = pytest.importorskip("librosa")
    expected = librosa.filters.mel(sr=16_000, n_fft=400, n_mels=num_mels, fmin=lowest_hz, dtype=np.float64)
    found = mel_filters(num_mels, num_bins=201, sample_rate=16_000, lowest_hz=lowest_hz)
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_every_one_of_eighty_filters_sees_a_bin() -> None:
    assert (mel_filters(80, num_bins=201, sample_rate=16_000).sum(axis=1) > 0).all()


def test_mels_go_back_to_hertz() -> None:
    frequency_hz = np.array([0.0, 440.0, 999.0, 1001.0, 7999.0])
    np.testing.assert_allclose(mel_to_hertz(hertz_to_mel(frequency_hz)), frequency_hz, rtol=1e-12)
