import json
from pathlib import Path

import pytest
from report_maker import HOSTILE, make_report

from merit_cli.errors import BadData
from merit_cli.reports.report import Cell, Column, Table, report_from_data, report_to_data
from merit_cli.reports.write import read_report, write_report


def test_report_survives_json() -> None:
    report = make_report(HOSTILE)
    assert report_from_data(json.loads(json.dumps(report_to_data(report), allow_nan=False))) == report


def test_written_report_is_read_back_the_same(report_folder: Path) -> None:
    report = make_report()
    write_report(report, report_folder)
    assert read_report(report_folder) == report


def test_data_that_is_no_report_is_refused_with_its_place() -> None:
    with pytest.raises(BadData, match="cannot be read") as caught:
        report_from_data({"tables": 3}, place="x/report.json")
    assert caught.value.place == "x/report.json"


def test_row_of_another_width_than_the_head_is_a_programmers_fault() -> None:
    with pytest.raises(AssertionError, match="2 entries under 1"):
        Table("t", "c", (Column("a"),), (("x", Cell(1.0)),))
