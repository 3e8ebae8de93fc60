"""Each emotion corpus on a miniature of its official layout."""

import os
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from emotion_miniatures import crema_d, esd, iemocap, meld, msp_podcast, sound, text

from merit_cli.corpora import CORPORA
from merit_cli.corpora.crema_d import PUBLISHED as CREMA_D_COUNTS
from merit_cli.corpora.crema_d import prepare_crema_d, prepare_crema_d_perceived
from merit_cli.corpora.emodb import PUBLISHED as EMODB_COUNTS
from merit_cli.corpora.emodb import prepare_emodb
from merit_cli.corpora.esd import PUBLISHED as ESD_COUNTS
from merit_cli.corpora.esd import prepare_esd
from merit_cli.corpora.iemocap import FOUR, prepare_iemocap, prepare_iemocap_all
from merit_cli.corpora.iemocap import PUBLISHED as IEMOCAP_COUNTS
from merit_cli.corpora.meld import PUBLISHED as MELD_SIZES
from merit_cli.corpora.meld import PUBLISHED_EMOTIONS, prepare_meld
from merit_cli.corpora.msp_podcast import PUBLISHED_1_11, prepare_msp_podcast, prepare_msp_podcast_attributes
from merit_cli.corpora.prepared import PreparedCorpus
from merit_cli.corpora.ravdess import prepare_ravdess
from merit_cli.errors import BadData, CheckFailed, NoInput, UsageError
from merit_cli.manifests.checks import check_leaks
from merit_cli.manifests.folds import leave_one_speaker_out
from merit_cli.manifests.read_write import read_card, read_manifest
from merit_cli.manifests.utterance import Utterance
from merit_cli.workers import Machine
from merit_cli.workflows.prepare import run_prepare

NAMES = ("crema-d", "crema-d-perceived", "emo-db", "emotion-folder", "esd", "iemocap", "iemocap-all", "meld")
NAMES += ("msp-podcast", "msp-podcast-attributes")


def by_id(prepared: PreparedCorpus) -> dict[str, Utterance]:
    return {one.id: one for one in prepared.utterances}


@pytest.mark.parametrize("name", NAMES)
def test_an_empty_folder_and_no_folder_are_refused(name: str, tmp_path: Path) -> None:
    adapter = CORPORA.load(name)
    assert callable(adapter)
    with pytest.raises(NoInput):
        adapter(tmp_path, tmp_path / "o")
    with pytest.raises(UsageError, match="needs"):
        adapter(None, tmp_path / "o")


def test_the_counts_asserted_are_those_of_the_publications() -> None:
    assert sum(EMODB_COUNTS.values()) == 535
    assert sum(CREMA_D_COUNTS.values()) == 7442
    assert sum(ESD_COUNTS.values()) == 35000
    assert (sum(IEMOCAP_COUNTS.values()), sum(IEMOCAP_COUNTS[code] for code in FOUR)) == (10039, 5531)
    assert {split: sum(counts.values()) for split, counts in PUBLISHED_EMOTIONS.items()} == MELD_SIZES
    assert sum(PUBLISHED_1_11.values()) == 151654 - 2347


def test_iemocap_has_four_classes_with_excited_as_happy(tmp_path: Path) -> None:
    prepared = prepare_iemocap(iemocap(tmp_path), tmp_path)
    assert Counter(one.labels["emotion"] for one in prepared.utterances) == {"angry": 5, "happy": 5}
    man = by_id(prepared)["Ses05F_impro01_M001"]
    assert (man.speaker, man.split, man.info["gender"], man.info["annotation"]) == ("Ses05M", "test", "male", "exc")
    assert (man.labels["valence"], man.labels["arousal"], man.labels["dominance"]) == (2.5, 3.5, 1.5)
    assert (man.transcript, man.transcript_source) == ("Words 1.", "human")
    assert prepared.card.attribute_scale == (1.0, 5.0)
    assert "A part of IEMOCAP: 20 of its 10039" in prepared.card.notes[0]


def test_iemocap_all_keeps_turns_without_agreement_for_their_attributes(tmp_path: Path) -> None:
    found = by_id(prepare_iemocap_all(iemocap(tmp_path), tmp_path))
    assert len(found) == 20
    assert "emotion" not in found["Ses01F_impro01_F002"].labels
    assert found["Ses01F_impro01_F002"].labels["arousal"] == 3.5
    assert found["Ses01F_impro01_M003"].labels["emotion"] == "frustrated"


def test_a_fold_of_iemocap_leaves_a_session_out(tmp_path: Path) -> None:
    lines = leave_one_speaker_out(prepare_iemocap(iemocap(tmp_path), tmp_path).utterances, 2)
    assert {one.split: {u.info["session"] for u in lines if u.split == one.split} for one in lines} == {
        "test": {"2"},
        "dev": {"3"},
        "train": {"1", "4", "5"},
    }
    assert check_leaks(lines) == []


