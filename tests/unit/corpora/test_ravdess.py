from pathlib import Path

import numpy as np
import pytest

from merit_cli.corpora.ravdess import prepare_ravdess
from merit_cli.errors import BadData, NoInput, UsageError
from merit_cli.io.audio_file import write_audio


def make(folder: Path, *stems: str) -> Path:
    for stem in stems:
        write_audio(folder / f"Actor_{stem[-2:]}" / f"{stem}.wav", 0.1 * np.sin(np.arange(4800) * 0.1), 48000)
    return folder


def test_a_name_says_speaker_emotion_and_split(tmp_path: Path) -> None:
    raw = make(tmp_path, "03-01-06-01-02-01-12", "03-01-01-01-01-01-17", "03-01-08-02-01-02-24")
    by_id = {one.id: one for one in prepare_ravdess(raw, tmp_path / "o").utterances}
    fearful = by_id["03-01-06-01-02-01-12"]
    assert (fearful.speaker, fearful.labels["emotion"], fearful.split) == ("actor12", "fearful", "train")
    assert (fearful.info["gender"], fearful.info["intensity"]) == ("female", "normal")
    assert by_id["03-01-01-01-01-01-17"].split == "dev"
    assert by_id["03-01-08-02-01-02-24"].split == "test"


def test_song_and_other_files_are_left_out_and_the_count_is_said(tmp_path: Path) -> None:
    raw = make(tmp_path, "03-01-06-01-02-01-12", "03-02-06-01-02-01-12")
    prepared = prepare_ravdess(raw, tmp_path / "o")
    assert len(prepared.utterances) == 1
    assert "A part of RAVDESS speech: 1 of its 1440 recordings" in prepared.card.notes[0]


def test_what_is_not_ravdess_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="needs the folder"):
        prepare_ravdess(None, tmp_path)
    with pytest.raises(NoInput, match="no speech file"):
        prepare_ravdess(tmp_path, tmp_path / "o")
    with pytest.raises(BadData, match="no actor 25"):
        prepare_ravdess(make(tmp_path, "03-01-06-01-02-01-25"), tmp_path / "o")
