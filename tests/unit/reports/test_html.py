import re
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest
from report_maker import HOSTILE, make_report

from merit_cli.reports.html import report_to_html
from merit_cli.reports.report import Cell, Report
from merit_cli.reports.write import write_report

VOID = {"meta", "link", "img", "br", "hr", "input"}
NAMESPACES = {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}


class Page(HTMLParser):
    """Tags in order; unbalanced ones are a fault."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.stack: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.stack.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.stack, f"</{tag}> closes nothing"
        assert self.stack.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture
def page(report_folder: Path) -> Page:
    return Page(report_to_html(make_report(HOSTILE), report_folder))


def test_every_tag_is_closed(page: Page) -> None:
    assert page.stack == []


def test_page_has_no_script(page: Page) -> None:
    assert page.all("script") == []


def test_hostile_name_is_shown_as_text(page: Page) -> None:
    assert f"Report on {HOSTILE}" in page.words


def test_page_names_no_resource_of_the_network(page: Page) -> None:
    values = [value or "" for _, attributes in page.tags for key, value in attributes.items() if key != "content"]
    addresses = [value for value in values if re.match(r"(https?:)?//", value)]
    assert set(addresses) <= NAMESPACES
    assert all(value.startswith(("data:", "#")) for _, a in page.tags for k, value in a.items() if k in {"src", "href"})


def test_content_policy_forbids_the_network(page: Page) -> None:
    policies = [meta["content"] for meta in page.all("meta") if meta.get("http-equiv") == "Content-Security-Policy"]
    assert len(policies) == 1
    assert policies[0].startswith("default-src 'none'")


def test_every_picture_has_a_text_alternative(page: Page) -> None:
    pictures = [a for a in page.all("svg") if a.get("role") == "img"]
    assert len(pictures) == 2  # the curve and the spectrogram; matrices are tables
    assert all(len(picture["aria-label"] or "") > 20 for picture in pictures)
    assert all(image.get("alt") for image in page.all("img"))


def test_every_player_is_named_and_carries_its_sound(page: Page) -> None:
    players = page.all("audio")
    assert len(players) == 1
    assert players[0]["src"].startswith("data:audio/flac;base64,")
    assert players[0]["aria-label"] == f"noisy: {HOSTILE}"


def test_missing_sound_is_said_and_not_fatal(page: Page) -> None:
    assert any("could not be read" in word for word in page.words)


def test_headings_do_not_skip_a_level(page: Page) -> None:
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert all(right - left <= 1 for left, right in pairwise(levels))


def test_ids_are_unique(page: Page) -> None:
    ids = [attributes["id"] for _, attributes in page.tags if attributes.get("id")]
    shown = [one for one in ids if not re.fullmatch(r"[mpCh][0-9a-f_]{10,}\w*", one)]
    assert len(shown) == len(set(shown))


def test_axes_carry_units(page: Page) -> None:
    text = " ".join(page.words)
    assert "ssnr_db (dB)" in text
    assert "time (s)" in text
    assert "kHz" in text
    assert "dB re loudest bin" in text


def test_every_cell_shows_scored_of_total(page: Page) -> None:
    assert "11/12" in page.words
    assert "0/12" in page.words


def test_page_is_small(report_folder: Path) -> None:
    assert write_report(make_report(), report_folder).stat().st_size < 1_000_000


def test_examples_beyond_the_budget_are_counted(report_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("merit_cli.reports.html_examples.MAX_BYTES_OF_EXAMPLES", 10)
    page = Page(report_to_html(make_report(), report_folder))
    assert page.all("audio") == []
    assert any("1 more would have made this page too large" in word for word in page.words)


def test_same_report_gives_the_same_page(report_folder: Path) -> None:
    report = make_report()
    assert report_to_html(report, report_folder) == report_to_html(report, report_folder)


def test_summary_holds_the_headlines_and_one_picture_before_the_sections(report_folder: Path) -> None:
    text = report_to_html(make_report(), report_folder)
    header, rest = text.split("</header>")
    assert header.count("<svg") == 1
    assert 'class="tile"' in header
    assert "Segmental SNR" not in rest  # shown once


def test_marks_are_explained_beneath_their_table(report_folder: Path) -> None:
    plain = make_report()
    [table] = plain.tables
    marked = replace(table, rows=(("-5", "noisy", Cell(1.0, mark="▼")),), strong_rows=())
    text = report_to_html(replace(plain, tables=(marked,)), report_folder)
    assert '<p class="quiet legend">▼ behind' in text
    assert 'class="quiet legend"' not in report_to_html(plain, report_folder)


def test_page_without_anything_but_a_title_can_be_drawn(tmp_path: Path) -> None:
    page = Page(report_to_html(Report("empty"), tmp_path))
    assert page.stack == []
    assert page.all("section") == []
