"""What surrounds ICBHI's cycles: tables of patients, published counts, devices, copies of files."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import soundfile

from merit_cli.corpora import icbhi
from merit_cli.corpora.breath_splits import official_as_published
from merit_cli.corpora.icbhi import PUBLISHED, PUBLISHED_SPLITS, prepare_icbhi
from merit_cli.corpora.icbhi_format import SPLIT_LIST_NAME
from merit_cli.corpora.icbhi_tables import read_demographics, read_diagnoses
from merit_cli.corpora.published_counts import counts_note
from merit_cli.errors import BadData, CheckFailed, UsageError
from merit_cli.manifests.checks import find_leaks


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve recordings: training with a device of its own, one patient on both sides."""
    folder = tmp_path_factory.mktemp("icbhi")
    lines = []
    for patient in range(101, 111):
        split = "train" if patient < 107 else "test"
        device = "LittC2SE" if patient < 103 else "Meditron"
        _record(folder, f"{patient}_1b1_Al_sc_{device}")
        lines.append(f"{patient}_1b1_Al_sc_{device}\t{split}")
    for number, split in ((1, "train"), (2, "test")):
        _record(folder, f"156_{number}b1_Al_sc_Meditron")
        lines.append(f"156_{number}b1_Al_sc_Meditron\t{split}")
    (folder / SPLIT_LIST_NAME).write_bytes("\r\n".join([*lines, ""]).encode())
    (folder / "ICBHI_Challenge_diagnosis.txt").write_bytes(b"101,URTI\r\n102,Healthy\r\n")
    (folder / "ICBHI_Challenge_demographic_information.txt").write_bytes(b"101\t3\tF\tNA\t19\t99\r\n102\tNA\tM\tNA\n")
    return folder


def _record(folder: Path, stem: str) -> None:
    soundfile.write(folder / f"{stem}.wav", np.random.default_rng(len(stem)).normal(0.0, 0.1, 8000), 4000)
    (folder / f"{stem}.txt").write_text("0.0\t1.0\t0\t0\n1.0\t2.0\t1\t0\n")


def test_diagnosis_and_demographics_stand_with_each_cycle(raw: Path, tmp_path: Path) -> None:
    cycles = prepare_icbhi(raw, tmp_path).utterances
    of_101 = next(cycle for cycle in cycles if cycle.speaker == "101")
    assert of_101.labels["diagnosis"] == "URTI"
    assert {key: of_101.info[key] for key in ("age", "sex", "child_weight", "child_height")} == {
        "age": "3",
        "sex": "F",
        "child_weight": "19",
        "child_height": "99",
    }
    assert "adult_bmi" not in of_101.info
    of_103 = next(cycle for cycle in cycles if cycle.speaker == "103")
    assert "diagnosis" not in of_103.labels


@pytest.mark.parametrize(
    "text", ["101\tURTI\r\n102\tCOPD\r\n", "101,URTI\n102,COPD\n", "patient,diagnosis\n101,URTI\n102,COPD"]
)
def test_diagnoses_are_read_with_tabs_or_commas_and_any_line_end(tmp_path: Path, text: str) -> None:
    path = tmp_path / "d.txt"
    path.write_bytes(text.encode())
    assert read_diagnoses(path) == {"101": "URTI", "102": "COPD"}


def test_a_comma_decimal_in_a_tabbed_table_stays_one_value(tmp_path: Path) -> None:
    path = tmp_path / "d.txt"
    path.write_text("102\t0,75\tF\tNA\t9,8\t73\n")
    assert read_demographics(path)["102"] == {"age": "0,75", "sex": "F", "child_weight": "9,8", "child_height": "73"}


def test_a_damaged_table_is_refused_by_line(tmp_path: Path) -> None:
    path = tmp_path / "d.txt"
    path.write_text("101\tURTI\nnobody\tCOPD\n")
    with pytest.raises(BadData, match="line 2 does not begin"):
        read_diagnoses(path)


