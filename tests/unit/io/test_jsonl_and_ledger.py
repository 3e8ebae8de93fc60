from pathlib import Path

import pytest

from merit_cli.errors import BadData, NoInput
from merit_cli.io.jsonl import LineWriter, read_lines, write_lines
from merit_cli.io.ledger import Ledger, read_ledger


def test_lines_come_back_with_their_numbers(tmp_path: Path) -> None:
    write_lines(tmp_path / "a.jsonl", [{"x": 1}, {"y": "é"}])
    assert list(read_lines(tmp_path / "a.jsonl")) == [(1, {"x": 1}), (2, {"y": "é"})]


def test_a_bad_line_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"x": 1}\nnonsense\n')
    with pytest.raises(BadData) as caught:
        list(read_lines(tmp_path / "a.jsonl"))
    assert caught.value.place.endswith("a.jsonl:2")


@pytest.mark.parametrize("text", [b"[1]\n", b"\xff\xfe\n"])
def test_a_line_that_is_no_object_is_bad_data(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "a.jsonl").write_bytes(text)
    with pytest.raises(BadData):
        list(read_lines(tmp_path / "a.jsonl"))


def test_a_missing_file_is_no_input(tmp_path: Path) -> None:
    with pytest.raises(NoInput):
        list(read_lines(tmp_path / "none.jsonl"))


def test_a_torn_last_line_is_dropped_on_reading_and_cut_on_appending(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"x":1}\n{"x":2')
    assert [line for _, line in read_lines(path, torn_tail=True)] == [{"x": 1}]
    with LineWriter(path) as writer:
        writer.append({"x": 3})
    assert path.read_text() == '{"x":1}\n{"x":3}\n'


def test_the_last_entry_of_an_item_counts(tmp_path: Path) -> None:
    ledger = Ledger.open(tmp_path / "ledger.jsonl")
    ledger.record("a", "failed", "broken")
    ledger.record("a", "done")
    ledger.record("b", "skipped", "silent")
    ledger.close()
    assert {key: entry.status for key, entry in read_ledger(tmp_path / "ledger.jsonl").items()} == {
        "a": "done",
        "b": "skipped",
    }


def test_settled_items_are_not_pending_and_failed_ones_only_on_request(tmp_path: Path) -> None:
    ledger = Ledger.open(tmp_path / "ledger.jsonl")
    ledger.record("done", "done")
    ledger.record("failed", "failed", "x")
    ledger.close()
    again = Ledger.open(tmp_path / "ledger.jsonl")
    assert list(again.pending(["done", "failed", "new"])) == ["new"]
    assert list(again.pending(["done", "failed", "new"], retry_failed=True)) == ["failed", "new"]
    again.close()
