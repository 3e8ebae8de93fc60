import json
from pathlib import Path

import pytest

from merit_cli.errors import BadData, NoInput
from merit_cli.manifests.foreign_predictions import match_predictions, read_foreign_predictions
from merit_cli.manifests.utterance import Utterance


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def utterance(item_id: str, audio: str) -> Utterance:
    return Utterance(item_id, Path(audio), 16000, 16000)


def test_csv_columns_are_found_under_their_usual_names_in_any_case(tmp_path: Path) -> None:
    path = write(
        tmp_path / "p.csv", "File,Prediction,Target,prob_Happy,prob_Sad,Speaker,gender\na.wav,Happy,Sad,0.7,0.3,s1,f\n"
    )
    [one] = read_foreign_predictions(path)
    assert (one.prediction.id, one.prediction.predicted, one.prediction.label) == ("a.wav", "Happy", "Sad")
    assert one.prediction.probabilities == {"Happy": 0.7, "Sad": 0.3}
    assert (one.speaker, one.info) == ("s1", {"gender": "f"})


def test_challenge_files_of_labels_and_of_attributes_are_read(tmp_path: Path) -> None:
    classes = write(tmp_path / "c.csv", "FileName,EmoClass\nMSP-0001.wav,A\n")
    attributes = write(tmp_path / "a.csv", "FileName,EmoAct,EmoVal,EmoDom\nMSP-0001.wav,4.5,3.25,5\n")
    assert read_foreign_predictions(classes)[0].prediction.predicted == "A"
    assert read_foreign_predictions(attributes)[0].prediction.attributes == {
        "arousal": 4.5,
        "valence": 3.25,
        "dominance": 5.0,
    }


def test_the_most_probable_label_is_taken_where_no_other_is_named(tmp_path: Path) -> None:
    line = json.dumps({"id": "a", "probabilities": {"calm": 0.2, "angry": 0.8}, "snr": -5})
    [one] = read_foreign_predictions(write(tmp_path / "p.jsonl", line + "\n"))
    assert (one.prediction.predicted, one.info["snr"]) == ("angry", "-5")


def test_spreadsheet_exports_with_a_byte_order_mark_and_semicolon_free_tabs_are_read(tmp_path: Path) -> None:
    path = tmp_path / "p.tsv"
    path.write_bytes("\ufeffid\tpredicted\nä\tcalm\n".encode())
    assert read_foreign_predictions(path)[0].prediction.id == "ä"


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("p.csv", "id,predicted\na,x\na,y\n", "comes twice"),
        ("p.csv", "predicted\nx\n", "names no utterance"),
        ("p.csv", "id,speaker\na,s\n", "predicts nothing"),
        ("p.csv", "id,arousal\na,high\n", "'high' is not a number"),
        ("p.json", "{", "not valid JSON"),
        ("p.json", '{"id": 1}', "not a list"),
    ],
)
def test_unusable_files_are_refused_at_their_line(tmp_path: Path, name: str, text: str, words: str) -> None:
    with pytest.raises(BadData, match=words) as caught:
        read_foreign_predictions(write(tmp_path / name, text))
    assert name in caught.value.place


def test_missing_and_empty_files_are_no_input(tmp_path: Path) -> None:
    with pytest.raises(NoInput):
        read_foreign_predictions(tmp_path / "no.csv")
    with pytest.raises(NoInput, match="no predictions"):
        read_foreign_predictions(write(tmp_path / "p.csv", "id,predicted\n"))


def test_predictions_are_matched_by_id_then_by_file_name_and_strangers_are_counted(tmp_path: Path) -> None:
    path = write(tmp_path / "p.csv", "file,predicted\nx__a,one\n/data/deep/b.wav,two\nzzz.wav,three\n")
    lines = [utterance("x__a", "/m/x/a.flac"), utterance("x__b", "/m/x/b.flac")]
    matched, notes = match_predictions(read_foreign_predictions(path), lines)
    assert {key: one.prediction.predicted for key, one in matched.items()} == {"x__a": "one", "x__b": "two"}
    assert notes[0].startswith("1 predictions were matched by file name")
    assert notes[1].startswith("1 predictions belong to no utterance")


def test_a_file_name_that_two_utterances_share_matches_neither(tmp_path: Path) -> None:
    path = write(tmp_path / "p.csv", "file,predicted\na.wav,one\n")
    with pytest.raises(BadData, match="no prediction belongs"):
        match_predictions(
            read_foreign_predictions(path), [utterance("x__a", "/x/a.wav"), utterance("y__a", "/y/a.wav")]
        )


def test_two_predictions_of_one_utterance_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "p.csv", "file,predicted\nx/a.wav,one\ny/a.wav,two\n")
    with pytest.raises(BadData, match="two predictions belong"):
        match_predictions(read_foreign_predictions(path), [utterance("a", "/x/a.wav")])
