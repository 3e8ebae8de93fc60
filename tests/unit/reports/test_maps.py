import json

from merit_cli.reports.html_items import MAX_BYTES, items_section
from merit_cli.reports.maps import describe_plane, draw_plane
from merit_cli.reports.report import (
    Cell,
    Column,
    Curve,
    HeatMap,
    Items,
    Plane,
    PlanePoint,
    Point,
    Report,
    Series,
    report_from_data,
    report_to_data,
)

CELL = Cell(1.25, 1.0, 1.5, "dB", 9, 9)
CHART = HeatMap(
    "gain",
    "Mean.",
    "noise class",
    "SNR (dB)",
    ("rain", "<b>"),
    ("-5", "5"),
    ((CELL, None), (Cell(7.5, unit="dB"), CELL)),
)
PLANE = Plane(
    "f1 over sdr",
    "Crosses.",
    "si_sdr_db (dB)",
    "macro_f1",
    (PlanePoint("ours", "-5 dB", CELL, Cell(0.5)), PlanePoint("ours", "0 dB", CELL, Cell(None))),
)


def test_plane_names_its_axes_and_conditions_and_leaves_out_what_has_no_value() -> None:
    svg = draw_plane(PLANE)
    assert "si_sdr_db (dB)" in svg
    assert ">−5 dB<" in svg
    assert ">0 dB<" not in svg
    assert "0 dB: 1.25, –" in describe_plane(PLANE)


def test_systems_of_a_plane_have_colours_of_their_own() -> None:
    points = tuple(PlanePoint(name, "0 dB", CELL, CELL, number > 0, number) for number, name in enumerate("abc"))
    svg = draw_plane(Plane("t", "c", "x", "y", points))
    assert {number for number in range(1, 7) if f"var(--line-{number})" in svg} == {1, 2, 4}


def test_report_with_pictures_and_items_survives_json_and_old_reports_load() -> None:
    curve = Curve("c", "", "epoch", "share", (Series("expert 1", (Point(1.0, CELL),)),))
    items = Items((Column("id"), Column("stoi")), (("a", 0.5), ("b", None)))
    report = Report("t", heat_maps=(CHART,), planes=(PLANE,), routing=(CHART, curve), items=items)
    assert report_from_data(json.loads(json.dumps(report_to_data(report)))) == report
    assert report_from_data({"title": "old"}) == Report("old")


def embedded(text: str) -> dict[str, list[object]]:
    return json.loads(text.split('id="items-data">')[1].split("</script>")[0])


def test_list_embeds_its_rows_rounded_and_can_never_close_its_own_script() -> None:
    items = Items((Column("id"), Column("ssnr_db", "dB")), (("</script><b>", 1.23456), ("b", None)))
    text = items_section(items)
    assert embedded(text)["rows"] == [["</script><b>", 1.235], ["b", None]]
    assert text.count("</script>") == 2


def test_list_that_is_too_long_is_cut_and_says_so() -> None:
    items = Items((Column("id"),), tuple((f"{number:0500d}",) for number in range(6000)))
    text = items_section(items)
    assert len(text) < MAX_BYTES + 20_000
    kept = len(embedded(text)["rows"])
    assert f"{6000 - kept} more would have made this page too large" in text
