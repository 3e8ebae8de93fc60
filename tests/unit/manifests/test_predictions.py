from pathlib import Path

import pytest

from merit_cli.errors import BadData, NoInput
from merit_cli.manifests.predictions import Prediction, read_predictions, write_predictions


def test_predictions_survive_the_file(tmp_path: Path) -> None:
    made = [Prediction("a", "test", "calm", "angry", {"calm": 0.4, "angry": 0.6}), Prediction("b", "", None, "calm")]
    write_predictions(tmp_path / "p.jsonl", made)
    assert read_predictions(tmp_path / "p.jsonl") == made


def test_line_without_a_predicted_label_is_named(tmp_path: Path) -> None:
    path = tmp_path / "p.jsonl"
    path.write_text('{"id":"a","predicted":"x"}\n{"id":"b"}\n')
    with pytest.raises(BadData, match="predicted") as caught:
        read_predictions(path)
    assert caught.value.place.endswith("p.jsonl:2")


def test_missing_file_is_no_input(tmp_path: Path) -> None:
    with pytest.raises(NoInput):
        read_predictions(tmp_path / "none.jsonl")
