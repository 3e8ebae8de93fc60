"""``merit classify-breath FILES`` with annotations as typed: nothing is left out in silence."""

import json
from pathlib import Path

import pytest

from merit_cli.cli.app import main
from merit_cli.corpora.synthetic_breath import write_synthetic_breath

TINY = ["--set", "epochs=1", "--set", "model.duration=1.5", "--set", "model.channels=[4, 8]"]


def _run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as caught:
        main(["classify-breath", *arguments])
    code = caught.value.code
    return code if isinstance(code, int) else 0


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a tiny model, beside the raw folder it was trained on."""
    folder = tmp_path_factory.mktemp("annotated")
    write_synthetic_breath(folder / "raw", num_patients=5)
    assert _run("train", str(folder / "raw"), *TINY, "-o", str(folder / "model")) == 0
    return folder / "model"


@pytest.fixture
def recording(model: Path, tmp_path: Path) -> Path:
    """A recording without an annotation."""
    source = next((model.parent / "raw").glob("*.wav"))
    (tmp_path / "a.wav").write_bytes(source.read_bytes())
    return tmp_path / "a.wav"


def _answers(capsys: pytest.CaptureFixture[str]) -> tuple[list[tuple[float, float]], str]:
    captured = capsys.readouterr()
    return [(line["start"], line["end"]) for line in json.loads(captured.out)], captured.err


def test_a_cycle_past_the_end_is_said_and_is_exit_3(
    model: Path, recording: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recording.with_suffix(".txt").write_text("1\t3\t0\t0\n3\t500\t0\t0\n")
    assert _run(str(recording), "--model", str(model), "--json") == 3
    spans, said = _answers(capsys)
    assert spans == [(1.0, 3.0)]
    assert "merit: a__c02: left out: ends at 500.000 s, the audio at" in said


def test_an_annotation_wholly_outside_is_exit_65(
    model: Path, recording: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recording.with_suffix(".txt").write_text("400 500 0 0\n")
    assert _run(str(recording), "--model", str(model)) == 65
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "no cycle of its annotation lies in the audio: ends at 500.000 s" in captured.err


def test_odd_lines_are_answered_with_a_remark_and_exit_0(
    model: Path, recording: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recording.with_suffix(".txt").write_text("1,0 3,0 0 0\n2 4 0 0\n")
    assert _run(str(recording), "--model", str(model), "--json") == 0
    spans, said = _answers(capsys)
    assert spans == [(1.0, 3.0), (2.0, 4.0)]
    assert "merit: a: line 1: comma read as decimal point" in said
    assert "merit: a: line 2: overlaps the cycle before it by 1.000 s; both are kept" in said


def test_a_text_that_is_no_annotation_is_said(model: Path, recording: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recording.with_suffix(".txt").write_text("patient was coughing\n")
    assert _run(str(recording), "--model", str(model), "--json") == 0
    spans, said = _answers(capsys)
    assert spans[0][0] == 0.0
    assert "merit: a: answered by window: the annotation has no usable cycle" in said


def test_annotations_are_taken_from_where_they_are_named(
    model: Path, recording: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "marks").mkdir()
    (tmp_path / "marks" / "a.txt").write_text("2 5 0 0\n")
    for named in (tmp_path / "marks", tmp_path / "marks" / "a.txt"):
        assert _run(str(recording), "--annotations", str(named), "--model", str(model), "--json") == 0
        assert _answers(capsys)[0] == [(2.0, 5.0)]
    assert _run(str(recording), "--annotations", str(tmp_path / "gone"), "--model", str(model)) == 66
    assert "no such annotation or folder" in capsys.readouterr().err


def test_annotations_without_recordings_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run("--annotations", str(tmp_path)) == 2
    assert "--annotations needs recordings" in capsys.readouterr().err
