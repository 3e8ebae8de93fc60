"""What of a recording gets an answer, by a same-stem annotation or by a named one."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from merit_cli.errors import BadData, NoInput, UsageError
from merit_cli.manifests.inputs import read_inputs
from merit_cli.workflows.classify_breath.pieces import Pieces, cut_plan

RATE = 4000
Plan = Callable[..., Pieces]


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    """Writes recordings of 10 s, each with its annotation or None, and plans the folder."""

    def make(annotations: Path | None = None, **texts: str | None) -> Pieces:
        for stem, text in texts.items():
            soundfile.write(tmp_path / f"{stem}.wav", np.zeros(10 * RATE), RATE)
            if text is not None:
                (tmp_path / f"{stem}.txt").write_text(text)
        return cut_plan(read_inputs([tmp_path]).utterances, 4.0, annotations=annotations)

    return make


def _spans(pieces: Pieces) -> list[tuple[float, float]]:
    cut = [piece for group in pieces.by_audio.values() for piece in group]
    return [(piece.start / RATE, (piece.start + piece.num_samples) / RATE) for piece in cut]


def test_a_recording_without_annotation_is_cut_into_windows_without_a_remark(plan: Plan) -> None:
    pieces = plan(a=None)
    assert _spans(pieces) == [(0, 4), (4, 8), (8, 10)]
    assert pieces.remarks == []


def test_a_stray_text_is_no_annotation_and_is_said(plan: Plan) -> None:
    pieces = plan(a="my notes\n")
    assert _spans(pieces) == [(0, 4), (4, 8), (8, 10)]
    assert [(remark.id, remark.kept) for remark in pieces.remarks] == [("a", True)]
    assert "answered by window: the annotation has no usable cycle: line 1: 2 columns" in pieces.remarks[0].reason
    assert "a.txt" in pieces.remarks[0].reason


@pytest.mark.parametrize(
    ("line", "words", "spans"),
    [
        ("9,5 9,9 0 0", "line 2: comma read as decimal point", [(1, 3), (9.5, 9.9)]),
        ("2.5 5 0 1", "overlaps the cycle before it by 0.500 s; both are kept", [(1, 3), (2.5, 5)]),
        ("9 10.05 0 0", "", [(1, 3), (9, 10)]),
    ],
)
def test_an_odd_line_is_kept_with_a_remark(line: str, words: str, spans: list[tuple[float, float]], plan: Plan) -> None:
    pieces = plan(a=f"1 3 0 0\n{line}\n")
    assert _spans(pieces) == spans
    assert all(remark.kept for remark in pieces.remarks)
    assert words in "".join(remark.reason for remark in pieces.remarks)
    assert bool(words) == bool(pieces.remarks)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("9 12 0 0", "left out: ends at 12.000 s, the audio at 10.000 s"),
        ("5 5 0 0", "left out: line 2: the cycle runs from 5 to 5 s"),
        ("5 6 0", "left out: line 2: 3 columns"),
        ("nan 6 0 0", "left out: line 2: 'nan' is not a time in seconds"),
    ],
)
def test_a_line_that_gives_no_answer_is_put_on_record(line: str, words: str, plan: Plan) -> None:
    pieces = plan(a=f"1 3 0 0\n{line}\n")
    assert _spans(pieces) == [(1, 3)]
    assert [(remark.id, remark.kept) for remark in pieces.remarks] == [("a__c02", False)]
    assert words in pieces.remarks[0].reason


def test_an_annotation_wholly_outside_the_audio_fails_the_recording(plan: Plan) -> None:
    pieces = plan(a="20 22 0 0\n", b="1 3 0 0\n")
    (fault,) = pieces.failed.values()
    assert fault.message == "no cycle of its annotation lies in the audio: ends at 22.000 s, the audio at 10.000 s"
    assert "a.txt of another recording?" in fault.hint
    assert _spans(pieces) == [(1, 3)]


def test_a_folder_of_annotations_stands_for_those_beside_the_recordings(plan: Plan, tmp_path: Path) -> None:
    named = tmp_path / "marks" / "deep"
    named.mkdir(parents=True)
    (named / "a.txt").write_text("5 6 1 0\n")
    pieces = plan(named.parent, a="1 3 0 0\n", b="1 3 0 0\n")
    assert _spans(pieces) == [(5, 6), (0, 4), (4, 8), (8, 10)]
    assert [remark.reason for remark in pieces.remarks] == [f"answered by window: no b.txt in {named.parent}"]


def test_one_annotation_is_of_the_only_recording(plan: Plan, tmp_path: Path) -> None:
    named = tmp_path / "marks.txt"
    named.write_text("5 6 1 0\n")
    assert _spans(plan(named, a=None)) == [(5, 6)]
    with pytest.raises(UsageError, match="one annotation for 2 recordings"):
        plan(named, b=None)


def test_a_named_annotation_that_cannot_be_used_fails_the_recording(plan: Plan, tmp_path: Path) -> None:
    named = tmp_path / "marks.txt"
    named.write_text("nothing\n")
    (fault,) = plan(named, a=None).failed.values()
    assert isinstance(fault, BadData)
    assert fault.place == str(named)


def test_two_annotations_of_one_name_are_refused(plan: Plan, tmp_path: Path) -> None:
    for folder in ("one", "two"):
        (tmp_path / "marks" / folder).mkdir(parents=True)
        (tmp_path / "marks" / folder / "a.txt").write_text("1 2 0 0\n")
    (fault,) = plan(tmp_path / "marks", a=None).failed.values()
    assert "two annotations have its name" in fault.message


def test_annotations_that_fit_nothing_are_refused(plan: Plan, tmp_path: Path) -> None:
    (tmp_path / "marks").mkdir()
    with pytest.raises(NoInput, match="no annotation in this folder") as caught:
        plan(tmp_path / "marks", a=None)
    assert caught.value.hint == "a.wav needs a.txt"
    with pytest.raises(NoInput, match="no such annotation"):
        plan(tmp_path / "gone", a=None)