def test_a_damaged_table_beside_the_recordings_is_left_out_and_said_so(tmp_path: Path) -> None:
    for patient in range(101, 106):
        _record(tmp_path, f"{patient}_1b1_Al_sc_Meditron")
    (tmp_path / "ICBHI_Challenge_diagnosis.txt").write_text("101\tURTI\nnobody\tCOPD\n")
    prepared = prepare_icbhi(tmp_path, tmp_path / "out")
    assert all("diagnosis" not in cycle.labels for cycle in prepared.utterances)
    assert any("ICBHI_Challenge_diagnosis.txt is left out" in note for note in prepared.card.notes)
    assert "No demographic file in the folder." in prepared.card.notes


def test_a_part_of_the_corpus_says_that_its_counts_were_not_compared(raw: Path, tmp_path: Path) -> None:
    notes = prepare_icbhi(raw, tmp_path).card.notes
    assert any(note.startswith("A part of ICBHI 2017: 12 of its 920 recordings") for note in notes)


def test_a_complete_corpus_with_the_published_counts_says_so(
    raw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(icbhi, "ALL_RECORDINGS", 12)
    monkeypatch.setattr(icbhi, "PUBLISHED", {"normal": 12, "crackle": 12, "wheeze": 0, "both": 0})
    sides = {f"{split} {label}": 0 for split in ("train", "test") for label in ("wheeze", "both")}
    sides |= {"train normal": 7, "train crackle": 7, "test normal": 5, "test crackle": 5}
    monkeypatch.setattr(icbhi, "PUBLISHED_SPLITS", sides)
    notes = prepare_icbhi(raw, tmp_path).card.notes
    assert any(note.startswith("All 12 recordings of ICBHI 2017; counts as published: 12 normal") for note in notes)


def test_a_complete_corpus_with_other_counts_is_refused(
    raw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(icbhi, "ALL_RECORDINGS", 12)
    with pytest.raises(CheckFailed, match="12 normal, published 3642") as caught:
        prepare_icbhi(raw, tmp_path)
    assert caught.value.exit_code == 4


def test_published_counts_of_the_sides_add_up_to_those_of_the_classes() -> None:
    for label, count in PUBLISHED.items():
        assert PUBLISHED_SPLITS[f"train {label}"] + PUBLISHED_SPLITS[f"test {label}"] == count
    assert sum(PUBLISHED.values()) == 6898
    assert sum(count for key, count in PUBLISHED_SPLITS.items() if key.startswith("test")) == 2756


def test_a_missing_count_is_named() -> None:
    with pytest.raises(CheckFailed, match="0 wheeze, published 2"):
        counts_note("X", Counter({"normal": 1}), {"normal": 1, "wheeze": 2}, recordings=3, all_recordings=3)


def test_a_device_without_test_recordings_is_named(raw: Path, tmp_path: Path) -> None:
    assert "No test recording is by LittC2SE." in prepare_icbhi(raw, tmp_path).card.notes


def test_the_official_split_keeps_the_leaking_patient_on_both_sides(raw: Path, tmp_path: Path) -> None:
    cycles = official_as_published(prepare_icbhi(raw, tmp_path).utterances)
    assert sum(cycle.split == "test" for cycle in cycles) == 10
    rows = [(cycle.split, {"speaker": cycle.speaker}) for cycle in cycles]
    assert find_leaks(rows) == {"speaker": ["156"]}


def test_a_corpus_without_an_official_split_says_so(raw: Path, tmp_path: Path) -> None:
    folder = tmp_path / "bare"
    folder.mkdir()
    for patient in range(101, 106):
        _record(folder, f"{patient}_1b1_Al_sc_Meditron")
    with pytest.raises(UsageError, match="no official split"):
        official_as_published(prepare_icbhi(folder, tmp_path).utterances)


def test_a_second_copy_of_a_recording_is_passed_over_and_named(raw: Path, tmp_path: Path) -> None:
    folder = tmp_path / "twice"
    for name in ("a", "b"):
        (folder / name).mkdir(parents=True)
        for patient in range(101, 106):
            _record(folder / name, f"{patient}_1b1_Al_sc_Meditron")
    prepared = prepare_icbhi(folder, tmp_path)
    assert len(prepared.utterances) == 10
    assert any("2 files of this name are there" in remark.reason for remark in prepared.remarks)