def test_an_iemocap_line_that_is_torn_is_refused_with_its_place(tmp_path: Path) -> None:
    root = iemocap(tmp_path)
    path = root / "Session1" / "dialog" / "EmoEvaluation" / "Ses01F_impro01.txt"
    path.write_text("[1.0 - 2.0]\tSes01F_impro01_F000\tang", encoding="utf-8")
    with pytest.raises(BadData, match="not an evaluation") as error:
        prepare_iemocap(root, tmp_path)
    assert error.value.place.endswith("Ses01F_impro01.txt:1")


@pytest.mark.parametrize("release", ["1.8", "1.11", "2.0"])
def test_msp_podcast_is_read_in_each_release(release: str, tmp_path: Path) -> None:
    prepared = prepare_msp_podcast(msp_podcast(tmp_path, release=release), tmp_path)
    found = by_id(prepared)
    assert Counter(one.split for one in found.values()) == {"train": 2, "dev": 1, "test": 1, "": 1}
    angry = found["MSP-PODCAST_0001_0009"]
    assert (angry.labels["emotion"], angry.labels["arousal"], angry.labels["valence"]) == ("angry", 6.0, 1.5)
    assert (angry.speaker, angry.info["gender"], angry.transcript) == ("30", "male", "words of MSP-PODCAST_0001_0009")
    assert prepared.card.attribute_scale == (1.0, 7.0)
    assert found["MSP-PODCAST_test3_0001"].labels == {}
    reasons = {remark.id: remark.reason for remark in prepared.remarks}
    assert reasons["MSP-PODCAST_0006_0001"] == "left out: its wav file is missing"
    assert reasons["MSP-PODCAST_0001_0009"] == "44100 Hz among files of 16000 Hz"
    assert "2 channels" in reasons["MSP-PODCAST_test3_0001"]
    assert "1 turns of another emotion and 1 without agreement left out." in prepared.card.notes
    assert check_leaks(prepared.utterances) == []


def test_msp_podcast_attributes_keep_others_and_those_without_agreement(tmp_path: Path) -> None:
    found = by_id(prepare_msp_podcast_attributes(msp_podcast(tmp_path, release="1.11"), tmp_path))
    assert "emotion" not in found["MSP-PODCAST_0002_0001"].labels
    assert found["MSP-PODCAST_0002_0001"].speaker == ""
    assert found["MSP-PODCAST_0005_0001"].labels["emotion"] == "other"


def test_an_unknown_class_of_msp_podcast_is_refused(tmp_path: Path) -> None:
    root = msp_podcast(tmp_path, release="1.11")
    table = root / "Labels" / "labels_consensus.csv"
    table.write_text(table.read_text(encoding="utf-8").replace(",A,6.0", ",Q,6.0"), encoding="utf-8")
    with pytest.raises(BadData, match="the class 'Q'") as error:
        prepare_msp_podcast(root, tmp_path)
    assert error.value.place.endswith(":3")


def test_crema_d_takes_the_intended_emotion_and_the_wav_of_two_files(tmp_path: Path) -> None:
    prepared = prepare_crema_d(crema_d(tmp_path), tmp_path)
    first = by_id(prepared)["1001_IEO_ANG_LO"]
    assert (first.labels["emotion"], first.audio.suffix, first.transcript) == ("angry", ".wav", "It's eleven o'clock.")
    assert (first.info["gender"], first.info["age"], first.info["intensity"]) == ("male", "21", "low")
    assert "intensity" not in by_id(prepared)["1001_IEO_HAP_XX"].info
    assert len(prepared.utterances) == 12
    assert {one.split for one in prepared.utterances} == {"train", "dev", "test"}
    assert check_leaks(prepared.utterances) == []


def test_crema_d_perceived_takes_the_vote_on_the_voice_and_leaves_ties_out(tmp_path: Path) -> None:
    prepared = prepare_crema_d_perceived(crema_d(tmp_path), tmp_path)
    found = by_id(prepared)
    assert found["1002_IEO_HAP_XX"].labels["emotion"] == "neutral"
    assert found["1002_IEO_HAP_XX"].info["intended"] == "happy"
    assert "1001_IEO_HAP_XX" not in found
    assert [(one.id, one.reason) for one in prepared.remarks] == [("1001_IEO_HAP_XX", "left out: listeners tie (A:N)")]


def test_emo_db_names_say_speaker_sex_sentence_and_emotion(tmp_path: Path) -> None:
    for stem in ("03a01Fa", "08b10Wa", "16a07Td", "03a01Wa", "03a01x"):
        sound(tmp_path / "wav" / f"{stem}.wav")
    found = by_id(prepare_emodb(tmp_path, tmp_path))
    assert sorted(found) == ["03a01Fa", "03a01Wa", "08b10Wa", "16a07Td"]
    happy, sad = found["03a01Fa"], found["16a07Td"]
    assert (happy.speaker, happy.info["gender"], happy.labels["emotion"]) == ("03", "male", "happy")
    assert (sad.speaker, sad.info["gender"], sad.labels["emotion"]) == ("16", "female", "sad")
    assert (happy.transcript, happy.transcript_source) == ("Der Lappen liegt auf dem Eisschrank.", "script")


