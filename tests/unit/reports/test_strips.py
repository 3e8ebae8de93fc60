"""Choices over time: where the lanes and their bars lie, and what is said in words."""

import re

import numpy as np
import pytest

from merit_cli.reports.report import Example, Report, Strip, report_from_data, report_to_data
from merit_cli.reports.spectrograms import draw_spectrograms
from merit_cli.reports.strips import describe_strip, draw_strips

STRIP = Strip("expert of emotion", (0, 0, 2, 1), 3, 2.0)


def bars(parts: list[str]) -> list[tuple[float, float, float]]:
    """Left end, top and length of each bar."""
    paths = re.findall(r'<path fill="[^"]*" d="([^"]*)"', "".join(parts))
    found = re.findall(r"M([\d.]+) ([\d.]+)h([\d.]+)v", "".join(paths))
    return [(float(x), float(y), float(length)) for x, y, length in found]


def test_each_run_is_a_bar_in_the_lane_of_its_choice_as_long_as_it_lasts() -> None:
    parts, height = draw_strips([STRIP], left=10.0, width=100.0, seconds=2.0)
    [first, second, third] = bars(parts)
    assert [(x, length) for x, _, length in (first, second, third)] == [(10.0, 50.0), (60.0, 25.0), (85.0, 25.0)]
    assert first[1] < third[1] < second[1] < height


def test_what_goes_on_longer_than_the_clips_is_cut() -> None:
    parts, _ = draw_strips([STRIP], left=0.0, width=100.0, seconds=1.0)
    assert bars(parts) == [(0.0, bars(parts)[0][1], 100.0)]


def test_strips_lie_above_each_other_in_colours_of_their_own() -> None:
    one, height = draw_strips([STRIP], left=0.0, width=100.0, seconds=2.0)
    both, total = draw_strips([STRIP, STRIP], left=0.0, width=100.0, seconds=2.0)
    assert total == 2.0 * height
    assert bars(both)[3][1] == pytest.approx(bars(one)[0][1] + height)
    assert len(set(re.findall(r'fill="([^"]*)"', "".join(both)))) == 2


@pytest.mark.parametrize(("num_choices", "named"), [(3, ["1", "2", "3"]), (8, ["1", "8"])])
def test_lanes_are_numbered_as_far_as_there_is_room(num_choices: int, named: list[str]) -> None:
    parts, _ = draw_strips([Strip("<b>", (0,), num_choices, 1.0)], left=0.0, width=1.0, seconds=1.0)
    assert re.findall(r">([^<]*)</text>", "".join(parts)) == ["&lt;b&gt;", *named]


@pytest.mark.parametrize("num_choices", [2, 8, 64])
def test_many_choices_take_no_more_room_than_a_spectrogram(num_choices: int) -> None:
    assert draw_strips([Strip("x", (0,), num_choices, 1.0)], left=0.0, width=1.0, seconds=1.0)[1] < 96.0


def test_words_tell_shares_and_changes() -> None:
    assert describe_strip(STRIP) == (
        "Expert of emotion: 1 in 50 %, 2 in 25 %, 3 in 25 % of the time, 1.0 changes a second."
    )
    assert "0.0 changes" in describe_strip(Strip("x", (), 2, 50.0))


def test_spectrograms_stand_below_their_strips_and_say_both() -> None:
    tone = np.sin(np.arange(16000))
    alone, below = (draw_spectrograms([("noisy", tone)], 16000, title="x", strips=s) for s in ((), (STRIP,)))
    top = [float(re.findall(r'<image x="[\d.]+" y="([\d.]+)"', svg)[0]) for svg in (alone, below)]
    tall = [float(re.findall(r'viewBox="0 0 [\d.]+ ([\d.]+)"', svg)[0]) for svg in (alone, below)]
    height = draw_strips([STRIP], left=0.0, width=1.0, seconds=1.0)[1]
    assert top[1] - top[0] == pytest.approx(height)
    assert tall[1] - tall[0] == pytest.approx(height)
    assert "1 in 50 %" in below.split(">")[0]


def test_example_with_strips_survives_json() -> None:
    report = Report("t", examples=(Example("u", "worst", {}, (), (STRIP,)),))
    assert report_from_data(report_to_data(report)) == report
