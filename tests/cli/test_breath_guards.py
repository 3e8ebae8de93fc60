"""What ``merit prepare`` says of hostile breath recordings, and what it refuses with exit code 4."""

import json
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from merit_cli.cli.app import main
from merit_cli.corpora.icbhi_format import SPLIT_LIST_NAME

GOOD = "0.0\t1.0\t0\t0\n"
Ledger = dict[str, dict[str, str]]


def _record(folder: Path, stem: str, text: str | None = "0.0\t1.0\t0\t0\n1.0\t2.0\t1\t0\n2.0\t3.0\t0\t1\n") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(zlib.crc32(stem.encode())).normal(0.0, 0.1, 16000)
    soundfile.write(folder / f"{stem}.wav", noise, 4000)
    if text is not None:
        (folder / f"{stem}.txt").write_text(text)


def _corpus(folder: Path, leaking: str = "") -> Path:
    lines = []
    for patient in range(101, 111):
        _record(folder, f"{patient}_1b1_Al_sc_Meditron")
        lines.append(f"{patient}_1b1_Al_sc_Meditron\t{'train' if patient < 107 else 'test'}")
    if leaking:
        _record(folder, f"{leaking}_2b1_Al_sc_Meditron")
        lines.append(f"{leaking}_2b1_Al_sc_Meditron\ttest")
    (folder / SPLIT_LIST_NAME).write_text("\r\n".join(lines))
    return folder


def _code(*arguments: object) -> int:
    with pytest.raises(SystemExit) as left:
        main([str(argument) for argument in arguments])
    return int(left.value.code or 0)


@pytest.fixture
def prepare(tmp_path: Path) -> Callable[..., tuple[int, Ledger]]:
    def run(raw: Path, *flags: object) -> tuple[int, Ledger]:
        code = _code("prepare", "icbhi", raw, "-o", tmp_path / "out", *flags)
        path = tmp_path / "out" / "ledger.jsonl"
        lines = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
        return code, {line["id"]: line for line in lines}

    return run


@pytest.mark.parametrize(
    ("stem", "text", "item", "status", "reason"),
    [
        (
            "201_1b1_Al_sc_Meditron",
            GOOD + "3.0\t9.5\t1\t0\n",
            "__c02",
            "skipped",
            "ends at 9.500 s, the audio at 4.000 s",
        ),
        (
            "201_1b1_Al_sc_Meditron",
            GOOD + "0.5\t3.0\t1\t0\n",
            "",
            "done",
            "line 2: overlaps the cycle before it by 0.500 s",
        ),
        ("201_1b1_Al_sc_Meditron", GOOD + "2.0\t2.0\t1\t0\n", "__c02", "skipped", "the cycle runs from 2 to 2 s"),
        ("201_1b1_Al_sc_Meditron", None, "", "skipped", "its annotation .txt is missing"),
        ("201_1b1_Al_sc_Meditron", "0,0\t1,5\t0\t0\n", "", "done", "line 1: comma read as decimal point"),
        ("201_1b1_Al_sc_Walkman", "0.0\t1.5\t0\t0\n", "", "done", "unknown device 'Walkman'"),
    ],
    ids=["outside the audio", "overlap", "zero length", "no annotation", "comma decimal", "unknown device"],
)
def test_each_hostile_recording_is_a_line_of_the_ledger(
    prepare: Callable[..., tuple[int, Ledger]],
    tmp_path: Path,
    stem: str,
    text: str | None,
    item: str,
    status: str,
    reason: str,
) -> None:
    _record(_corpus(tmp_path / "raw"), stem, text)
    code, ledger = prepare(tmp_path / "raw")
    assert list(ledger) == [f"{stem}{item}"]
    assert ledger[f"{stem}{item}"]["status"] == status
    assert reason in ledger[f"{stem}{item}"]["reason"]
    assert code == (3 if status == "skipped" else 0)


def test_the_official_split_with_a_patient_on_both_sides_is_refused(
    prepare: Callable[..., tuple[int, Ledger]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    raw = _corpus(tmp_path / "raw", leaking="103")
    assert prepare(raw, "--splits", "official")[0] == 4
    assert "1 speaker values stand in more than one split: 103" in capsys.readouterr().err
    assert prepare(raw, "--splits", "official", "--allow-leak", "--overwrite")[0] == 0
    assert "LEAK ALLOWED: 1 speaker values" in capsys.readouterr().out


def test_a_random_split_of_cycles_is_refused_before_anything_is_written(
    prepare: Callable[..., tuple[int, Ledger]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    raw = _corpus(tmp_path / "raw")
    assert prepare(raw, "--splits", "random")[0] == 4
    assert "a random split of cycles puts patients on both sides and is refused" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    assert prepare(raw, "--splits", "random", "--allow-leak")[0] == 0
    assert "LEAK ALLOWED: splits were drawn cycle by cycle" in capsys.readouterr().out


def test_folds_by_patient_need_no_leave(prepare: Callable[..., tuple[int, Ledger]], tmp_path: Path) -> None:
    assert prepare(_corpus(tmp_path / "raw"), "--splits", "folds:3", "--fold", 2)[0] == 0
    lines = [json.loads(line) for line in (tmp_path / "out" / "manifest.jsonl").read_text().splitlines()]
    assert {line["split"] for line in lines} == {"train", "dev", "test"}
    assert "Fold 2 of 3 by patient" in (tmp_path / "out" / "card.yaml").read_text()


def test_another_fold_does_not_overwrite_the_first(prepare: Callable[..., tuple[int, Ledger]], tmp_path: Path) -> None:
    raw = _corpus(tmp_path / "raw")
    assert prepare(raw, "--splits", "folds:3", "--fold", 1)[0] == 0
    assert prepare(raw, "--splits", "folds:3", "--fold", 2)[0] == 2