def test_a_whole_copy_whose_labels_were_changed_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("merit_cli.corpora.emodb.PUBLISHED", {"happy": 1, "angry": 1})
    for stem in ("03a01Fa", "08b10Fa"):
        sound(tmp_path / f"{stem}.wav")
    with pytest.raises(CheckFailed, match="counts are not as published: 2 happy, published 1"):
        prepare_emodb(tmp_path, tmp_path)


def test_meld_tells_equal_numbers_of_different_splits_apart(tmp_path: Path) -> None:
    prepared = prepare_meld(meld(tmp_path), tmp_path)
    found = by_id(prepared)
    assert len(found) == 8
    assert found["train__dia0_utt0"].audio.parent.name == "train_splits"
    assert found["test__dia0_utt0"].audio.parent.name == "output_repeated_splits_test"
    assert found["test__dia0_utt0"].transcript == "Oh my God, he\u2019s lost it."
    assert found["dev__dia0_utt2"].speaker == ""
    assert [one.id for one in prepared.remarks] == ["dev__dia0_utt1"]


def test_meld_is_split_by_speaker_and_its_own_splits_are_seen_to_leak(tmp_path: Path) -> None:
    lines = prepare_meld(meld(tmp_path), tmp_path).utterances
    assert check_leaks(lines) == []
    with pytest.raises(CheckFailed, match="Phoebe"):
        check_leaks([replace(one, split=one.info["official_split"]) for one in lines])


def test_meld_without_sound_says_how_to_take_it_out(tmp_path: Path) -> None:
    root = meld(tmp_path)
    for path in root.rglob("*.wav"):
        path.unlink()
    with pytest.raises(NoInput, match="no utterance has its sound") as error:
        prepare_meld(root, tmp_path)
    assert "ffmpeg" in error.value.hint


@pytest.mark.parametrize("with_parts", [False, True])
def test_esd_is_read_in_both_layouts_and_all_encodings(*, with_parts: bool, tmp_path: Path) -> None:
    prepared = prepare_esd(esd(tmp_path, with_parts=with_parts), tmp_path)
    found = by_id(prepared)
    assert len(found) == 8
    for speaker, gender, language, words in (
        ("0001", "female", "zh", "打远一看"),
        ("0004", "male", "zh", "打远一看"),
        ("0011", "male", "en", "The nine the eggs, I keep."),
    ):
        one = found[f"{speaker}_000351"]
        assert (one.labels["emotion"], one.info["gender"], one.info["language"]) == ("angry", gender, language)
        assert (one.transcript, one.transcript_source) == (words, "script")
    assert ("official_split" in found["0011_000701"].info) is with_parts
    assert check_leaks(prepared.utterances) == []


def test_a_file_that_is_not_audio_is_left_out_with_its_reason(tmp_path: Path) -> None:
    sound(tmp_path / "03a01Fa.wav")
    text(tmp_path / "08a01Fa.wav", "version https://git-lfs.github.com/spec/v1")
    prepared = prepare_emodb(tmp_path, tmp_path)
    assert [(one.id, one.kept) for one in prepared.remarks] == [("08a01Fa", False)]
    assert "1 files are left out; the ledger says why." in prepared.card.notes


@pytest.mark.shared
def test_ravdess_is_whole_and_as_published(tmp_path: Path) -> None:
    shared = os.environ.get("MERIT_SHARED_DATA")
    if not shared:
        pytest.skip("MERIT_SHARED_DATA is not set")
    prepared = prepare_ravdess(Path(shared) / "ravdess16k", tmp_path)
    assert prepared.card.notes[0].startswith("All 1440 recordings of RAVDESS speech; counts as published: 96 neutral")
    assert Counter(one.split for one in prepared.utterances) == {"train": 960, "dev": 240, "test": 240}
    assert check_leaks(prepared.utterances) == []
    assert {one.transcript for one in prepared.utterances} == {
        "Kids are talking by the door.",
        "Dogs are sitting by the door.",
    }


def test_merit_prepare_writes_transcripts_and_the_scale_and_reads_them_back(tmp_path: Path) -> None:
    raw = iemocap(tmp_path / "raw")
    summary = run_prepare("iemocap", raw, output=tmp_path / "o", machine=Machine(), fold=2)
    lines = {one.id: one for one in read_manifest(summary.manifest)}
    assert summary.splits == {"train": 6, "dev": 2, "test": 2}
    assert lines["Ses02F_impro01_F000"].transcript == "Words 0."
    card = read_card(summary.manifest)
    assert card is not None
    assert card.attribute_scale == (1.0, 5.0)
