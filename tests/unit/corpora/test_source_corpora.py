"""Each corpus of speech or noise to mix, on a miniature of its official layout."""

import os
from pathlib import Path

import pytest
from emotion_miniatures import sound, text

from merit_cli.corpora import CORPORA
from merit_cli.corpora.demand import SPLITS as DEMAND_SPLITS
from merit_cli.corpora.demand import prepare_demand
from merit_cli.corpora.dns_challenge import prepare_dns_noise, prepare_dns_speech, prepare_dns_test
from merit_cli.corpora.esc50 import prepare_esc10, prepare_esc50
from merit_cli.corpora.librispeech import PUBLISHED as LIBRISPEECH_SIZES
from merit_cli.corpora.librispeech import prepare_librispeech
from merit_cli.corpora.musan import prepare_musan_music, prepare_musan_noise, prepare_musan_speech
from merit_cli.corpora.prepared import PreparedCorpus
from merit_cli.corpora.voicebank_demand import prepare_voicebank, prepare_voicebank_demand
from merit_cli.errors import NoInput, UsageError
from merit_cli.manifests.checks import check_leaks
from merit_cli.manifests.utterance import Utterance
from merit_cli.workers import Machine
from merit_cli.workflows.prepare import run_prepare

NAMES = ("demand", "dns-challenge", "dns-challenge-noise", "dns-challenge-test", "esc-10", "esc-50", "librispeech")
NAMES += ("musan-music", "musan-noise", "musan-speech", "voicebank", "voicebank-demand")


def by_id(prepared: PreparedCorpus) -> dict[str, Utterance]:
    return {one.id: one for one in prepared.utterances}


def voicebank(root: Path) -> Path:
    for part, stems in (
        ("trainset_28spk", ("p226_001", "p228_001", "p228_002", "p287_004")),
        ("testset", ("p232_001", "p257_009")),
    ):
        for stem in stems:
            sound(root / f"noisy_{part}_wav" / f"{stem}.wav", sample_rate=48000)
            sound(root / f"clean_{part}_wav" / f"{stem}.wav", sample_rate=48000)
            text(root / f"{part}_txt" / f"{stem}.txt", f"Words of {stem}.\n")
    sound(root / "noisy_testset_wav" / "p257_010.wav", sample_rate=48000)
    text(root / "log_trainset_28spk.txt", "p226_001 cafeteria 10\np228_001 babble 0\n")
    text(root / "log_testset.txt", "p232_001 bus 17.5\n")
    return root


def dns(root: Path) -> Path:
    sound(root / "datasets" / "clean" / "book_00000_chp_0009_reader_06709_0.wav")
    sound(root / "datasets" / "clean" / "emotional_speech" / "Crema_d" / "1001_DFA_ANG_XX.wav")
    sound(root / "datasets" / "clean" / "vctk_wav48_silence_trimmed" / "p225" / "p225_001_mic1.flac")
    sound(root / "datasets" / "noise" / "door_Freesound_validated_361491_0.wav")
    sound(root / "datasets" / "noise" / "aBcD1234_-x.wav")
    test_set = root / "datasets" / "test_set" / "synthetic"
    for reverb in ("no_reverb", "with_reverb"):
        sound(test_set / reverb / "noisy" / "clnsp1_train_69005_1_snr15_tl-21_fileid_158.wav")
        sound(test_set / reverb / "clean" / "clean_fileid_158.wav")
    sound(test_set / "no_reverb" / "noisy" / "clnsp2_fan_1_snr0_tl-21_fileid_9.wav")
    return root


@pytest.mark.parametrize("name", NAMES)
def test_an_empty_folder_and_no_folder_are_refused_with_the_layout(name: str, tmp_path: Path) -> None:
    adapter = CORPORA.load(name)
    assert callable(adapter)
    with pytest.raises(NoInput) as caught:
        adapter(tmp_path, tmp_path / "o")
    assert caught.value.hint
    with pytest.raises(UsageError, match=f"{name} needs the folder"):
        adapter(None, tmp_path / "o")


def test_voicebank_demand_pairs_noisy_and_clean_by_name(tmp_path: Path) -> None:
    prepared = prepare_voicebank_demand(voicebank(tmp_path), tmp_path / "o")
    lines = by_id(prepared)
    noisy = lines["p228_001"]
    assert noisy.audio.parent.name == "noisy_trainset_28spk_wav"
    assert noisy.clean == tmp_path / "clean_trainset_28spk_wav" / "p228_001.wav"
    assert (noisy.speaker, noisy.transcript, noisy.sample_rate) == ("p228", "Words of p228_001.", 48000)
    assert (noisy.info["noise_class"], noisy.info["snr_db"]) == ("babble", "0")
    assert {one.id: one.split for one in prepared.utterances} == {
        "p226_001": "dev",
        "p287_004": "dev",
        "p228_001": "train",
        "p228_002": "train",
        "p232_001": "test",
        "p257_009": "test",
    }
    assert [(one.id, one.kept) for one in prepared.remarks] == [("p257_010", False)]


