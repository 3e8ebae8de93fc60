import numpy as np
import pytest

from merit_cli.audio.levels import mean_power
from merit_cli.audio.pitch import pitch_marks, pitch_track
from merit_cli.audio.prosody import change_level, change_prosody, change_tilt, changed_length
from merit_cli.units import power_to_db

RATE = 16000


def voice(pitch_hz: np.ndarray | float, seconds: float = 0.8) -> np.ndarray:
    """Harmonics falling by 6 dB an octave, at a fixed or moving pitch."""
    phase = np.cumsum(np.broadcast_to(pitch_hz, round(seconds * RATE))) * 2 * np.pi / RATE
    return 0.1 * sum(np.sin(k * phase + k) / k for k in range(1, 8))


def median_pitch(samples: np.ndarray) -> float:
    track = pitch_track(samples, RATE)
    return float(np.median(track[track > 0.0]))


@pytest.mark.parametrize("pitch_hz", [110.0, 200.0, 300.0])
@pytest.mark.parametrize("semitones", [-5.0, -2.0, 5.0])
def test_pitch_moves_by_the_asked_semitones(pitch_hz: float, semitones: float) -> None:
    tone = voice(pitch_hz)
    moved = change_prosody(tone, pitch_marks(tone, RATE), semitones=semitones)
    assert median_pitch(moved) == pytest.approx(pitch_hz * 2 ** (semitones / 12), rel=0.01)


def test_the_moved_tone_has_its_harmonics_where_an_independent_spectrum_finds_them() -> None:
    tone = voice(200.0)
    moved = change_prosody(tone, pitch_marks(tone, RATE), semitones=4.0)[2000:-2000]
    spectrum = np.abs(np.fft.rfft(moved * np.hanning(len(moved)), 1 << 18))
    peak_hz = float(np.argmax(spectrum[: round(400 / RATE * 2**18)])) * RATE / 2**18
    assert peak_hz == pytest.approx(200.0 * 2 ** (4 / 12), rel=0.01)


@pytest.mark.parametrize("rate", [0.8, 1.0, 1.25])
def test_rate_scales_the_duration_and_keeps_the_pitch(rate: float) -> None:
    tone = voice(180.0)
    spoken = change_prosody(tone, pitch_marks(tone, RATE), rate=rate)
    assert len(spoken) == changed_length(len(tone), rate) == round(len(tone) / rate)
    assert median_pitch(spoken) == pytest.approx(180.0, rel=0.01)


def test_rate_moves_an_event_in_time_within_one_frame() -> None:
    noise = 0.001 * np.random.default_rng(0).standard_normal(RATE)
    noise[8000:8400] += 0.5 * np.sin(2 * np.pi * 1000 * np.arange(400) / RATE)
    spoken = change_prosody(noise, pitch_marks(noise, RATE), rate=0.8)
    onset = int(np.flatnonzero(np.abs(spoken) > 0.1)[0])
    assert onset == pytest.approx(8000 / 0.8, abs=160)


def test_neutral_values_give_the_input_back() -> None:
    rng = np.random.default_rng(1)
    mixed = np.concatenate([0.01 * rng.standard_normal(3000), voice(150.0, 0.4), np.zeros(1000), voice(260.0, 0.3)])
    np.testing.assert_allclose(change_prosody(mixed, pitch_marks(mixed, RATE)), mixed, atol=1e-12)


def test_pitch_range_widens_the_excursions_around_the_median() -> None:
    glide = voice(200.0 * 2 ** (0.25 * np.sin(2 * np.pi * 1.5 * np.arange(2 * RATE) / RATE)), 2.0)
    wide = change_prosody(glide, pitch_marks(glide, RATE), pitch_range=1.5)

    def spread(samples: np.ndarray) -> float:
        track = pitch_track(samples, RATE)
        return float(np.std(np.log2(track[track > 0.0])))

    assert spread(wide) / spread(glide) == pytest.approx(1.5, rel=0.1)


