"""The synthetic breath corpus: same bytes from the same seed, and readable as ICBHI."""

import hashlib
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from merit_cli.corpora.icbhi import prepare_icbhi, prepare_synthetic_breath
from merit_cli.corpora.icbhi_format import SPLIT_LIST_NAME
from merit_cli.corpora.icbhi_reading import read_icbhi_folder
from merit_cli.corpora.synthetic_breath import BACKGROUND_S, CARD, DEVICE, SYNTHETIC_NOTE, write_synthetic_breath
from merit_cli.errors import UsageError
from merit_cli.io.audio_file import audio_info, read_audio


def _bytes(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("synthetic")
    write_synthetic_breath(folder, num_patients=10)
    return folder


def test_the_same_seed_gives_the_same_bytes_and_another_does_not(corpus: Path, tmp_path: Path) -> None:
    write_synthetic_breath(tmp_path / "again", num_patients=10)
    assert _bytes(tmp_path / "again") == _bytes(corpus)
    write_synthetic_breath(tmp_path / "other", seed=1, num_patients=10)
    assert _bytes(tmp_path / "other").items() & _bytes(corpus).items() <= {
        (SPLIT_LIST_NAME, _bytes(corpus)[SPLIT_LIST_NAME])
    }


def test_the_icbhi_reader_takes_it_without_a_remark(corpus: Path) -> None:
    reading = read_icbhi_folder(corpus, devices=frozenset({DEVICE}))
    assert reading.problems == []
    assert len(reading.cycles) == 10 * 2 * 7
    assert set(Counter(cycle.labels["breath"] for cycle in reading.cycles)) == {"normal", "crackle", "wheeze", "both"}


def test_its_splits_are_patient_disjoint(corpus: Path) -> None:
    cycles = read_icbhi_folder(corpus).cycles
    where = {(cycle.speaker, cycle.split) for cycle in cycles}
    assert len(where) == len({speaker for speaker, _ in where}) == 10
    assert {split for _, split in where} == {"train", "dev", "test"}


def test_recordings_are_4_khz_with_background_before_and_after(corpus: Path) -> None:
    cycles = read_icbhi_folder(corpus).cycles
    first = min((c for c in cycles if c.info["recording"] == cycles[0].info["recording"]), key=lambda c: c.start)
    assert audio_info(first.audio).sample_rate == 4000
    assert first.start == round(BACKGROUND_S * 4000)
    samples = read_audio(first.audio).samples
    assert 0.45 < np.max(np.abs(samples)) <= 0.51


def test_the_card_says_synthetic_in_words_and_as_a_flag() -> None:
    assert CARD.synthetic
    assert SYNTHETIC_NOTE in CARD.notes
    assert "proves only that the code runs" in SYNTHETIC_NOTE


def test_read_as_a_raw_icbhi_folder_it_is_still_called_synthetic(corpus: Path, tmp_path: Path) -> None:
    card = prepare_icbhi(corpus, tmp_path).card
    assert card.synthetic
    assert SYNTHETIC_NOTE in card.notes


def test_the_adapters_refuse_a_missing_and_a_needless_folder(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="needs the folder") as caught:
        prepare_icbhi(None, tmp_path)
    assert "merit prepare icbhi" in caught.value.hint
    with pytest.raises(UsageError, match="takes no folder"):
        prepare_synthetic_breath(tmp_path, tmp_path)


def test_the_adapter_hands_over_what_it_left_out(corpus: Path, tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    for path in corpus.iterdir():
        (raw / path.name).write_bytes(path.read_bytes())
    lost = sorted(raw.glob("*.wav"))[0]
    lost.with_suffix(".txt").unlink()
    prepared = prepare_icbhi(raw, tmp_path / "out")
    assert (lost.stem, "left out: its annotation .txt is missing", False) in prepared.remarks
    assert any("1 recordings or spans left out" in note for note in prepared.card.notes)
