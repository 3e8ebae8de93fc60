from pathlib import Path

import pytest
from emotion_miniatures import sound, text

from merit_cli.corpora.emotion_tables import NO_SPEAKERS, prepare_emotion_csv, prepare_emotion_folder
from merit_cli.errors import BadData, NoInput, UsageError
from merit_cli.manifests.checks import check_leaks


def table(tmp_path: Path, *lines: str) -> Path:
    for name in ("a", "b", "c"):
        sound(tmp_path / "clips" / f"{name}.wav")
    return text(tmp_path / "corpus.csv", "\n".join(lines), encoding="utf-8-sig")


def test_every_column_of_a_table_reaches_the_manifest(tmp_path: Path) -> None:
    head = "File,Emotion,Speaker,Split,Sex,Text,transcript_source,arousal,valence,attribute_scale,room"
    raw = table(
        tmp_path,
        head,
        'clips/a.wav,sad,ann,train,F,"no, not now",human,2.5,1.5,1-7,hall',
        "clips/b.wav,angry,bob,Validation,m,go away,whisper,6,2,1-7,hall",
        "clips/c.wav,,cid,test,,,,,4,1-7,yard",
    )
    prepared = prepare_emotion_csv(raw, tmp_path)
    first, second, third = prepared.utterances
    assert (first.id, first.split, first.speaker, first.info["gender"]) == ("clips__a", "train", "ann", "female")
    assert (first.labels, first.info["room"]) == ({"emotion": "sad", "arousal": 2.5, "valence": 1.5}, "hall")
    assert (second.split, second.transcript_source) == ("dev", "whisper")
    assert (third.labels, third.transcript_source) == ({"valence": 4.0}, "")
    assert prepared.card.attribute_scale == (1.0, 7.0)
    assert prepared.card.notes == ("TRANSCRIPTS DIFFER: dev whisper; train human.",)


def test_a_table_without_splits_is_split_by_speaker(tmp_path: Path) -> None:
    raw = table(tmp_path, "path,label,speaker_id", "clips/a.wav,sad,ann", "clips/b.wav,sad,bob", "clips/c.wav,sad,cid")
    prepared = prepare_emotion_csv(raw, tmp_path)
    assert {one.split for one in prepared.utterances} == {"train", "dev", "test"}
    assert check_leaks(prepared.utterances) == []


def test_without_speakers_no_split_is_made_and_the_card_says_so(tmp_path: Path) -> None:
    prepared = prepare_emotion_csv(table(tmp_path, "path,label", "clips/a.wav,sad", "clips/b.wav,sad"), tmp_path)
    assert {one.split for one in prepared.utterances} == {""}
    assert NO_SPEAKERS in prepared.card.notes


@pytest.mark.parametrize(
    ("lines", "fault"),
    [
        (("label", "sad"), "no column names the files"),
        (("path,split", "clips/a.wav,half"), "'half' is not a split"),
        (("path,arousal", "clips/a.wav,3"), "need one scale"),
        (("path,arousal,attribute_scale", "clips/a.wav,9,1-7"), "arousal 9 lies outside the scale 1 to 7"),
        (("path,arousal,attribute_scale", "clips/a.wav,high,1-7"), "'high' in the column 'arousal'"),
        (("path,label", "clips/a.wav,sad,ann"), "more values than there are columns"),
        (("path,label", "clips/z.wav,sad"), "does not exist"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused(tmp_path: Path, lines: tuple[str, ...], fault: str) -> None:
    with pytest.raises((BadData, NoInput), match=fault):
        prepare_emotion_csv(table(tmp_path, *lines), tmp_path)


def test_a_missing_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="needs a table"):
        prepare_emotion_csv(None, tmp_path)
    with pytest.raises(NoInput, match="does not exist"):
        prepare_emotion_csv(tmp_path / "none.csv", tmp_path)
    with pytest.raises(NoInput, match="is empty"):
        prepare_emotion_csv(table(tmp_path, "path,label"), tmp_path)


def test_folders_say_split_emotion_and_speaker(tmp_path: Path) -> None:
    for name in ("train/sad/ann/a.wav", "dev/sad/bob/a.wav", "test/angry/a.wav"):
        sound(tmp_path / name)
    found = {one.id: one for one in prepare_emotion_folder(tmp_path, tmp_path / "o").utterances}
    assert (found["train__sad__ann__a"].split, found["train__sad__ann__a"].speaker) == ("train", "ann")
    assert (found["test__angry__a"].labels["emotion"], found["test__angry__a"].speaker) == ("angry", "")


def test_folders_without_splits_are_split_by_speaker(tmp_path: Path) -> None:
    for speaker in ("ann", "bob", "cid"):
        sound(tmp_path / "sad" / speaker / "a.wav")
    prepared = prepare_emotion_folder(tmp_path, tmp_path / "o")
    assert sorted(one.split for one in prepared.utterances) == ["dev", "test", "train"]


@pytest.mark.parametrize("name", ["a.wav", "sad/ann/day1/a.wav"])
def test_a_file_in_no_such_folder_is_refused(tmp_path: Path, name: str) -> None:
    sound(tmp_path / name)
    with pytest.raises(BadData, match="does not lie in"):
        prepare_emotion_folder(tmp_path, tmp_path / "o")