def test_a_raised_pitch_keeps_the_spectral_envelope() -> None:
    """A resonance at 1 kHz stays within one harmonic of where it was; resampling would move it by 26 %."""
    harmonics = np.arange(1, 60)
    heights = 1.0 / (1.0 + ((harmonics * 130.0 - 1000.0) / 120.0) ** 2)
    time = np.arange(RATE) / RATE
    tone = 0.05 * np.sum(heights[:, None] * np.cos(2 * np.pi * 130.0 * harmonics[:, None] * time), axis=0)
    moved = change_prosody(tone, pitch_marks(tone, RATE), semitones=4.0)
    spectrum = np.abs(np.fft.rfft(moved * np.hanning(len(moved))))
    assert float(np.argmax(spectrum)) * RATE / len(moved) == pytest.approx(1000.0, abs=130.0 * 2 ** (4 / 12) / 2 + 10)


def test_artefacts_are_bounded_by_the_input_level() -> None:
    noise = 0.1 * np.random.default_rng(2).standard_normal(RATE)
    changed = change_prosody(noise, pitch_marks(noise, RATE), semitones=5.0, rate=0.9, pitch_range=1.5)
    assert np.max(np.abs(changed)) <= np.max(np.abs(noise)) * 1.5
    assert power_to_db(mean_power(changed)) == pytest.approx(power_to_db(mean_power(noise)), abs=2.0)


@pytest.mark.parametrize("samples", [np.zeros(4000), np.zeros(1), 0.01 * np.ones(50)])
def test_silence_and_very_short_input_go_through(samples: np.ndarray) -> None:
    changed = change_prosody(samples, pitch_marks(samples, RATE), semitones=3.0, rate=0.9)
    assert len(changed) == round(len(samples) / 0.9)
    assert np.isfinite(changed).all()


def test_pitch_track_calls_noise_unvoiced_and_a_tone_voiced() -> None:
    noise = 0.1 * np.random.default_rng(3).standard_normal(RATE)
    assert np.mean(pitch_track(noise, RATE) > 0.0) < 0.1
    assert np.mean(pitch_track(voice(200.0), RATE) > 0.0) > 0.95


@pytest.mark.parametrize("pitch_hz", [100.0, 220.0, 400.0])
def test_marks_of_a_tone_lie_one_period_apart(pitch_hz: float) -> None:
    tone = voice(pitch_hz)
    marks = pitch_marks(tone, RATE)
    voiced = (marks.pitch[:-1] > 0.0) & (marks.pitch[1:] > 0.0)
    steps = np.diff(marks.positions)[voiced]
    assert abs(steps.mean() - RATE / pitch_hz) < 1.0
    assert marks.positions[0] == 0
    assert marks.positions[-1] == len(tone)
    assert (np.diff(marks.positions) > 0).all()


@pytest.mark.parametrize(("frequency", "gain_db"), [(500.0, -3.0), (1000.0, 0.0), (2000.0, 3.0), (4000.0, 6.0)])
def test_tilt_has_the_asked_slope(frequency: float, gain_db: float) -> None:
    tone = np.sin(2 * np.pi * frequency * np.arange(RATE) / RATE) * np.hanning(RATE)
    tilted = change_tilt(tone, RATE, db_per_octave=3.0)
    assert power_to_db(mean_power(tilted) / mean_power(tone)) == pytest.approx(gain_db, abs=0.05)


@pytest.mark.parametrize("level_db", [-12.0, 0.5, 6.0])
def test_level_changes_by_the_asked_decibels(level_db: float) -> None:
    tone = voice(200.0)
    assert power_to_db(mean_power(change_level(tone, level_db=level_db)) / mean_power(tone)) == pytest.approx(
        level_db, abs=0.01
    )


def test_inputs_are_left_as_they_were() -> None:
    tone = voice(200.0).astype(np.float32)
    kept = tone.copy()
    marks = pitch_marks(tone, RATE)
    change_tilt(change_prosody(tone, marks, semitones=2.0), RATE, db_per_octave=1.0)
    np.testing.assert_array_equal(tone, kept)
