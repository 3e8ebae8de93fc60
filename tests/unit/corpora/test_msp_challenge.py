"""The format of the MSP-Podcast challenges: what is written passes its check, and each fault is named."""

from pathlib import Path

import pytest

from merit_cli.corpora.msp_challenge import check_answers, check_challenge, write_challenge
from merit_cli.errors import CheckFailed, NoInput, UsageError
from merit_cli.manifests.predictions import Prediction
from merit_cli.manifests.utterance import Utterance

NAMES = ("MSP-PODCAST_test3_0001.wav", "MSP-PODCAST_test3_0002.wav")
FILES = [Utterance(Path(name).stem, Path("Audios") / name, 16000, 16000) for name in NAMES]
HEAD = {"classes": "FileName,EmoClass\n", "attributes": "FileName,EmoAct,EmoVal,EmoDom\n"}


def rated(arousal: float = 2.5) -> list[Prediction]:
    attributes = {"dominance": 7.0, "valence": 4.0, "arousal": arousal}  # columns go by name, not by order
    return [Prediction(one.id, "", None, "", attributes=attributes) for one in reversed(FILES)]


def test_classes_are_written_as_letters_in_the_order_of_the_files(tmp_path: Path) -> None:
    said = [
        Prediction(FILES[1].id, "", None, "fearful", {"fearful": 1.0}),
        Prediction(FILES[0].id, "", None, "neutral"),
    ]
    assert write_challenge(tmp_path / "out.csv", FILES, said) == 2
    expected = f"{HEAD['classes']}{NAMES[0]},N\n{NAMES[1]},F\n"
    assert (tmp_path / "out.csv").read_text(encoding="utf-8") == expected


def test_attributes_are_written_under_their_columns(tmp_path: Path) -> None:
    assert write_challenge(tmp_path / "out.csv", FILES, rated()) == 2
    rows = (tmp_path / "out.csv").read_text(encoding="utf-8").splitlines()
    assert rows == [HEAD["attributes"].strip(), *(f"{name},2.500000,4.000000,7.000000" for name in NAMES)]


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (rated()[:1], "1 of 2 files have no prediction"),
        (rated(arousal=0.99), "EmoAct is '0.990000', not a number from 1 to 7"),
        ([Prediction(one.id, "", None, "calm") for one in FILES], "EmoClass is 'calm'"),
    ],
)
def test_what_the_challenge_would_refuse_is_not_written(tmp_path: Path, said: list[Prediction], words: str) -> None:
    with pytest.raises(CheckFailed, match=words) as error:
        write_challenge(tmp_path / "out.csv", FILES, said)
    assert error.value.place.startswith(str(tmp_path / "out.csv"))
    assert list(tmp_path.iterdir()) == []


def test_files_of_one_name_in_two_folders_are_refused(tmp_path: Path) -> None:
    files = [Utterance(folder, Path(folder) / "a.wav", 16000, 16000) for folder in ("x", "y")]
    with pytest.raises(CheckFailed, match="1 file names come more than once") as error:
        write_challenge(tmp_path / "out.csv", files, [Prediction(one.id, "", None, "sad") for one in files])
    assert "without their folder" in error.value.hint


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "the columns are missing"),
        ("EmoClass,FileName\nA,a.wav\n", "the columns are EmoClass,FileName"),
        ("FileName,EmoAct,EmoDom,EmoVal\n", "the columns are FileName,EmoAct,EmoDom,EmoVal"),
        (f"{HEAD['classes']}{NAMES[0]},A,B\n", "the row has 3 values, not 2"),
        (f"{HEAD['classes']}{NAMES[0]},X\n", "EmoClass is 'X'"),
        (f"{HEAD['attributes']}{NAMES[0]},1,2,\n", "EmoDom is ''"),
        (f"{HEAD['attributes']}{NAMES[0]},1,nan,2\n", "EmoVal is 'nan'"),
        (f"{HEAD['classes']}{NAMES[0]},A\n", "1 files of the test set are missing"),
        (f"{HEAD['classes']}{NAMES[0]},A\n{NAMES[1]},A\nother.wav,A\n", "1 names are no files"),
        (f"{HEAD['classes']}{NAMES[0]},A\n{NAMES[0]},S\n", "come more than once"),
    ],
)
def test_each_fault_of_a_file_is_named(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "theirs.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(CheckFailed, match=words):
        check_challenge(path, NAMES)


def test_a_missing_file_is_no_input(tmp_path: Path) -> None:
    with pytest.raises(NoInput, match="no file of predictions"):
        check_challenge(tmp_path / "none.csv", NAMES)


@pytest.mark.parametrize(
    ("labels", "scale", "words"),
    [
        (("style-lively",), None, "no letter for 'style-lively'"),
        ((), (1.0, 5.0), "the challenge on 1 to 7"),
        ((), None, "predicts no emotion"),
    ],
)
def test_a_model_of_other_answers_is_refused_before_it_runs(
    labels: tuple[str, ...], scale: tuple[float, float] | None, words: str
) -> None:
    with pytest.raises(UsageError, match=words) as error:
        check_answers(labels, scale)
    assert ".jsonl" in error.value.hint


def test_a_model_of_the_corpus_is_taken() -> None:
    check_answers(("angry", "sad", "neutral"), None)
    check_answers((), (1.0, 7.0))
