import re

import pytest

from merit_cli.reports.html_style import STYLE
from merit_cli.reports.html_tiles import DEEPEST, FAINTEST, confusion_html, heat_map_html
from merit_cli.reports.report import Cell, Confusion, HeatMap


def cell(value: float, mark: str = "") -> Cell:
    return Cell(value, value - 0.5, value + 0.5, "dB", 11, 12, mark=mark)


def heat_map(*values: float | None, higher_is_better: bool | None = True) -> HeatMap:
    cells = tuple(None if value is None else cell(value) for value in values)
    columns = tuple(f"{5 * place}" for place in range(len(values)))
    return HeatMap("gain", "Mean.", "noise", "SNR (dB)", ("<rain>",), columns, (cells,), higher_is_better)


def depths(text: str) -> list[int]:
    return [int(depth) for depth in re.findall(r"var\(--tile\) (\d+)%", text)]


def kinds(text: str) -> list[str]:
    return re.findall(r"<td(?: class=\"(\w+)\")? style", text)


def test_higher_value_has_the_deeper_tile() -> None:
    assert depths(heat_map_html(heat_map(1.0, 2.0, 3.0))) == [FAINTEST, round((FAINTEST + DEEPEST) / 2), DEEPEST]


def test_both_signs_part_at_zero_in_two_colours() -> None:
    text = heat_map_html(heat_map(-2.0, 1.0, 4.0))
    assert kinds(text) == ["below", "", ""]
    assert depths(text)[2] == DEEPEST
    assert depths(text)[0] == round(FAINTEST + (DEEPEST - FAINTEST) / 2)
    assert "Teal above 0, amber below" in text


def test_one_sign_has_one_colour_and_says_what_deep_means() -> None:
    text = heat_map_html(heat_map(-2.0, -1.0))
    assert kinds(text) == ["", ""]
    assert "Deeper is higher." in text


def test_heat_map_says_which_end_is_good() -> None:
    assert "Higher is better." in heat_map_html(heat_map(1.0, 2.0))
    assert "Lower is better." in heat_map_html(heat_map(1.0, 2.0, higher_is_better=False))


def test_tile_shows_value_mark_and_counts_and_tells_its_interval() -> None:
    chart = HeatMap("gain", "", "noise", "SNR (dB)", ("rain",), ("-5",), ((cell(-1.25, "▼"),),), True)
    text = heat_map_html(chart)
    assert '−1.25<span class="mark" role="img" aria-label="behind">▼</span>' in text
    assert '<span class="unseen">95 % [−1.75, −0.75]</span> 11/12' in text


def test_pair_without_utterances_is_empty_and_unshaded() -> None:
    text = heat_map_html(heat_map(1.0, None, 2.0))
    assert '<td class="empty">–</td>' in text
    assert len(depths(text)) == 2


def test_map_of_one_value_can_be_drawn() -> None:
    assert depths(heat_map_html(heat_map(1.0))) == [round(FAINTEST + (DEEPEST - FAINTEST) / 2)]


def test_names_are_escaped_and_head_their_rows_and_columns() -> None:
    text = heat_map_html(heat_map(1.0, 2.0))
    assert '<th scope="row">&lt;rain&gt;</th>' in text
    assert '<th scope="col">5</th>' in text
    assert '<th scope="colgroup" colspan="2">SNR (dB)</th>' in text


def test_columns_can_stand_under_several_heads_set_apart() -> None:
    cells = (tuple(cell(value) for value in (1.0, 2.0, 3.0)),)
    chart = HeatMap("load", "", "SNR (dB)", "expert", ("-5",), ("1", "2", "1"), cells, spans=(("one", 2), ("<b>", 1)))
    text = heat_map_html(chart)
    heads = re.findall(r'<th scope="colgroup" colspan="(\d)">([^<]*)</th>', text)
    assert heads == [("2", "one"), ("1", "&lt;b&gt;")]
    assert kinds(text) == ["", "", "apart"]


def test_confusion_shades_each_row_by_its_shares() -> None:
    text = confusion_html(Confusion("SNR -5 dB", "12.", ("calm", "angry"), ((3, 1), (0, 0))))
    share = [round(FAINTEST + (DEEPEST - FAINTEST) * part) for part in (0.75, 0.25, 0.0, 0.0)]
    assert depths(text) == share
    assert re.findall(r">(\d+)<span class=\"basis\">([^<]*)<", text) == [
        ("3", "75 %"),
        ("1", "25 %"),
        ("0", "–"),
        ("0", "–"),
    ]
    assert kinds(text) == ["right", "", "", "right"]


def _themes() -> dict[str, dict[str, str]]:
    light, dark = STYLE.split("@media screen and (prefers-color-scheme: dark)")
    found = {}
    for name, text in (("light", light), ("dark", dark[: dark.index("* {")])):
        found[name] = dict(re.findall(r"(--[\w-]+): (#[0-9a-f]{6})", text))
    return found


def _luminance(rgb: tuple[float, ...]) -> float:
    """Relative luminance. Source: WCAG 2.2."""
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in rgb]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _rgb(colour: str) -> tuple[float, ...]:
    return tuple(int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5))


def _contrast(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("tile", ["--up", "--down"])
def test_ink_on_the_deepest_tile_keeps_the_contrast_of_small_text(theme: str, tile: str) -> None:
    colours = _themes()[theme]
    share = DEEPEST / 100
    mixed = tuple(
        share * a + (1 - share) * b for a, b in zip(_rgb(colours[tile]), _rgb(colours["--sheet"]), strict=True)
    )
    assert _contrast(_rgb(colours["--ink"]), mixed) >= 4.5


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("ground", ["--paper", "--sheet"])
@pytest.mark.parametrize("text", ["--ink", "--quiet", "--accent", "--alert"])
def test_every_text_colour_keeps_its_contrast(theme: str, ground: str, text: str) -> None:
    colours = _themes()[theme]
    assert _contrast(_rgb(colours[text]), _rgb(colours[ground])) >= 4.5


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("number", range(1, 7))
def test_every_line_of_a_plot_stands_out_from_the_paper(theme: str, number: int) -> None:
    colours = _themes()[theme]
    assert _contrast(_rgb(colours[f"--line-{number}"]), _rgb(colours["--paper"])) >= 3.0  # WCAG 2.2, 1.4.11
