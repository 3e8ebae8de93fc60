"""The Polish corpus, from a miniature archive of 450 very short clips."""

import io
import zipfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import soundfile

from merit_cli.corpora.polish import prepare_polish
from merit_cli.errors import BadData, NoInput, UsageError
from merit_cli.io.audio_file import read_audio

WORDS = ("nie", "oddaj", "podaj", "stop", "tak", "trzymaj")


def miniature_clips() -> dict[str, bytes]:
    """Every clip's name with 10 ms of sound of its own."""
    clips: dict[str, bytes] = {}
    generator = np.random.default_rng(0)
    for speaker in range(1, 6):
        for emotion in "asn":
            for word in WORDS:
                for repetition in range(1, 6):
                    handle = io.BytesIO()
                    samples = generator.uniform(-0.5, 0.5, 160).astype(np.float32)
                    soundfile.write(handle, samples, 16000, format="WAV", subtype="FLOAT")
                    clips[f"m{speaker}.{emotion}_{word}_{repetition}.wav"] = handle.getvalue()
    return clips


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("polish") / "polish.zip"
    write_archive(path, miniature_clips())
    return path


def write_archive(path: Path, clips: dict[str, bytes]) -> None:
    with zipfile.ZipFile(path, "w") as made:
        made.writestr("POLISH/readme.md", "about")
        for name, contents in clips.items():
            made.writestr(f"POLISH/{name}", contents)


def test_there_are_450_clips_thirty_for_each_speaker_and_emotion(archive: Path, tmp_path: Path) -> None:
    utterances = prepare_polish(archive, tmp_path).utterances
    counts = Counter((u.speaker, u.labels["emotion"]) for u in utterances)
    assert len(utterances) == 450
    assert len(counts) == 15
    assert set(counts.values()) == {30}


def test_a_clip_is_labelled_by_its_name_and_keeps_its_sound(archive: Path, tmp_path: Path) -> None:
    utterances = prepare_polish(archive, tmp_path).utterances
    clip = next(u for u in utterances if u.id == "m4__s_stop_3")
    assert (clip.speaker, clip.split, clip.labels["emotion"], clip.info["word"]) == ("m4", "dev", "fear", "stop")
    original, _ = soundfile.read(io.BytesIO(miniature_clips()["m4.s_stop_3.wav"]))
    # half a step of 16 bits
    np.testing.assert_allclose(read_audio(clip.audio).samples, original, atol=0.51 / 32768)


def test_the_default_splits_share_no_speaker(archive: Path, tmp_path: Path) -> None:
    utterances = prepare_polish(archive, tmp_path).utterances
    assert Counter(u.split for u in utterances) == {"train": 270, "dev": 90, "test": 90}
    assert len({(u.speaker, u.split) for u in utterances}) == 5


def test_the_card_cites_the_corpus_and_says_that_its_terms_are_not_confirmed(archive: Path, tmp_path: Path) -> None:
    card = prepare_polish(archive, tmp_path).card
    assert "10.34808/h46c-hb44" in card.notes[0]
    assert "not confirmed" in card.licence


def test_a_folder_of_clips_is_read_too(archive: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(archive) as packed:
        packed.extractall(tmp_path / "raw")
    assert len(prepare_polish(tmp_path / "raw", tmp_path / "out").utterances) == 450


def test_a_missing_clip_is_refused_and_its_group_named(tmp_path: Path) -> None:
    clips = miniature_clips()
    del clips["m2.n_tak_5.wav"]
    write_archive(tmp_path / "part.zip", clips)
    with pytest.raises(BadData, match=r"449 of 450 clips.*m2 neutral: 29"):
        prepare_polish(tmp_path / "part.zip", tmp_path / "out")


def test_a_file_that_is_no_archive_is_refused(tmp_path: Path) -> None:
    (tmp_path / "raw.zip").write_bytes(b"not a zip")
    with pytest.raises(BadData, match="neither a folder nor a zip"):
        prepare_polish(tmp_path / "raw.zip", tmp_path / "out")


def test_a_missing_archive_is_no_input(tmp_path: Path) -> None:
    with pytest.raises(NoInput, match="does not exist"):
        prepare_polish(tmp_path / "nowhere", tmp_path / "out")


def test_no_archive_at_all_says_how_to_fetch_it(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        prepare_polish(None, tmp_path)
    assert "--fetch" in caught.value.hint
