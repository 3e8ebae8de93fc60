"""``merit classify-breath`` as typed: two-word commands, exit codes, JSON shapes."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from merit_cli.cli.app import main
from merit_cli.corpora.synthetic_breath import write_synthetic_breath

TINY = ["--set", "epochs=1", "--set", "model.duration=1.5", "--set", "model.channels=[4, 8]"]


def _run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as caught:
        main(["classify-breath", *arguments])
    code = caught.value.code
    return code if isinstance(code, int) else 0


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A raw folder and a tiny model trained on it by ``classify-breath train``."""
    folder = tmp_path_factory.mktemp("typed")
    write_synthetic_breath(folder / "raw", num_patients=5)
    arguments = ["train", str(folder / "raw"), *TINY, "-o", str(folder / "model"), "--runs-dir", str(folder / "runs")]
    assert _run(*arguments) == 0
    return folder


def test_train_then_evaluate_then_predict(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    where = ["--model", str(trained / "model"), "--runs-dir", str(trained / "runs")]
    assert _run("evaluate", str(trained / "raw"), *where, "--json") == 0
    summary = json.loads(capsys.readouterr().out)
    assert set(summary["metrics"]["icbhi_score"]) == {"mean", "low", "high", "unit", "n_scored", "n_total"}
    assert Path(summary["report"]).exists()
    recording = next((trained / "raw").glob("*.wav"))
    assert _run(str(recording), *where, "--json") == 0
    lines = json.loads(capsys.readouterr().out)
    assert set(lines[0]) == {"file", "start", "end", "label", "probability", "abstained", "reason", "quality"}


def test_a_file_called_train_is_written_with_its_folder(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    soundfile.write(tmp_path / "train", np.zeros(8000), 4000, format="WAV")
    monkeypatch.chdir(tmp_path)
    assert _run("./train", "--model", str(trained / "model"), "--json") == 0
    assert json.loads(capsys.readouterr().out)[0]["abstained"]


def test_one_bad_file_among_good_ones_is_exit_3(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bad.wav").write_bytes(b"")
    (tmp_path / "good.wav").write_bytes(next((trained / "raw").glob("*.wav")).read_bytes())
    assert _run(str(tmp_path), "--model", str(trained / "model"), "--json") == 3
    captured = capsys.readouterr()
    assert {Path(line["file"]).name for line in json.loads(captured.out)} == {"good.wav"}
    assert "empty (0 bytes)" in captured.err


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["nowhere.wav"], 66, "matches nothing"),
        (["--set", "epoch=3"], 2, "did you mean 'epochs'?"),
        (["--recipe", "icbi"], 66, "did you mean 'icbhi'?"),
        (["train", "--enhance", "mmse-isa"], 2, "did you mean 'mmse-lsa'?"),
        (["train", "--set", "train_on_enhanced=true"], 2, "needs an enhancer"),
        (["train", "no-folder"], 66, "does not exist"),
    ],
)
def test_a_fault_has_its_code_and_a_hint(
    arguments: list[str], code: int, words: str, trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = [] if arguments[0] in ("train", "--set", "--recipe") else ["--model", str(trained / "model")]
    assert _run(*arguments, *where, "--runs-dir", str(tmp_path / "runs")) == code
    assert words in capsys.readouterr().err


def test_files_without_a_model_say_how_to_train_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros(8000), 4000)
    assert _run(str(tmp_path / "a.wav"), "--runs-dir", str(tmp_path / "runs")) == 66
    assert "run merit classify-breath first" in capsys.readouterr().err


def test_scoring_training_patients_is_exit_4(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    where = ["--model", str(trained / "model"), "--runs-dir", str(trained / "runs")]
    assert _run("evaluate", str(trained / "raw"), "--split", "train", *where) == 4
    assert "--allow-leak" in capsys.readouterr().err


def test_pictures_are_drawn_of_each_recording_beside_the_answers(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recording = next((trained / "raw").glob("*.wav"))
    where = ["--model", str(trained / "model"), "--enhance", "mmse-lsa", "--pictures", str(tmp_path / "pictures")]
    assert _run(str(recording), *where, "--json") == 0
    captured = capsys.readouterr()
    assert f"pictures: 1 in {tmp_path / 'pictures'}" in captured.err
    picture = (tmp_path / "pictures" / f"{recording.stem}.svg").read_text()
    assert picture.count("<title>") == len(json.loads(captured.out))


def test_pictures_without_recordings_are_refused(tmp_path: Path) -> None:
    assert _run("--pictures", str(tmp_path)) == 2


def test_seeds_make_a_folder_each_and_one_table(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    where = ["-o", str(trained / "seeds"), "--runs-dir", str(trained / "runs")]
    assert _run("train", str(trained / "raw"), *TINY, "--seeds", "2", *where) == 0
    shown = capsys.readouterr().out
    assert "SYNTHETIC" in shown
    assert "any abnormal class" in shown
    assert max(map(len, shown.split("report:")[0].splitlines()[-8:])) <= 80
    assert f"--model {trained / 'seeds'}" in shown
    assert _run("evaluate", str(trained / "raw"), "--model", str(trained / "seeds"), "--json", *where[2:]) == 0
    summary = json.loads(capsys.readouterr().out)
    assert summary["seeds"] == [0, 1]
    assert len(summary["groups"][0]["metrics"]["icbhi_score"]["values"]) == 2
    recording = str(next((trained / "raw").glob("*.wav")))
    assert _run(recording, "--model", str(trained / "seeds"), *where[2:]) == 66
    assert f"take one of the seeds in it: --model {trained / 'seeds' / 'seed-0'}" in capsys.readouterr().err


def test_the_newest_seeds_are_found_where_there_is_no_single_run(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run("train", str(trained / "raw"), *TINY, "--seeds", "2", "--runs-dir", str(tmp_path)) == 0
    (made,) = (tmp_path / "classify-breath-seeds").iterdir()
    assert _run(str(next((trained / "raw").glob("*.wav"))), "--runs-dir", str(tmp_path)) == 66
    assert f"--model {made / 'seed-0'}" in capsys.readouterr().err


def test_seeds_with_files_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert _run("a.wav", "--seeds", "2") == 2
    assert "--seeds trains" in capsys.readouterr().err
