"""The picture of one recording: each answer in its lane, as long as it was and as full as it was sure."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest

from merit_cli.reports.recording_picture import FAINTEST, AnswerSpan, draw_recording
from merit_cli.reports.spectrograms import time_axis

CLASSES = ("normal", "crackle", "wheeze")
SPANS = [
    AnswerSpan(0.0, 2.0, "normal", 1.0),
    AnswerSpan(2.0, 3.0, "wheeze", 0.5),
    AnswerSpan(3.0, 4.0, None, 0.3, "classifier unsure"),
]
SVG = "{http://www.w3.org/2000/svg}"


def windows(svg: str) -> list[ElementTree.Element]:
    root = ElementTree.fromstring(svg)
    return [one for one in root.iter(f"{SVG}rect") if one.find(f"{SVG}title") is not None]


def picture(start: float = 0.0, seconds: float = 4.0) -> str:
    noise = np.random.default_rng(0).standard_normal(round(4000 * seconds))
    panels = [("raw", noise), ("enhanced by x", 0.1 * noise)]
    return draw_recording(panels, 4000, SPANS, classes=CLASSES, title="a <b> & c.wav", start=start)


def test_each_answer_is_as_long_as_its_window_and_as_full_as_it_was_sure() -> None:
    left, width = time_axis()
    normal, wheeze, left_open = windows(picture())
    assert float(normal.attrib["x"]) == pytest.approx(left + 0.5)
    assert float(normal.attrib["width"]) == pytest.approx(width / 2 - 1, abs=0.01)
    assert float(wheeze.attrib["x"]) == pytest.approx(left + width / 2 + 0.5, abs=0.01)
    assert float(normal.attrib["fill-opacity"]) == 1.0
    assert float(wheeze.attrib["fill-opacity"]) == pytest.approx(FAINTEST + 0.5 * (1 - FAINTEST))
    assert left_open.attrib["fill"] == "none"


def test_each_class_has_a_lane_and_a_colour_of_its_own() -> None:
    found = windows(picture())
    assert len({one.attrib["y"] for one in found}) == 3
    assert len({one.attrib["fill"] for one in found}) == 3


def test_a_withheld_answer_says_why() -> None:
    title = windows(picture())[2].find(f"{SVG}title")
    assert title is not None
    assert title.text == "3 to 4 s: no answer, probability 0.30 classifier unsure"


def test_a_later_stretch_shows_its_own_windows_cut_at_its_ends() -> None:
    left, width = time_axis()
    found = windows(picture(start=1.0, seconds=1.5))
    assert len(found) == 2
    assert float(found[0].attrib["x"]) == pytest.approx(left + 0.5)
    assert float(found[1].attrib["x"]) + float(found[1].attrib["width"]) == pytest.approx(left + width - 0.5, abs=0.01)


def test_the_picture_stands_alone_and_says_what_it_is() -> None:
    svg = picture()
    root = ElementTree.fromstring(svg)
    assert root.attrib["aria-label"] == "a <b> & c.wav: 3 windows: normal 1, wheeze 1, no answer 1."
    assert len(list(root.iter(f"{SVG}image"))) == 2
    assert not re.search(r"href=.(?!data:)", svg)
    assert "not a diagnosis" in svg
    assert "prefers-color-scheme: dark" in svg
    used = set(re.findall(r"var\((--[a-z0-9-]+)\)", svg))
    assert used <= set(re.findall(r"(--[a-z0-9-]+):", svg))
