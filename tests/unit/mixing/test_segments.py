from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from merit_cli.io.audio_file import write_audio
from merit_cli.manifests.utterance import Utterance
from merit_cli.mixing import segments
from merit_cli.mixing.draws import Draws
from merit_cli.mixing.recipe import MixRecipe
from merit_cli.mixing.segments import SilentSource, draw_piece, read_piece
from merit_cli.mixing.sources import read_part

RATE = 16000


def noise_file(folder: Path, samples: npt.NDArray[np.float64]) -> Utterance:
    path = folder / "noise.wav"
    write_audio(path, samples, RATE, subtype="FLOAT")
    return Utterance("noise", path, RATE, samples.size)


def ramp(count: int) -> npt.NDArray[np.float64]:
    return np.linspace(0.1, 0.9, count)


def test_a_piece_of_a_long_noise_is_that_piece(tmp_path: Path) -> None:
    samples = ramp(RATE * 3)
    piece, start = draw_piece(noise_file(tmp_path, samples), MixRecipe(), Draws(0, "x"), RATE)
    np.testing.assert_array_equal(piece, samples[start : start + RATE].astype(np.float32))


def test_drawn_starts_fill_the_noise(tmp_path: Path) -> None:
    noise = noise_file(tmp_path, ramp(RATE * 3))
    starts = [draw_piece(noise, MixRecipe(), Draws(seed, "x"), RATE)[1] for seed in range(60)]
    assert min(starts) < RATE // 4
    assert max(starts) > 2 * RATE - RATE // 4
    assert max(starts) <= 2 * RATE


@pytest.mark.parametrize("fade_seconds", [0.0, 0.05])
@pytest.mark.parametrize("num_samples", [RATE + 1, 3 * RATE, 12 * RATE])
def test_a_short_noise_repeats_with_the_period_of_its_length_less_the_fade(
    tmp_path: Path, fade_seconds: float, num_samples: int
) -> None:
    samples = 0.1 * np.random.default_rng(0).standard_normal(RATE)
    recipe = MixRecipe(loop_fade=fade_seconds)
    piece = read_piece(noise_file(tmp_path, samples), recipe, 700, num_samples)
    period = RATE - round(fade_seconds * RATE)
    assert piece.size == num_samples
    np.testing.assert_array_equal(piece[: period - 700], samples[700:period].astype(np.float32))
    again = piece[period - 700 :]  # from the first repetition on it is periodic
    if again.size > period:
        np.testing.assert_array_equal(again[period:], again[: again.size - period])


def test_a_join_has_no_click(tmp_path: Path) -> None:
    samples = 0.3 * np.sin(2 * np.pi * 100.37 * np.arange(RATE) / RATE)  # does not fit its own beginning
    noise = noise_file(tmp_path, samples)
    step = float(np.max(np.abs(np.diff(samples))))
    faded = read_piece(noise, MixRecipe(loop_fade=0.05), 0, 3 * RATE)
    bare = read_piece(noise, MixRecipe(loop_fade=0.0), 0, 3 * RATE)
    assert np.max(np.abs(np.diff(faded))) < 1.6 * step
    assert np.max(np.abs(np.diff(bare))) > 5 * step


def test_the_power_of_noise_is_kept_through_a_join(tmp_path: Path) -> None:
    samples = 0.1 * np.random.default_rng(1).standard_normal(RATE)
    piece = read_piece(noise_file(tmp_path, samples), MixRecipe(loop_fade=0.4), 0, 20 * RATE)
    assert np.mean(piece.astype(float) ** 2) == pytest.approx(0.01, rel=0.05)


def test_a_loop_starts_anywhere_and_goes_round(tmp_path: Path) -> None:
    noise = noise_file(tmp_path, 0.1 * np.random.default_rng(0).standard_normal(2 * RATE))
    starts = [draw_piece(noise, MixRecipe(segment="loop"), Draws(seed, "x"), RATE)[1] for seed in range(40)]
    assert max(starts) > RATE  # where a random cut could not start
    assert draw_piece(noise, MixRecipe(segment="loop"), Draws(0, "x"), RATE)[0].size == RATE


def test_the_loudest_piece_is_found(tmp_path: Path) -> None:
    samples = 0.01 * np.random.default_rng(0).standard_normal(RATE * 10)
    samples[RATE * 6 : RATE * 8] *= 20
    piece, start = draw_piece(noise_file(tmp_path, samples), MixRecipe(segment="loud"), Draws(0, "x"), RATE * 2)
    assert start == RATE * 6
    assert np.std(piece) == pytest.approx(0.2, rel=0.05)


def test_a_quiet_piece_is_drawn_again_and_an_all_quiet_noise_refused(tmp_path: Path) -> None:
    samples = 1e-5 * np.random.default_rng(0).standard_normal(RATE * 10)  # -100 dBFS of hiss, one loud second
    with pytest.raises(SilentSource, match="every drawn piece"):
        draw_piece(noise_file(tmp_path, samples), MixRecipe(), Draws(0, "x"), RATE)
    samples[RATE * 5 :] *= 1e4
    for seed in range(10):
        piece, _ = draw_piece(noise_file(tmp_path, samples), MixRecipe(), Draws(seed, "x"), RATE)
        assert np.mean(piece.astype(float) ** 2) > 1e-8


def test_a_noise_is_searched_for_its_loudest_piece_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    samples = 0.01 * np.ones(RATE * 4)
    samples[2 * RATE : 3 * RATE] = 0.5
    noise, recipe = noise_file(tmp_path, samples), MixRecipe(segment="loud")
    num_read = []

    def read(source: Utterance, how: MixRecipe, start: int, num_samples: int) -> npt.NDArray[np.float32]:
        num_read.append(num_samples)
        return read_part(source, how, start, num_samples)

    monkeypatch.setattr(segments, "read_part", read)
    starts = [draw_piece(noise, recipe, Draws(seed, "x"), RATE)[1] for seed in range(3)]
    assert starts == [2 * RATE] * 3
    assert num_read == [RATE * 4, RATE, RATE, RATE]
