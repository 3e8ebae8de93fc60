"""SPRSound, HF_Lung_V1, KAUH and tables, each on a miniature of its official layout."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile

from merit_cli.corpora import hf_lung, kauh, sprsound
from merit_cli.corpora.breath_csv import prepare_breath_csv
from merit_cli.corpora.hf_lung import prepare_hf_lung
from merit_cli.corpora.kauh import prepare_kauh
from merit_cli.corpora.prepared import PreparedCorpus
from merit_cli.corpora.sprsound import prepare_sprsound, prepare_sprsound_records
from merit_cli.errors import BadData, CheckFailed, NoInput, UsageError
from merit_cli.manifests.utterance import Utterance


def _sound(path: Path, seconds: float, rate: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.random.default_rng(1).normal(0.0, 0.1, round(seconds * rate)), rate)


def _reasons(prepared: PreparedCorpus) -> str:
    return "\n".join(f"{remark.id}: {remark.reason}" for remark in prepared.remarks)


def _sides(cycles: list[Utterance]) -> dict[str, set[str]]:
    return {split: {one.speaker for one in cycles if one.split == split} for split in ("train", "dev", "test")}


@pytest.fixture(scope="module")
def children(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The layout of BioCAS2022: eight training patients, two new test patients, one old one."""
    root = tmp_path_factory.mktemp("SPRSound") / "BioCAS2022"

    def add(stem: str, wav: str, folder: str, tree: object) -> None:
        _sound(root / wav / f"{stem}.wav", 4.0, 8000)
        (root / folder).mkdir(parents=True, exist_ok=True)
        (root / folder / f"{stem}.json").write_text(json.dumps(tree))

    def events(*kinds: str) -> list[dict[str, str]]:
        spans = [{"start": str(600 * k), "end": str(600 * k + 500), "type": kind} for k, kind in enumerate(kinds)]
        return spans[::-1]  # in no order, as in the corpus

    for patient in range(8):
        kinds = ("Normal", "Fine Crackle", "Wheeze+Crackle", "Rhonchi")
        tree = {"record_annotation": "CAS & DAS", "event_annotation": events(*kinds)}
        add(f"4000{patient}_3.3_0_p{patient % 4 + 1}_{patient}", "train2022_wav", "train2022_json", tree)
    for patient in range(2):
        tree = {"recording_annotation": "Normal", "event_annotation": [{"start": 342, "end": 2515, "type": "Normal"}]}
        add(f"5000{patient}_10.7_1_p3_9{patient}", "test2022_wav", "test2022_json/inter_test_json", tree)
    poor = {"record_annotation": "Poor Quality", "event_annotation": []}
    add("40000_3.3_0_p2_77", "test2022_wav", "test2022_json/intra_test_json", poor)
    bad = [{"start": "3000", "end": "9000", "type": "Wheeze"}, {"start": "x", "end": "1", "type": "Wheeze"}]
    bad += [{"start": "5", "end": "5", "type": "Wheeze"}, {"start": "0", "end": "900", "type": "Snore"}]
    add("60000_1.0_0_p1_5", "train2022_wav", "train2022_json", {"event_annotation": bad})
    add("60001_1.0_0_p1_6", "train2022_wav", "train2022_json", {"event_annotation": "none"})
    _sound(root / "train2022_wav" / "60002_1.0_0_p1_7.wav", 1.0, 8000)
    return root.parent


def test_sprsound_events_have_times_in_milliseconds_and_their_classes(children: Path, tmp_path: Path) -> None:
    cycles = [one for one in prepare_sprsound(children, tmp_path).utterances if one.speaker == "40003"]
    by_start = sorted(cycles, key=lambda one: one.start)
    assert [one.labels["breath"] for one in by_start] == ["normal", "crackle", "both", "rhonchi"]
    assert [one.labels["event"] for one in by_start] == ["Normal", "Fine Crackle", "Wheeze+Crackle", "Rhonchi"]
    assert [(one.start, one.num_samples) for one in by_start] == [(4800 * k, 4000) for k in range(4)]
    assert by_start[0].labels["record"] == "CAS & DAS"
    assert {key: by_start[0].info[key] for key in ("age", "sex", "location")} == {
        "age": "3.3",
        "sex": "M",
        "location": "p4",
    }