def test_voicebank_alone_is_the_clean_side(tmp_path: Path) -> None:
    prepared = prepare_voicebank(voicebank(tmp_path), tmp_path / "o")
    assert {one.audio.parent.name for one in prepared.utterances} == {"clean_trainset_28spk_wav", "clean_testset_wav"}
    assert all(one.clean is None and "snr_db" not in one.info for one in prepared.utterances)


def test_of_both_training_sets_the_usual_one_is_read(tmp_path: Path) -> None:
    root = voicebank(tmp_path)
    for side in ("noisy", "clean"):
        sound(root / f"{side}_trainset_56spk_wav" / "p234_001.wav")
    prepared = prepare_voicebank_demand(root, tmp_path / "o")
    assert "p234_001" not in by_id(prepared)
    assert "28spk" in prepared.card.description


def test_librispeech_has_words_sexes_and_the_official_splits(tmp_path: Path) -> None:
    root = tmp_path / "LibriSpeech"
    text(root / "SPEAKERS.TXT", ";ID  |SEX| SUBSET |MINUTES| NAME\n19   | F | train-clean-100  | 25.19 | K S\n")
    for part, stem in (("train-clean-100", "19-198-0000"), ("dev-other", "700-1-0001"), ("test-clean", "61-70-0002")):
        speaker, chapter, _ = stem.split("-")
        folder = root / part / speaker / chapter
        sound(folder / f"{stem}.flac")
        text(folder / f"{speaker}-{chapter}.trans.txt", f"{stem} NORTHANGER ABBEY\n")
    sound(root / "elsewhere" / "5-6-7.flac")
    prepared = prepare_librispeech(tmp_path, tmp_path / "o")
    lines = by_id(prepared)
    first = lines["19-198-0000"]
    assert (first.speaker, first.split, first.info["gender"]) == ("19", "train", "female")
    assert (first.transcript, first.transcript_source) == ("NORTHANGER ABBEY", "human")
    assert (lines["700-1-0001"].split, lines["61-70-0002"].split) == ("dev", "test")
    assert [one.id for one in prepared.remarks] == ["5-6-7"]
    assert "dev-other, 1 of its 2864 files" in prepared.card.notes[0]


def test_librispeech_has_the_published_number_of_files() -> None:
    assert sum(LIBRISPEECH_SIZES.values()) == 292367


def test_musan_parts_are_told_apart_and_music_says_whether_somebody_sings(tmp_path: Path) -> None:
    root = tmp_path / "musan"
    sound(root / "noise" / "free-sound" / "noise-free-sound-0000.wav")
    sound(root / "music" / "fma" / "music-fma-0000.wav")
    sound(root / "music" / "fma-western-art" / "music-fma-western-art-0001.wav")
    text(root / "music" / "fma" / "ANNOTATIONS", "music-fma-0000 ambient,electronic N The_Artist\n")
    sound(root / "speech" / "us-gov" / "speech-us-gov-0003.wav")
    noise, music, speech = (
        by_id(prepare(tmp_path, tmp_path / "o"))
        for prepare in (prepare_musan_noise, prepare_musan_music, prepare_musan_speech)
    )
    assert list(noise) == ["noise-free-sound-0000"]
    assert noise["noise-free-sound-0000"].info == {"noise_class": "noise", "source": "free-sound"}
    assert music["music-fma-0000"].info["vocals"] == "no"
    assert music["music-fma-western-art-0001"].info["source"] == "fma-western-art"
    assert speech["speech-us-gov-0003"].info == {"source": "us-gov"}


def test_esc50_has_folds_that_share_no_recording_and_esc10_is_its_part(tmp_path: Path) -> None:
    rows = ["filename,fold,target,category,esc10,src_file,take"]
    for number, (kind, ten) in enumerate((("dog", "True"), ("pig", "False"), ("rain", "True"))):
        for fold in range(1, 6):
            name = f"{fold}-10{number}{fold}-A-{number}.wav"
            sound(tmp_path / "ESC-50-master" / "audio" / name, sample_rate=44100)
            rows.append(f"{name},{fold},{number},{kind},{ten},10{number}{fold},A")
    text(tmp_path / "ESC-50-master" / "meta" / "esc50.csv", "\n".join(rows))
    fifty = prepare_esc50(tmp_path, tmp_path / "o")
    assert {one.info["noise_class"] for one in fifty.utterances} == {"dog", "pig", "rain"}
    assert {one.split: one.info["fold"] for one in fifty.utterances if one.split != "train"} == {
        "dev": "4",
        "test": "5",
    }
    ten = prepare_esc10(tmp_path, tmp_path / "o")
    assert {one.info["noise_class"] for one in ten.utterances} == {"dog", "rain"}


