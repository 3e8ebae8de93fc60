"""Who a model has heard, and who may then be scored."""

from pathlib import Path

import pytest

from merit_cli.errors import BadData, CheckFailed
from merit_cli.io.atomic import write_json
from merit_cli.manifests.lineage import LINEAGE_NAME, Lineage, check_lineage, lineage_of, read_lineage
from merit_cli.manifests.utterance import Utterance


def _of(*speakers: str) -> list[Utterance]:
    return [Utterance(f"u{k}", Path("/a.wav"), 4000, 4000, speaker=name) for k, name in enumerate(speakers)]


HEARD = lineage_of(_of("101", "102", "101"), _of("103"), corpus="icbhi", manifest="abc")


def test_a_lineage_survives_its_file(tmp_path: Path) -> None:
    write_json(tmp_path / LINEAGE_NAME, HEARD.to_json())
    assert read_lineage(tmp_path) == HEARD == Lineage("icbhi", "abc", ("101", "102"), ("103",))


def test_a_model_without_lineage_has_none_and_a_damaged_one_is_refused(tmp_path: Path) -> None:
    assert read_lineage(tmp_path) is None
    (tmp_path / LINEAGE_NAME).write_text('{"speakers": 3}')
    with pytest.raises(BadData, match="lineage of the model cannot be read"):
        read_lineage(tmp_path)


def test_people_the_model_never_heard_may_be_scored() -> None:
    assert check_lineage(HEARD, _of("104", "105"), name="it", allow_leak=False) == []


@pytest.mark.parametrize("person", ["102", "103"])
def test_people_of_train_or_dev_may_not_be_scored(person: str) -> None:
    with pytest.raises(CheckFailed, match=f"trained or chosen on 1 of the 2 people who are scored: {person}") as caught:
        check_lineage(HEARD, _of("104", person), name="it", allow_leak=False)
    assert caught.value.exit_code == 4


def test_what_is_allowed_is_said() -> None:
    notes = check_lineage(HEARD, _of("102"), name="it", allow_leak=True)
    assert notes == ["LEAK ALLOWED: it was trained or chosen on 1 of the 1 people who are scored: 102."]


@pytest.mark.parametrize("lineage", [None, lineage_of(_of("101", ""), [], corpus="x", manifest="y")])
def test_a_model_that_does_not_know_all_it_heard_is_refused(lineage: Lineage | None) -> None:
    with pytest.raises(CheckFailed, match="does not say whom it was trained on"):
        check_lineage(lineage, _of("104"), name="it", allow_leak=False)