def test_sprsound_keeps_the_patients_of_inter_in_test_and_drops_those_of_intra(children: Path, tmp_path: Path) -> None:
    cycles = prepare_sprsound(children, tmp_path).utterances
    sides = _sides(cycles)
    assert sides["test"] == {"50000", "50001"}
    assert not sides["train"] & sides["dev"]
    intra = [one for one in cycles if one.info["part"] == "intra"]
    assert [(one.split, one.labels) for one in intra] == [("", {"record": "Poor Quality"})]


def test_sprsound_puts_each_odd_event_on_record(children: Path, tmp_path: Path) -> None:
    reasons = _reasons(prepare_sprsound(children, tmp_path))
    assert "60000_1.0_0_p1_5__e01: left out: ends at 9.000 s, the audio at 4.000 s" in reasons
    assert "60000_1.0_0_p1_5__e02: left out: start or end is not a number" in reasons
    assert "60000_1.0_0_p1_5__e03: left out: it runs from 0.005 to 0.005 s" in reasons
    assert "60000_1.0_0_p1_5__e04: unknown event type 'Snore'" in reasons
    assert "60001_1.0_0_p1_6: left out: its annotation has no list event_annotation" in reasons
    assert "60002_1.0_0_p1_7: left out: its annotation .json is missing" in reasons


def test_sprsound_records_are_whole_recordings(children: Path, tmp_path: Path) -> None:
    prepared = prepare_sprsound_records(children, tmp_path)
    assert len(prepared.utterances) == 11
    assert {one.num_samples for one in prepared.utterances} == {32000}
    assert {str(one.labels["record"]) for one in prepared.utterances} == {"CAS & DAS", "Normal", "Poor Quality"}
    assert "60000_1.0_0_p1_5: left out: its annotation has no record_annotation" in _reasons(prepared)


