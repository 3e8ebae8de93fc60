import base64
import io
import re

import numpy as np
from matplotlib.image import imread

from merit_cli.reports.spectrograms import NUM_LEVELS, draw_spectrograms, indexed_png, power_db

TONE = 0.5 * np.sin(2 * np.pi * 1000 * np.arange(16000) / 16000)


def pictures(svg: str) -> list[np.ndarray]:
    found = re.findall(r"data:image/png;base64,([^\"]+)", svg)
    return [np.asarray(imread(io.BytesIO(base64.b64decode(one)))) for one in found]


def test_tone_peaks_in_its_own_bin() -> None:
    assert set(power_db(TONE, 16000).argmax(axis=0)) == {25}  # 40 Hz a bin


def test_spectrogram_of_a_long_file_stays_narrow() -> None:
    assert power_db(np.zeros(16000 * 60), 16000).shape[1] <= 321


def test_signal_shorter_than_a_frame_gives_one_frame() -> None:
    assert power_db(np.zeros(10), 16000).shape == (201, 1)


def test_png_holds_the_very_indices_in_the_palettes_colours() -> None:
    palette = np.array([[0, 0, 0], [255, 0, 0], [0, 255, 0]], dtype=np.uint8)
    levels = np.array([[0, 1, 2], [2, 1, 0]], dtype=np.uint8)
    read = imread(io.BytesIO(indexed_png(levels, palette)))
    assert np.array_equal(np.round(read[..., :3] * 255).astype(np.uint8), palette[levels])


def test_high_frequencies_are_at_the_top() -> None:
    [picture] = pictures(draw_spectrograms([("tone", TONE)], 16000, title="x"))
    brightest = picture[..., :3].sum(axis=2).mean(axis=1).argmax()
    assert brightest == 200 - 25  # 1 kHz of 8, counted from the top


def test_all_pictures_share_one_scale_of_levels() -> None:
    loud, quiet = pictures(draw_spectrograms([("loud", TONE), ("quiet", TONE / 100)], 16000, title="x"))
    assert loud[..., :3].sum(axis=2).max() > quiet[..., :3].sum(axis=2).max()


def test_axes_are_in_khz_and_seconds_and_levels_in_db() -> None:
    svg = draw_spectrograms([("noisy", TONE)], 16000, title="x")
    words = re.findall(r"<text[^>]*>([^<]*)</text>", svg)
    assert {"noisy", "kHz", "time (s)", "dB re loudest bin", "8", "−80"} <= set(words)
    assert "−0" not in words


def test_shorter_signal_ends_earlier_on_the_common_time_axis() -> None:
    svg = draw_spectrograms([("long", TONE), ("half", TONE[:8000])], 16000, title="x")
    widths = [float(width) for width in re.findall(r"<image [^>]*width=\"([\d.]+)\"", svg)]
    assert widths[1] == widths[0] / 2


def test_silence_can_be_drawn() -> None:
    assert draw_spectrograms([("silence", np.zeros(16000))], 16000, title="x").startswith("<svg")


def test_eight_seconds_of_noise_take_less_than_seventy_kilobytes() -> None:
    noise = np.random.default_rng(0).standard_normal(8 * 16000)
    assert len(draw_spectrograms([("noise", noise)], 16000, title="x")) < 70_000
    assert NUM_LEVELS <= 256


def test_two_examples_do_not_share_an_id() -> None:
    first, second = (draw_spectrograms([("noisy", TONE)], 16000, title=title) for title in ("a", "b"))
    ids = [set(re.findall(r' id="([^"]+)"', svg)) for svg in (first, second)]
    assert ids[0]
    assert not ids[0] & ids[1]
