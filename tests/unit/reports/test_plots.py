import re
from dataclasses import replace

from merit_cli.reports.plots import draw_curve
from merit_cli.reports.report import Cell, Curve, Point, Series

CURVE = Curve(
    "a",
    "",
    "SNR (dB)",
    "y (dB)",
    (Series("noisy", (Point(-5.0, Cell(1.0, 0.5, 1.5)), Point(0.0, Cell(2.0, 1.5, 2.5)))),),
)


def test_curve_leaves_out_points_without_a_score() -> None:
    points = (Point(-5.0, Cell(None, n_total=3)), Point(0.0, Cell(1.0, n_scored=3, n_total=3)))
    svg = draw_curve(Curve("a", "", "SNR (dB)", "y (dB)", (Series("noisy", points),)))
    assert "– at -5, 1.000 at 0" in svg


def test_curve_of_one_ratio_can_be_drawn() -> None:
    svg = draw_curve(Curve("a", "", "SNR (dB)", "y", (Series("noisy", (Point(-5.0, Cell(1.0, 0.5, 1.5)),)),)))
    assert svg.startswith("<svg")


def test_plots_take_their_colours_from_the_page() -> None:
    svg = draw_curve(CURVE)
    assert "var(--ink)" in svg
    assert "#010101" not in svg


def test_curve_without_intervals_has_no_bars() -> None:
    bare = replace(CURVE, series=(Series("noisy", (Point(-5.0, Cell(1.0)), Point(0.0, Cell(2.0)))),))
    paths = [draw_curve(curve).count("<path") for curve in (bare, CURVE)]
    assert paths[1] - paths[0] >= 2  # at least one bar a point, its caps and the legend's


def test_plot_is_never_larger_than_its_letters_allow() -> None:
    assert 'style="max-width:442px"' in draw_curve(CURVE)  # 4.6 inches of 96 pixels


def test_many_places_are_numbered_in_round_steps() -> None:
    points = tuple(Point(float(epoch), Cell(0.5)) for epoch in range(1, 101))
    words = draw_curve(Curve("a", "", "epoch", "share", (Series("expert 1", points),)))
    assert 3 <= len(re.findall(r">\d+<", words)) <= 12


def test_several_series_that_a_plot_is_about_have_colours_of_their_own() -> None:
    points = (Point(-5.0, Cell(1.0)), Point(0.0, Cell(2.0)))
    lines = tuple(Series(name, points, strong=number > 0, number=number) for number, name in enumerate("abc"))
    svg = draw_curve(Curve("a", "", "SNR (dB)", "y", lines))
    assert {number for number in range(1, 7) if f"var(--line-{number})" in svg} == {1, 2, 4}