def test_sprsound_counts_are_compared_once_it_is_complete(
    children: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert any(
        "A part of SPRSound 2022: 12 of its 2683" in note for note in prepare_sprsound(children, tmp_path).card.notes
    )
    monkeypatch.setattr(sprsound, "NUM_RECORDINGS", 12)
    with pytest.raises(CheckFailed, match="published 6887"):
        prepare_sprsound(children, tmp_path)


def test_sprsound_of_later_years_is_tested_on_and_copies_are_passed_over(children: Path, tmp_path: Path) -> None:
    raw = tmp_path / "SPRSound"
    shutil.copytree(children, raw)
    name, copied = "70000_2.0_1_p8_900", "40003_3.3_0_p4_3"
    _sound(raw / "BioCAS2023" / "test2023_wav" / f"{name}.wav", 1.0, 8000)
    tree = {"event_annotation": [{"start": "0", "end": "900", "type": "Stridor"}]}
    for folder, stem in (("BioCAS2023/test2023_json", name), ("example", copied)):
        (raw / folder).mkdir(parents=True, exist_ok=True)
        (raw / folder / f"{stem}.json").write_text(json.dumps(tree))
    prepared = prepare_sprsound(raw, tmp_path)
    later = [one for one in prepared.utterances if one.speaker == "70000"]
    assert [(one.split, one.labels["breath"], one.info["location"]) for one in later] == [("test", "stridor", "p8")]
    assert sum(one.speaker == "40003" for one in prepared.utterances) == 4
    assert any("12 of its 2683" in note for note in prepared.card.notes)


@pytest.fixture(scope="module")
def hospital(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The layout of HF_Lung_V1: train and test, two devices, an empty label file and a missing one."""
    root = tmp_path_factory.mktemp("HF_Lung_V1")
    full = (
        "I 00:00:00.000 00:00:02.000\nD 00:00:00.500 00:00:01.000\nE 00:00:02.000 00:00:04.000\n"
        "I 00:00:05.000 00:00:06.000\nWheeze 00:00:05.500 00:00:06.500\nD 00:00:05.600 00:00:05.700\n"
        "E 00:00:07.000 00:00:08.000\nRhonchi 00:00:07.100 00:00:07.900\nStridor 00:00:10.000 00:00:11.000\n"
    )
    for day in range(21, 27):
        _labelled(root / "train" / f"steth_201908{day}_12_00_25", full)
    _labelled(root / "test" / "trunc_2019-09-01-10-35-06-L1_1", "I 00:00:01.000 00:00:02.500\n")
    _labelled(root / "test" / "trunc_2019-08-21-10-35-06-L2_3", "I 00:00:01.000 00:00:02.500\n")
    _labelled(root / "train" / "steth_20190829_12_00_25", "")
    _labelled(root / "train" / "steth_20190830_12_00_25", "I 00:00:01 x\nI 00:00:14.000 00:00:19.000\n")
    _sound(root / "train" / "steth_20190831_12_00_25.wav", 15.0, 4000)
    return root


def _labelled(stem: Path, text: str) -> None:
    _sound(stem.with_name(f"{stem.name}.wav"), 15.0, 4000)
    stem.with_name(f"{stem.name}_label.txt").write_text(text)


def test_hf_lung_phases_carry_the_sounds_that_touch_them(hospital: Path, tmp_path: Path) -> None:
    cycles = [one for one in prepare_hf_lung(hospital, tmp_path).utterances if one.id.startswith("steth_20190822")]
    assert [(one.labels["breath"], one.labels.get("phase")) for one in cycles] == [
        ("crackle", "I"),
        ("normal", "E"),
        ("both", "I"),
        ("rhonchi", "E"),
        ("stridor", None),
    ]
    assert (cycles[1].start, cycles[1].num_samples) == (8000, 8000)


def test_hf_lung_never_calls_a_gap_normal(hospital: Path, tmp_path: Path) -> None:
    for one in prepare_hf_lung(hospital, tmp_path).utterances:
        if one.labels["breath"] == "normal":
            assert one.labels["phase"] in ("I", "E")


def test_hf_lung_keeps_the_recordings_of_a_day_on_one_side(hospital: Path, tmp_path: Path) -> None:
    prepared = prepare_hf_lung(hospital, tmp_path)
    sides = _sides(prepared.utterances)
    assert sides["test"] == {"day-20190901"}
    assert [one.split for one in prepared.utterances if one.id.startswith("trunc_2019-08-21")] == [""]
    assert any("names no patients" in note for note in prepared.card.notes)


def test_hf_lung_puts_each_odd_file_on_record(hospital: Path, tmp_path: Path) -> None:
    prepared = prepare_hf_lung(hospital, tmp_path)
    reasons = _reasons(prepared)
    assert "steth_20190830_12_00_25__l01: left out: cannot read 'I 00:00:01 x'" in reasons
    assert "steth_20190830_12_00_25__i01: left out: ends at 19.000 s" in reasons
    assert "its label file steth_20190831_12_00_25_label.txt is missing" in reasons
    assert "1 recordings have an empty label file and give nothing." in prepared.card.notes


def test_hf_lung_counts_are_compared_once_it_is_complete(
    hospital: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hf_lung, "NUM_RECORDINGS", 11)
    with pytest.raises(CheckFailed, match="15 I, published 34095"):
        prepare_hf_lung(hospital, tmp_path)


@pytest.fixture(scope="module")
def filtered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("KAUH") / "Audio Files"
    sounds = ("N", "E W", "C", "I C E W", "Crep", "I C B")
    for patient in range(1, 13):
        words = f"Asthma,{sounds[patient % 6]},P L U,{40 + patient},F "
        for letter in "BDE":
            _sound(root / f"{letter}P{patient}_{words}.wav", 1.0, 4000)
    _sound(root / "readme.wav", 1.0, 4000)
    return root


def test_kauh_siblings_stay_on_one_side(filtered: Path, tmp_path: Path) -> None:
    cycles = prepare_kauh(filtered, tmp_path).utterances
    sides = _sides(cycles)
    assert all(sides.values())
    assert not sides["train"] & sides["dev"]
    assert not (sides["train"] | sides["dev"]) & sides["test"]
    assert sorted(one.info["filter"] for one in cycles if one.speaker == "P7") == ["bell", "diaphragm", "extended"]


def test_kauh_names_say_diagnosis_sound_and_person(filtered: Path, tmp_path: Path) -> None:
    one = next(one for one in prepare_kauh(filtered, tmp_path).utterances if one.id.startswith("BP7_"))
    assert dict(one.labels) == {"breath": "wheeze", "sound": "E W", "diagnosis": "Asthma"}
    assert {key: one.info[key] for key in ("location", "age", "sex")} == {"location": "P L U", "age": "47", "sex": "F"}


def test_kauh_makes_no_crackle_of_what_its_authors_list_apart(filtered: Path, tmp_path: Path) -> None:
    labels = {str(one.labels["sound"]): one.labels["breath"] for one in prepare_kauh(filtered, tmp_path).utterances}
    assert labels == {
        "N": "normal",
        "E W": "wheeze",
        "C": "crackle",
        "I C E W": "both",
        "Crep": "crep",
        "I C B": "i c b",
    }


def test_kauh_names_a_stray_file_and_compares_its_counts(
    filtered: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "readme: left out: not a KAUH name" in _reasons(prepare_kauh(filtered, tmp_path))
    monkeypatch.setattr(kauh, "NUM_RECORDINGS", 36)
    with pytest.raises(CheckFailed, match="12 bell, published 112"):
        prepare_kauh(filtered, tmp_path)


def _table(folder: Path, text: str, name: str = "fabs.csv") -> Path:
    for number in range(6):
        _sound(folder / "clips" / f"{number:04d}.wav", 2.0, 16000)
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


FABS = "path,label,patient,split\n" + "".join(
    f"clips/{number:04d}.wav,{('normal', 'coarse crackle', 'wheeze')[number % 3]},p{number},{split}\n"
    for number, split in enumerate(("train", "train", "train", "validation", "test", "test"))
)


def test_the_example_of_fabs_is_read_as_it_stands_in_the_docstring(tmp_path: Path) -> None:
    prepared = prepare_breath_csv(_table(tmp_path, FABS), tmp_path)
    assert [one.split for one in prepared.utterances] == ["train", "train", "train", "dev", "test", "test"]
    assert [one.labels["breath"] for one in prepared.utterances[:3]] == ["normal", "crackle", "wheeze"]
    assert {one.num_samples for one in prepared.utterances} == {32000}
    assert prepared.remarks == []


def test_a_table_with_times_and_other_words_and_marks_is_read(tmp_path: Path) -> None:
    text = "Filename;Onset;Offset;Class;Subject;device\n"
    text += "clips/0000.wav;0,5;1,25;Wheeze;a;L1\nclips/0000.wav;1.25;2;Normal;a;\n"
    text += "".join(f"clips/000{k}.wav;0;1;Normal;{name};\n" for k, name in enumerate("bcd", start=1))
    cycles = prepare_breath_csv(_table(tmp_path, text), tmp_path).utterances
    assert [(one.start, one.num_samples) for one in cycles[:2]] == [(8000, 12000), (20000, 12000)]
    assert cycles[0].info["device"] == "L1"
    assert {one.split for one in cycles} == {"train", "dev", "test"}
    assert len({one.id for one in cycles}) == 5


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("clips/9999.wav,normal,p,train", "there is no file 'clips/9999.wav'"),
        ("clips/0000.wav,,p,train", "the label is empty"),
        ("clips/0000.wav,normal,,train", "the patient is empty"),
        ("clips/0000.wav,normal,p,holdout", "the split 'holdout' is not train, dev or test"),
    ],
)
def test_a_line_of_a_table_that_cannot_be_used_is_named(tmp_path: Path, line: str, words: str) -> None:
    prepared = prepare_breath_csv(_table(tmp_path, FABS + line + "\n"), tmp_path)
    assert len(prepared.utterances) == 6
    assert f"line-8: left out: {words}" in _reasons(prepared)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("path,kind,patient\nclips/0000.wav,normal,p\n", "0 columns for the label"),
        ("path,label\nclips/0000.wav,normal\n", "neither patients nor splits"),
        ("path,label,patient\nclips/9.wav,normal,p\n", "not one line can be used"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(BadData, match=words):
        prepare_breath_csv(_table(tmp_path, text), tmp_path)


def test_an_empty_table_is_no_input(tmp_path: Path) -> None:
    with pytest.raises(NoInput, match="empty"):
        prepare_breath_csv(_table(tmp_path, "path,label\n"), tmp_path)


@pytest.mark.parametrize("adapter", [prepare_breath_csv, prepare_hf_lung, prepare_kauh, prepare_sprsound])
def test_each_adapter_asks_for_its_folder_and_refuses_an_empty_one(adapter: object, tmp_path: Path) -> None:
    assert callable(adapter)
    with pytest.raises(UsageError):
        adapter(None, tmp_path)
    with pytest.raises(NoInput):
        adapter(tmp_path, tmp_path)
