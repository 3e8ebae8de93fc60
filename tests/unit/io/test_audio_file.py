from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile

from merit_cli.errors import BadData, NoInput, Unavailable
from merit_cli.io.audio_file import audio_info, read_audio, write_audio


def tone(num_samples: int, sample_rate: int, frequency: float = 440.0) -> np.ndarray:
    return 0.3 * np.sin(2.0 * np.pi * frequency * np.arange(num_samples) / sample_rate)


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "ünïcode with space.wav"])
def test_pcm16_comes_back_within_half_a_step(tmp_path: Path, name: str) -> None:
    write_audio(tmp_path / name, tone(8000, 16000), 16000)
    back = read_audio(tmp_path / name)
    assert back.sample_rate == 16000
    assert np.max(np.abs(back.samples - tone(8000, 16000))) <= 0.5 / 32768 + 1e-9


def test_a_segment_equals_that_part_of_the_whole(tmp_path: Path) -> None:
    write_audio(tmp_path / "a.flac", tone(8000, 16000), 16000)
    whole = read_audio(tmp_path / "a.flac").samples
    assert np.array_equal(read_audio(tmp_path / "a.flac", start=100, num_samples=50).samples, whole[100:150])


@pytest.mark.parametrize(("rate", "subtype"), [(8000, "PCM_16"), (44100, "PCM_24"), (48000, "FLOAT")])
def test_stereo_of_any_rate_becomes_mono_16k_and_says_so(tmp_path: Path, rate: int, subtype: str) -> None:
    left = tone(rate, rate)
    soundfile.write(tmp_path / "a.wav", np.stack([left, 0 * left], axis=1), rate, subtype=subtype)
    audio = read_audio(tmp_path / "a.wav", sample_rate=16000)
    expected = 0.5 * tone(16000, 16000)
    assert audio.samples.shape == (16000,)
    assert np.max(np.abs(audio.samples - expected)[800:-800]) < 2e-3  # soxr HQ away from the edges
    assert audio.notes == ("2 channels: mean", f"resampled {rate} -> 16000 Hz")


def test_a_missing_file_is_no_input(tmp_path: Path) -> None:
    with pytest.raises(NoInput):
        read_audio(tmp_path / "none.wav")


def test_an_empty_file_is_bad_data(tmp_path: Path) -> None:
    (tmp_path / "a.wav").touch()
    with pytest.raises(BadData, match="0 bytes"):
        audio_info(tmp_path / "a.wav")


def test_a_text_file_is_bad_data(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_text("hello")
    with pytest.raises(BadData, match="not audio"):
        audio_info(tmp_path / "a.wav")


@pytest.mark.parametrize("suffix", [".wav", ".flac"])
def test_a_truncated_file_is_bad_data(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    write_audio(path, np.random.default_rng(0).uniform(-0.5, 0.5, 16000), 16000)
    path.write_bytes(path.read_bytes()[:9000])
    with pytest.raises(BadData):
        read_audio(path)


def test_nan_samples_are_counted_and_refused(tmp_path: Path) -> None:
    samples = tone(1000, 16000)
    samples[5] = np.nan
    soundfile.write(tmp_path / "a.wav", samples, 16000, subtype="FLOAT")
    with pytest.raises(BadData, match="1 NaN"):
        read_audio(tmp_path / "a.wav")


def test_a_place_that_cannot_be_written_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Unavailable):
        write_audio(tmp_path / "file" / "a.wav", tone(100, 16000), 16000)


def test_nothing_is_left_of_a_write_that_fails(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"[Ff]ormat|subtype"):
        write_audio(tmp_path / "a.flac", tone(100, 16000), 16000, subtype="FLOAT")
    assert list(tmp_path.iterdir()) == []


def test_a_write_that_fails_for_want_of_room_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object, **__: object) -> None:
        raise soundfile.LibsndfileError(2)

    monkeypatch.setattr(soundfile, "write", fails)
    monkeypatch.setattr("merit_cli.io.audio_file.shutil.disk_usage", lambda _: SimpleNamespace(free=100))
    with pytest.raises(Unavailable, match="the disk is full"):
        write_audio(tmp_path / "a.wav", np.zeros(51, np.float32), 16000)
    with pytest.raises(Unavailable, match="cannot be written: libsndfile says"):
        write_audio(tmp_path / "a.wav", np.zeros(50, np.float32), 16000)
