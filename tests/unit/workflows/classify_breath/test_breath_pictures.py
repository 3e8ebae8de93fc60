"""Pictures of classified recordings: one each, one a minute of a long one, names that never meet."""

from pathlib import Path

import numpy as np

from merit_cli.enhancers.select import enhancer_config
from merit_cli.io.audio_file import write_audio
from merit_cli.workers import Machine
from merit_cli.workflows.classify_breath.answers import FileAnswer
from merit_cli.workflows.classify_breath.pictures import write_pictures
from merit_cli.workflows.classify_breath.recordings import CutSettings

RATE = 4000


def _answers(file: Path, seconds: int) -> list[FileAnswer]:
    return [FileAnswer(str(file), float(k), k + 1.0, "normal", 0.9, False, "", 12.0) for k in range(seconds)]


def _recording(path: Path, seconds: int) -> Path:
    write_audio(path, 0.1 * np.random.default_rng(0).standard_normal(seconds * RATE), RATE)
    return path


def test_two_recordings_of_one_name_get_a_picture_each(tmp_path: Path) -> None:
    files = [_recording(tmp_path / folder / "same.wav", 2) for folder in ("a", "b")]
    said = [answer for file in files for answer in _answers(file, 2)]
    drawn = write_pictures(tmp_path / "out", said, ("normal",), CutSettings(RATE, RATE, 0), machine=Machine())
    assert [path.name for path in drawn] == ["same.svg", "same-2.svg"]
    assert all("enhanced" not in path.read_text() for path in drawn)


def test_a_long_recording_gets_a_picture_a_minute_with_its_own_windows(tmp_path: Path) -> None:
    file = _recording(tmp_path / "long.wav", 130)
    said = _answers(file, 130)
    drawn = write_pictures(tmp_path / "out", said, ("normal",), CutSettings(RATE, RATE, 0), machine=Machine())
    assert [path.name for path in drawn] == ["long__00000s.svg", "long__00060s.svg", "long__00120s.svg"]
    assert [path.read_text().count("<title>") for path in drawn] == [60, 60, 10]


def test_behind_an_enhancer_both_versions_are_drawn(tmp_path: Path) -> None:
    file = _recording(tmp_path / "one.wav", 2)
    settings = CutSettings(RATE, RATE, 0, enhancer_config("spectral-gate"))
    [path] = write_pictures(tmp_path / "out", _answers(file, 2), ("normal",), settings, machine=Machine())
    text = path.read_text()
    assert text.count("<image") == 2
    assert "enhanced by spectral-gate" in text
