"""Prosody: known pitches in, known errors out."""

import numpy as np
import numpy.typing as npt
import pytest

from merit_cli.errors import BadData
from merit_cli.metrics.prosody import energy_correlation, f0_gross_error, f0_rmse_cents, voicing_error

Array = npt.NDArray[np.float64]
RATE = 16000


def voice(pitch_hz: Array) -> Array:
    """A buzz of ten harmonics at this pitch, one value a sample."""
    phase = 2 * np.pi * np.cumsum(pitch_hz) / RATE
    return np.asarray(sum(np.sin(k * phase) / k for k in range(1, 11)) * 0.1)


STEADY = voice(np.full(RATE, 150.0))


@pytest.mark.parametrize("semitones", [-3.0, -0.5, 1.0, 4.0])
def test_a_transposed_voice_is_off_by_its_interval(semitones: float) -> None:
    moved = voice(np.full(RATE, 150.0 * 2 ** (semitones / 12)))
    assert f0_rmse_cents(STEADY, moved, sample_rate=RATE) == pytest.approx(100 * abs(semitones), abs=5.0)
    assert voicing_error(STEADY, moved, sample_rate=RATE) < 0.05


def test_a_flattened_melody_is_off_by_its_deviation() -> None:
    depth = 200.0 * np.sin(2 * np.pi * 2 * np.arange(2 * RATE) / RATE)  # cents
    melody = voice(150.0 * 2 ** (depth / 1200))
    flat = voice(np.full(2 * RATE, 150.0))
    assert f0_rmse_cents(melody, flat, sample_rate=RATE) == pytest.approx(200 / np.sqrt(2), rel=0.05)


def test_an_octave_off_for_half_the_time_is_gross_in_half_the_frames() -> None:
    half = np.where(np.arange(RATE) < RATE // 2, 150.0, 300.0)
    assert f0_gross_error(STEADY, voice(half), sample_rate=RATE) == pytest.approx(0.5, abs=0.05)
    assert f0_gross_error(STEADY, voice(np.full(RATE, 150.0 * 1.15)), sample_rate=RATE) == 0.0


def test_a_long_signal_is_tracked_to_its_end() -> None:
    long = np.tile(STEADY, 31)
    late = np.concatenate([long[: 30 * RATE], voice(np.full(RATE, 150.0 * 2 ** (4 / 12)))])
    assert f0_rmse_cents(long, late, sample_rate=RATE) == pytest.approx(400 / np.sqrt(31), rel=0.05)


def test_pitch_does_not_change_with_the_level() -> None:
    assert f0_rmse_cents(STEADY, 0.1 * STEADY, sample_rate=RATE) == pytest.approx(0.0, abs=1e-6)


def test_a_voice_muted_for_half_the_time_is_wrong_in_half_the_frames() -> None:
    muted = np.where(np.arange(RATE) < RATE // 2, STEADY, 0.0)
    assert voicing_error(STEADY, muted, sample_rate=RATE) == pytest.approx(0.5, abs=0.04)
    assert f0_rmse_cents(STEADY, muted, sample_rate=RATE) < 20.0  # over what both still have


def test_without_a_common_voice_pitch_is_refused_and_voicing_is_not() -> None:
    with pytest.raises(BadData, match="frames are voiced in both signals") as caught:
        f0_rmse_cents(STEADY, np.zeros(RATE), sample_rate=RATE)
    assert "see voicing_error" in caught.value.hint
    assert voicing_error(STEADY, np.zeros(RATE), sample_rate=RATE) > 0.9


def test_energy_correlation_is_that_of_the_levels() -> None:
    rng = np.random.default_rng(0)
    noise = rng.standard_normal(2 * RATE)
    loud = 10 ** (15 * np.sin(np.arange(2 * RATE) / 3000.0) / 20)
    assert energy_correlation(noise * loud, noise * loud**0.5, sample_rate=RATE) == pytest.approx(1.0, abs=0.02)
    assert energy_correlation(noise * loud, noise / loud, sample_rate=RATE) < -0.9


def test_a_level_that_never_changes_is_refused() -> None:
    swelling = STEADY * np.linspace(0.1, 1.0, RATE)
    with pytest.raises(BadData, match="level of the processed signal never changes"):
        energy_correlation(swelling, np.zeros(RATE), sample_rate=RATE)


@pytest.mark.parametrize("metric", [f0_rmse_cents, f0_gross_error, voicing_error, energy_correlation])
@pytest.mark.parametrize(
    ("clean", "processed", "words"),
    [
        (np.zeros(RATE), STEADY, "silent"),
        (STEADY, STEADY[:-1], "lengths differ"),
        (STEADY, np.where(np.arange(RATE) == 5, np.nan, STEADY), "NaN"),
        (STEADY[:1000], STEADY[:1000], "too short for prosody"),
    ],
)
def test_bad_signals_are_refused_in_words(metric, clean: Array, processed: Array, words: str) -> None:  # noqa: ANN001
    with pytest.raises(BadData, match=words):
        metric(clean, processed, sample_rate=RATE)
