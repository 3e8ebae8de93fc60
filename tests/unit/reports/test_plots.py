import numpy as np

from merit_cli.reports.plots import draw_confusion, draw_curve, power_db
from merit_cli.reports.report import Cell, Confusion, Curve, Point, Series


def test_tone_peaks_in_its_own_bin() -> None:
    tone = np.sin(2 * np.pi * 1000 * np.arange(16000) / 16000)
    assert set(power_db(tone, 16000).argmax(axis=0)) == {25}  # 40 Hz a bin


def test_spectrogram_of_a_long_file_stays_narrow() -> None:
    assert power_db(np.zeros(16000 * 60), 16000).shape[1] <= 321


def test_signal_shorter_than_a_frame_gives_one_frame() -> None:
    assert power_db(np.zeros(10), 16000).shape == (201, 1)


def test_curve_leaves_out_points_without_a_score() -> None:
    points = (Point(-5.0, Cell(None, n_total=3)), Point(0.0, Cell(1.0, n_scored=3, n_total=3)))
    svg = draw_curve(Curve("a", "", "SNR (dB)", "y (dB)", (Series("noisy", points),)))
    assert "– at -5, 1.000 at 0" in svg


def test_curve_of_one_ratio_can_be_drawn() -> None:
    svg = draw_curve(Curve("a", "", "SNR (dB)", "y", (Series("noisy", (Point(-5.0, Cell(1.0, 0.5, 1.5)),)),)))
    assert svg.startswith("<svg")


def test_plots_take_their_colours_from_the_page() -> None:
    svg = draw_confusion(Confusion("a", "", ("x", "y"), ((1, 0), (0, 1))))
    assert "var(--ink)" in svg
    assert "#010101" not in svg