def test_esc10_is_read_from_its_own_folders(tmp_path: Path) -> None:
    sound(tmp_path / "001 - Dog bark" / "1-30226-A.ogg")
    sound(tmp_path / "010 - Fire crackling" / "5-21300-B.ogg")
    lines = by_id(prepare_esc10(tmp_path, tmp_path / "o"))
    assert {one.id: (one.info["noise_class"], one.split) for one in lines.values()} == {
        "1-30226-A": ("dog_bark", "train"),
        "5-21300-B": ("fire_crackling", "test"),
    }


def test_demand_takes_one_channel_of_a_place_and_the_splits_of_voicebank(tmp_path: Path) -> None:
    for folder in ("DKITCHEN_48k/DKITCHEN", "DKITCHEN_16k/DKITCHEN", "TBUS", "NPARK"):
        for channel in ("ch01", "ch02"):
            sound(tmp_path / folder / f"{channel}.wav", sample_rate=16000 if "16k" in folder else 48000)
    prepared = prepare_demand(tmp_path, tmp_path / "o")
    assert {one.id: (one.split, one.sample_rate) for one in prepared.utterances} == {
        "DKITCHEN__ch01": ("train", 48000),
        "NPARK__ch01": ("dev", 48000),
        "TBUS__ch01": ("test", 48000),
    }
    assert by_id(prepared)["TBUS__ch01"].info == {"noise_class": "TBUS", "kind": "transportation"}
    assert "Places missing" in prepared.card.notes[0]
    assert len(DEMAND_SPLITS) == 18


def test_dns_speech_has_the_readers_that_names_tell(tmp_path: Path) -> None:
    prepared = prepare_dns_speech(dns(tmp_path), tmp_path / "o")
    assert {one.id: (one.speaker, bool(one.split), one.info["source"]) for one in prepared.utterances} == {
        "book_00000_chp_0009_reader_06709_0": ("06709", True, "read_speech"),
        "emotional_speech__Crema_d__1001_DFA_ANG_XX": ("", False, "emotional_speech"),
        "vctk_wav48_silence_trimmed__p225__p225_001_mic1": ("p225", True, "vctk_wav48_silence_trimmed"),
    }
    assert any("1 files name no speaker" in note for note in prepared.card.notes)


def test_dns_noise_has_the_class_that_a_name_says(tmp_path: Path) -> None:
    lines = by_id(prepare_dns_noise(dns(tmp_path), tmp_path / "o"))
    assert {name: one.info["noise_class"] for name, one in lines.items()} == {
        "door_Freesound_validated_361491_0": "door",
        "aBcD1234_-x": "audioset",
    }


def test_dns_test_pairs_are_found_by_number(tmp_path: Path) -> None:
    prepared = prepare_dns_test(dns(tmp_path), tmp_path / "o")
    assert len(prepared.utterances) == 2
    one = by_id(prepared)["no_reverb__clnsp1_train_69005_1_snr15_tl-21_fileid_158"]
    assert one.clean is not None
    assert one.clean.name == "clean_fileid_158.wav"
    assert one.info == {"reverb": "no", "snr_db": "15", "level_db": "-21"}
    assert [remark.id for remark in prepared.remarks] == ["clnsp2_fan_1_snr0_tl-21_fileid_9"]


@pytest.mark.parametrize(
    ("name", "kind"), [("voicebank-demand", "pairs"), ("dns-challenge", "speech"), ("demand", "noise")]
)
def test_a_source_goes_through_prepare_without_leaks(name: str, kind: str, tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    make = {"voicebank-demand": voicebank, "dns-challenge": dns}.get(name)
    if make:
        make(raw)
    else:
        sound(raw / "TBUS" / "ch01.wav")
    summary = run_prepare(name, raw, output=tmp_path / "out", machine=Machine(runs_dir=tmp_path / "runs"))
    prepared = CORPORA.load(name)
    assert callable(prepared)
    assert check_leaks(prepared(raw, tmp_path / "o").utterances) == []
    assert summary.utterances > 0
    assert summary.kind == kind
    assert (tmp_path / "out" / "manifest.jsonl").exists()


@pytest.mark.shared
@pytest.mark.skipif("MERIT_SHARED_DATA" not in os.environ, reason="MERIT_SHARED_DATA is not set")
def test_the_real_esc10_has_forty_clips_of_each_class(tmp_path: Path) -> None:
    prepared = prepare_esc10(Path(os.environ["MERIT_SHARED_DATA"]) / "esc10", tmp_path / "o")
    assert len(prepared.utterances) == 400
    assert prepared.card.notes[0].startswith("All 400 recordings of ESC-10; counts as published: 40 baby_cry, ")
