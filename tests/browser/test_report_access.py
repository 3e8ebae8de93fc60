"""The report for everyone: axe-core, the keyboard, both themes, a telephone, paper; and ten thousand utterances.

The screenshots lie in pytest's temporary folder, for whoever wants to look at them.
"""

import functools
from pathlib import Path

import pytest
from full_report import full_report
from lookout import CHROMIUM, Found, look

from merit_cli.reports.write import write_report

NUM_ROWS = 10_000
MAX_BYTES = 10_000_000
MAX_MILLISECONDS = 2000.0
VIEWS = {"light": ("light", 1280), "dark": ("dark", 1280), "telephone": ("light", 400)}
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="Debian's chromium is not installed (apt-get install chromium)"),
]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Everything a report can hold, more examples than fit, and ten thousand utterances."""
    folder = tmp_path_factory.mktemp("full-report")
    return write_report(full_report(folder, num_items=NUM_ROWS, num_examples=24), folder)


@pytest.fixture(scope="module")
def views(page: Path) -> dict[str, Found]:
    plans = {
        name: {"url": page.as_uri(), "scheme": scheme, "width": width, "axe": True, "picture": str(page.parent / name)}
        for name, (scheme, width) in VIEWS.items()
    }
    plans["light"]["print"] = str(page.parent / "printed")
    return look(plans, page.parent)


@pytest.fixture(scope="module")
def keyed(page: Path) -> Found:
    keys = {"search": "machine SPEAKER02", "sort": "si_sdr_db"}
    return look({"keys": {"url": page.as_uri(), "scheme": "light", "width": 1280, "keys": keys}}, page.parent)["keys"]


@functools.cache
def rows() -> tuple[tuple[str | float | None, ...], ...]:
    """The list as it was written."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        items = full_report(Path(folder), num_items=NUM_ROWS, num_examples=0).items
    assert items is not None
    return items.rows


@pytest.mark.parametrize("view", VIEWS)
def test_axe_finds_no_serious_and_no_critical_fault(views: dict[str, Found], view: str) -> None:
    found = views[view]["axe"]
    assert [one for one in found["violations"] if one["impact"] in ("serious", "critical")] == []
    assert {"color-contrast", "button-name", "scrollable-region-focusable", "svg-img-alt"} <= set(found["passes"])


@pytest.mark.parametrize("view", VIEWS)
def test_axe_finds_no_lesser_fault_either(views: dict[str, Found], view: str) -> None:
    assert [(one["id"], one["nodes"]) for one in views[view]["axe"]["violations"]] == []


@pytest.mark.parametrize("view", VIEWS)
def test_page_asks_the_network_for_nothing_and_makes_no_error(views: dict[str, Found], view: str) -> None:
    own = [url for url in views[view]["requests"] if url.startswith(("data:", "file:"))]
    assert own == views[view]["requests"]
    assert len([url for url in own if url.startswith("file:")]) == 1
    assert views[view]["faults"] == []


@pytest.mark.parametrize("view", VIEWS)
def test_page_never_scrolls_sideways_as_a_whole(views: dict[str, Found], view: str) -> None:
    assert views[view]["scroll_width"] <= VIEWS[view][1]


def test_dark_page_has_light_letters_in_its_pictures_too(views: dict[str, Found]) -> None:
    light, dark = views["light"], views["dark"]
    assert _brightness(light["paper"]) > 0.9
    assert _brightness(dark["paper"]) < 0.15
    for found in (light, dark):
        assert found["svg_ink"] == found["ink"]
        assert abs(_brightness(found["ink"]) - _brightness(found["paper"])) > 0.6


def test_summary_and_its_picture_fill_one_screen(views: dict[str, Found]) -> None:
    assert views["light"]["first_picture_bottom"] < 900


def test_every_player_found_its_sound(views: dict[str, Found]) -> None:
    durations = views["light"]["durations"]
    assert len(durations) >= 12
    assert all(duration > 0.5 for duration in durations)


def test_ten_thousand_utterances_open_within_two_seconds_and_ten_megabytes(page: Path, views: dict[str, Found]) -> None:
    assert page.stat().st_size < MAX_BYTES
    assert {name: found["load_ms"] for name, found in views.items() if found["load_ms"] > MAX_MILLISECONDS} == {}


def test_page_prints(views: dict[str, Found], page: Path) -> None:
    assert views
    assert (page.parent / "printed.pdf").read_bytes().startswith(b"%PDF")


def test_list_begins_with_a_hundred_rows_and_grows_by_as_many(keyed: Found) -> None:
    assert keyed["keys"]["before"]["rows"] == 100
    assert keyed["keys"]["before"]["said"] == f"100 of {NUM_ROWS} shown"


def test_typed_words_filter_the_list_whatever_their_case(keyed: Found) -> None:
    matching = [row for row in rows() if "machine" in row and "speaker02" in row]
    assert 100 < len(matching) < NUM_ROWS
    assert keyed["keys"]["filtered"]["said"] == f"100 of {len(matching)} shown"
    assert keyed["keys"]["filtered"]["first"][0] == matching[0][0]


def test_enter_on_a_heading_sorts_up_then_down_and_says_so(keyed: Found) -> None:
    column = 7  # si_sdr_db
    numbers = [row[column] for row in rows() if "machine" in row and "speaker02" in row]
    known = sorted(number for number in numbers if isinstance(number, float))
    rising, falling = keyed["keys"]["rising"], keyed["keys"]["falling"]
    assert (_number(rising["first"][column]), rising["sort"][column]) == (round(known[0], 2), "ascending")
    assert (_number(falling["first"][column]), falling["sort"][column]) == (round(known[-1], 2), "descending")
    assert keyed["keys"]["more"]["rows"] == 200
    assert keyed["keys"]["more"]["first"] == falling["first"]


def test_whatever_the_keyboard_reaches_shows_that_it_has_the_focus(keyed: Found) -> None:
    visited = keyed["keys"]["visited"]
    assert len(visited) > 20
    assert [one for one in visited if one["tag"] not in ("AUDIO", "BODY") and not one["outlined"]] == []


def _number(text: str) -> float:
    return float(text.replace("\N{MINUS SIGN}", "-"))


def _brightness(colour: str) -> float:
    """Mean of an ``rgb(r, g, b)``, from 0 to 1."""
    parts = [float(part) for part in colour[colour.index("(") + 1 : -1].split(",")[:3]]
    return sum(parts) / 765
