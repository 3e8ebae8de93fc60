from pathlib import Path

import numpy as np
import pytest
import soundfile

from merit_cli.errors import BadData
from merit_cli.io.audio_file import read_audio
from merit_cli.io.audio_segment import read_segment_resampled

RATES = [8000, 16000, 22050, 44100, 48000]
TOLERANCE = 1e-5  # -100 dB of full scale; -124 dB was measured, half the filter's length gives -71


def noise_file(folder: Path, rate: int, seconds: float = 3.0) -> Path:
    path = folder / f"noise{rate}.wav"
    samples = np.random.default_rng(rate).uniform(-0.9, 0.9, round(rate * seconds))
    soundfile.write(path, samples, rate, subtype="FLOAT")
    return path


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("start", [0, 1, 700, 20011, 48000 - 6001, 48000 - 6000])
def test_a_segment_equals_that_of_the_whole_resampled(tmp_path: Path, rate: int, start: int) -> None:
    path = noise_file(tmp_path, rate)
    whole = read_audio(path, sample_rate=16000).samples
    part = read_segment_resampled(path, sample_rate=16000, start=start, num_samples=6000)
    assert part.shape == (6000,)
    assert np.max(np.abs(part - whole[start : start + 6000])) < TOLERANCE


def test_without_resampling_the_samples_are_the_very_same(tmp_path: Path) -> None:
    path = noise_file(tmp_path, 16000)
    part = read_segment_resampled(path, sample_rate=16000, start=123, num_samples=400)
    assert np.array_equal(part, read_audio(path).samples[123:523])


def test_a_signal_inside_a_file_is_counted_from_its_own_beginning(tmp_path: Path) -> None:
    path = noise_file(tmp_path, 48000)
    inner = read_audio(path, sample_rate=16000, start=30011, num_samples=60000).samples
    part = read_segment_resampled(path, sample_rate=16000, start=0, num_samples=20000, first=30011, length=60000)
    assert np.max(np.abs(part - inner)) < TOLERANCE


@pytest.mark.parametrize(("start", "num_samples"), [(-1, 10), (0, 48001), (48000, 1), (5, 0)])
def test_a_segment_outside_the_file_is_bad_data(tmp_path: Path, start: int, num_samples: int) -> None:
    with pytest.raises(BadData, match="outside"):
        read_segment_resampled(noise_file(tmp_path, 48000), sample_rate=16000, start=start, num_samples=num_samples)
