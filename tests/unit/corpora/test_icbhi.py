"""ICBHI reading on a miniature of the official layout with every trap the corpus is known for."""

import os
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import soundfile

from merit_cli.corpora.icbhi_format import SPLIT_LIST_NAME, parse_stem, read_annotation, read_split_list
from merit_cli.corpora.icbhi_reading import IcbhiReading, read_icbhi_folder
from merit_cli.corpora.patient_split import split_patients
from merit_cli.errors import BadData, NoInput

FOUR_CYCLES = "0.000\t1.000\t0\t0\n1.000\t2.000\t1\t0\n2.000\t3.000\t0\t1\n3.000\t4.000\t1\t1\n"

ODD_LINES = (
    "0,5\t1,5\t0\t0\n1.2\t2.0\t0\t0\n2.5\t2.5\t1\t0\n3.0\t9.0\t1\t0\nbad line\n3.0\t4.05\t2\t0\n3.0\t4.05\t1\t0\n"
)


def _recording(
    folder: Path, stem: str, *, rate: int = 4000, subtype: str = "PCM_16", suffix: str = ".wav", text: str = FOUR_CYCLES
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(len(stem)).normal(0.0, 0.1, 4 * rate)
    soundfile.write(str(folder / f"{stem}{suffix}"), noise, rate, subtype=subtype)
    (folder / f"{stem}.txt").write_text(text)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten patients, one of them on both sides, one list line without audio, bad files of each kind."""
    raw = tmp_path_factory.mktemp("ICBHI with späces")
    lines = []
    for patient in range(101, 107):
        stem = f"{patient}_1b1_Al_sc_Meditron"
        _recording(raw, stem, rate=44100 if patient % 2 else 4000, subtype="PCM_24" if patient == 101 else "PCM_16")
        lines.append(f"{stem}\ttrain")
    for patient in range(201, 204):
        stem = f"{patient}_1b1_Pr_mc_AKGC417L"
        _recording(raw, stem, suffix=".flac", rate=10000)
        lines.append(f"{stem}\ttest")
    for stem, split in [("156_1b1_Al_sc_Litt3200", "train"), ("156_2b1_Al_sc_Litt3200", "test")]:
        _recording(raw, stem)
        lines.append(f"{stem}\t{split}")
    lines.append("226_1b1_Pl_sc_Meditron\ttrain")  # the line of the official list whose file has another device
    _recording(raw, "301_1b1_Xx_sc_Walkman", text=ODD_LINES)
    _recording(raw, "302_1b1_Al_sc_Meditron")
    (raw / "302_1b1_Al_sc_Meditron.txt").unlink()
    _recording(raw, "303_1b1_Al_sc_Meditron")
    (raw / "303_1b1_Al_sc_Meditron.wav").write_bytes(b"")
    _recording(raw, "304_1b1_Al_sc_Meditron", text="")
    _recording(raw, "holiday")
    (raw / "305_1b1_Al_sc_Meditron.txt").write_text(FOUR_CYCLES)
    lines += [f"{stem}\ttrain" for stem in ("301_1b1_Xx_sc_Walkman", "302_1b1_Al_sc_Meditron")]
    (raw / SPLIT_LIST_NAME).write_bytes("\r\n".join([*lines, ""]).encode())
    return raw


@pytest.fixture(scope="module")
def reading(corpus: Path) -> IcbhiReading:
    return read_icbhi_folder(corpus)


def _reasons(reading: IcbhiReading, item: str) -> str:
    return "; ".join(problem.reason for problem in reading.problems if problem.id == item)


def test_each_cycle_has_its_class_patient_and_place(reading: IcbhiReading) -> None:
    of_101 = [cycle for cycle in reading.cycles if cycle.speaker == "101"]
    assert [cycle.labels["breath"] for cycle in of_101] == ["normal", "crackle", "wheeze", "both"]
    assert [(cycle.start, cycle.num_samples) for cycle in of_101] == [(44100 * k, 44100) for k in range(4)]
    assert of_101[0].info["location"] == "Al"
    assert of_101[0].info["mode"] == "sc"
    assert of_101[0].info["device"] == "Meditron"


def test_rates_widths_and_containers_may_differ(reading: IcbhiReading) -> None:
    assert {cycle.sample_rate for cycle in reading.cycles} == {4000, 10000, 44100}
    assert {cycle.audio.suffix for cycle in reading.cycles} == {".wav", ".flac"}


def test_no_patient_stands_in_two_splits(reading: IcbhiReading) -> None:
    patients = {s: {c.speaker for c in reading.cycles if c.split == s} for s in ("train", "dev", "test")}
    assert all(patients.values())
    assert not patients["train"] & patients["dev"]
    assert not (patients["train"] | patients["dev"]) & patients["test"]


def test_the_leaking_patient_is_left_out_of_test_and_said_so(reading: IcbhiReading) -> None:
    leaking = [cycle for cycle in reading.cycles if cycle.id.startswith("156_2b1")]
    assert [cycle.split for cycle in leaking] == [""] * 4
    assert all(cycle.info["official_split"] == "test" for cycle in leaking)
    assert any("Patients 156" in note and "4 test cycles" in note for note in reading.notes)


def test_the_list_line_without_audio_is_noted(reading: IcbhiReading) -> None:
    assert any("226_1b1_Pl_sc_Meditron" in note for note in reading.notes)


@pytest.mark.parametrize(
    ("item", "words"),
    [
        ("301_1b1_Xx_sc_Walkman", "unknown chest location 'Xx'"),
        ("301_1b1_Xx_sc_Walkman", "unknown device 'Walkman'"),
        ("301_1b1_Xx_sc_Walkman", "line 1: comma read as decimal point"),
        ("301_1b1_Xx_sc_Walkman", "line 2: overlaps the cycle before it by 0.300 s"),
        ("301_1b1_Xx_sc_Walkman__c03", "left out: line 3: the cycle runs from 2.5 to 2.5 s"),
        ("301_1b1_Xx_sc_Walkman__c04", "ends at 9.000 s, the audio at 4.000 s"),
        ("301_1b1_Xx_sc_Walkman__c05", "left out: line 5: 2 columns"),
        ("301_1b1_Xx_sc_Walkman__c06", "left out: line 6: crackle and wheeze are '2' and '0'"),
        ("302_1b1_Al_sc_Meditron", "annotation .txt is missing"),
        ("303_1b1_Al_sc_Meditron", "empty (0 bytes)"),
        ("304_1b1_Al_sc_Meditron", "no usable cycle"),
        ("305_1b1_Al_sc_Meditron", "annotation without a recording"),
        ("holiday", "not an ICBHI name"),
    ],
)
def test_each_oddity_is_a_sentence_on_its_item(reading: IcbhiReading, item: str, words: str) -> None:
    assert words in _reasons(reading, item)


def test_a_cycle_that_ends_just_after_the_audio_is_cut_at_its_end(reading: IcbhiReading) -> None:
    last = [cycle for cycle in reading.cycles if cycle.id == "301_1b1_Xx_sc_Walkman__c07"]
    assert [(cycle.start, cycle.num_samples) for cycle in last] == [(12000, 4000)]


def test_split_list_survives_crlf_and_refuses_a_stem_on_both_sides(tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_bytes(b"a\ttrain\r\nb\ttest\r\n\r\n")
    assert read_split_list(path) == {"a": "train", "b": "test"}
    path.write_bytes(b"a\ttrain\r\na\ttest\r\n")
    with pytest.raises(BadData, match="stands in train and in test") as caught:
        read_split_list(path)
    assert caught.value.place.endswith("list.txt:2")


def test_without_a_list_patients_are_split_by_rule_into_three(tmp_path: Path) -> None:
    for patient in range(101, 109):
        _recording(tmp_path, f"{patient}_1b1_Al_sc_Meditron")
    reading = read_icbhi_folder(tmp_path)
    assert {cycle.split for cycle in reading.cycles} == {"train", "dev", "test"}
    assert any("splits are by patient, by rule" in note for note in reading.notes)
    assert [c.split for c in read_icbhi_folder(tmp_path).cycles] == [c.split for c in reading.cycles]


def test_an_empty_or_missing_folder_is_no_input(tmp_path: Path) -> None:
    with pytest.raises(NoInput, match="no wav or flac"):
        read_icbhi_folder(tmp_path)
    with pytest.raises(NoInput, match="does not exist"):
        read_icbhi_folder(tmp_path / "nowhere")


def test_annotation_names_the_file_that_has_no_cycle(tmp_path: Path) -> None:
    path = tmp_path / "x.txt"
    path.write_text("start end\n")
    with pytest.raises(BadData, match="no usable cycle") as caught:
        read_annotation(path)
    assert caught.value.place == str(path)


def test_a_name_of_four_parts_is_refused_with_the_pattern() -> None:
    with pytest.raises(BadData) as caught:
        parse_stem("101_1b1_Al_Meditron")
    assert "patient_recording_location_mode_device" in caught.value.hint


def test_patient_split_spreads_a_rare_class_over_the_splits() -> None:
    counts = {str(p): {"normal": 10, "wheeze": 4 if p % 2 else 0} for p in range(20)}
    chosen = split_patients(counts, {"train": 0.6, "dev": 0.2, "test": 0.2})
    wheezes = Counter(chosen[str(p)] for p in range(20) if p % 2)
    assert wheezes == {"train": 6, "dev": 2, "test": 2}


@pytest.mark.shared
def test_shared_recordings_give_the_known_counts() -> None:
    shared = os.environ.get("MERIT_SHARED_DATA")
    if not shared:
        pytest.skip("MERIT_SHARED_DATA is not set")
    reading = read_icbhi_folder(Path(shared) / "icbhi_sc_train")
    counts = Counter(cycle.labels["breath"] for cycle in reading.cycles)
    assert counts == {"normal": 740, "crackle": 189, "wheeze": 120}
    assert len({cycle.speaker for cycle in reading.cycles}) == 41
    assert len({cycle.info["recording"] for cycle in reading.cycles}) == 92
    assert reading.problems == []
