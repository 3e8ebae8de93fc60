from pathlib import Path

import numpy as np
import pytest

from merit_cli.audio.noise_sounds import everyday_noise, hum
from merit_cli.corpora import synthetic_noise
from merit_cli.corpora.synthetic_noise import prepare_synthetic_noise
from merit_cli.errors import UsageError
from merit_cli.io.audio_file import read_audio

RATE = 16000


def slope_db(samples: np.ndarray) -> float:  # type: ignore[type-arg]
    """Level above 2 kHz less level below."""
    power = np.abs(np.fft.rfft(samples)) ** 2
    split = len(power) // 4
    return float(10 * np.log10(power[split:].mean() / power[:split].mean()))


def test_noises_have_unit_rms_and_differ_in_colour() -> None:
    made = [everyday_noise(RATE * 2, RATE, np.random.default_rng(seed)) for seed in range(20)]
    assert [float(np.sqrt(np.mean(one**2))) for one in made] == pytest.approx([1.0] * 20)
    slopes = [slope_db(one) for one in made]
    assert max(slopes) - min(slopes) > 20.0


def test_a_hum_is_harmonic() -> None:
    power = np.abs(np.fft.rfft(hum(RATE * 2, RATE, np.random.default_rng(3)))) ** 2
    strongest = np.sort(power)[::-1]
    assert strongest[: len(power) // 20].sum() > 0.9 * power.sum()


def test_the_clips_are_for_training_alone_and_the_same_each_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(synthetic_noise, "NUM_CLIPS", 3)
    first = prepare_synthetic_noise(None, tmp_path / "a")
    again = prepare_synthetic_noise(None, tmp_path / "b")
    assert {one.split for one in first.utterances} == {"train"}
    assert first.card.synthetic
    for one, other in zip(first.utterances, again.utterances, strict=True):
        np.testing.assert_array_equal(read_audio(one.audio).samples, read_audio(other.audio).samples)
    with pytest.raises(UsageError, match="takes no folder"):
        prepare_synthetic_noise(tmp_path, tmp_path)
