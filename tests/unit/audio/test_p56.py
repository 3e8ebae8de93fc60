import math
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from hypothesis import given, settings
from hypothesis import strategies as st

from merit_cli.assets import bundled
from merit_cli.audio.p56 import P56_MARGIN_DB, p56_level
from merit_cli.audio.powers import mean_power
from merit_cli.units import power_to_db

RATE = 16000


def naive_p56(samples: np.ndarray, rate: int, thresholds: list[float]) -> tuple[float, float]:
    """Clause 8 of the Recommendation, sample by sample: level in dB and activity factor."""
    g = math.exp(-1.0 / (0.03 * rate))
    hangover = math.ceil(0.2 * rate - 1e-9)
    counts, hangs = [0] * len(thresholds), [hangover] * len(thresholds)
    p = q = energy = 0.0
    for x in samples.tolist():
        energy += x * x
        p = g * p + (1.0 - g) * abs(x)
        q = g * q + (1.0 - g) * p
        for j, threshold in enumerate(thresholds):
            if q >= threshold:
                counts[j] += 1
                hangs[j] = 0
            elif hangs[j] < hangover:
                counts[j] += 1
                hangs[j] += 1
    previous = (0.0, 0.0)
    for count, threshold in zip(counts, thresholds, strict=True):
        if count == 0:
            break
        level = 10.0 * math.log10(energy / count)
        over = level - 20.0 * math.log10(threshold)
        if over <= P56_MARGIN_DB:
            before, over_before = previous
            share = (over_before - P56_MARGIN_DB) / (over_before - over)
            level = before + share * (level - before)
            break
        previous = (level, over)
    return level, energy / 10.0 ** (level / 10.0) / samples.size


def bursts(duty: float, seed: int = 0, rate: int = RATE, duration: float = 2.0) -> np.ndarray:
    time = np.arange(round(duration * rate)) / rate
    return 0.2 * np.random.default_rng(seed).standard_normal(time.size) * ((time % 1.0) < duty)


def prompts() -> list[Path]:
    found = sorted(bundled("data_manifests/sample").glob("speech/*/*.flac"))
    assert len(found) > 10
    return found


@pytest.mark.parametrize("rate", [8000, 16000, 11025])
@pytest.mark.parametrize("duty", [0.3, 1.0])
def test_p56_on_full_scale_thresholds_is_the_loop_of_the_recommendation(duty: float, rate: int) -> None:
    samples = bursts(duty, rate=rate, duration=1.5)
    level_db, activity = naive_p56(samples, rate, [2.0**-j for j in range(15, 0, -1)])
    ours = p56_level(samples, rate, full_scale=1.0)
    assert power_to_db(ours.power) == pytest.approx(level_db, abs=1e-6)
    assert ours.activity == pytest.approx(activity, abs=1e-6)


def test_p56_of_speech_is_the_loop_of_the_recommendation_on_our_thresholds() -> None:
    samples, rate = sf.read(prompts()[0])
    lowest = math.sqrt(float(np.mean(samples**2))) * 10.0 ** (-P56_MARGIN_DB / 20.0)
    level_db, activity = naive_p56(samples, rate, [lowest * 2.0**j for j in range(8)])
    ours = p56_level(samples, rate)
    assert power_to_db(ours.power) == pytest.approx(level_db, abs=1e-6)
    assert ours.activity == pytest.approx(activity, abs=1e-6)


def test_thresholds_from_the_rms_move_the_level_of_speech_by_less_than_the_grid_itself_does() -> None:
    # 0.2 dB is how far apart levels on the Recommendation's grid lie for one utterance at several gains
    for path in prompts():
        samples, rate = sf.read(path)
        literal = power_to_db(p56_level(samples, rate, full_scale=1.0).power)
        assert power_to_db(p56_level(samples, rate).power) == pytest.approx(literal, abs=0.2), path.name


@settings(max_examples=80, deadline=None)
@given(
    gain_db=st.floats(-70.0, 40.0),
    duty=st.floats(0.05, 1.0),
    rate=st.sampled_from([8000, 16000, 22050, 48000]),
    duration=st.floats(0.01, 1.5),
    seed=st.integers(0, 10_000),
)
def test_p56_follows_any_gain_and_is_never_below_the_rms(
    gain_db: float, duty: float, rate: int, duration: float, seed: int
) -> None:
    samples = bursts(duty, seed, rate, duration)
    before, after = p56_level(samples, rate), p56_level(samples * 10.0 ** (gain_db / 20.0), rate)
    assert power_to_db(after.power) - power_to_db(before.power) == pytest.approx(gain_db, abs=0.001)
    assert power_to_db(before.power) >= power_to_db(mean_power(samples)) - 1e-9
    assert 0.0 < before.activity <= 1.0


def test_p56_does_not_depend_on_where_the_blocks_of_the_filter_end() -> None:
    samples = bursts(0.4, duration=4.0)
    level_db, activity = naive_p56(samples[20_000:60_000], RATE, [2.0**-j for j in range(15, 0, -1)])
    ours = p56_level(samples[20_000:60_000], RATE, full_scale=1.0)
    assert power_to_db(ours.power) == pytest.approx(level_db, abs=1e-6)
    assert ours.activity == pytest.approx(activity, abs=1e-6)


def test_p56_of_steady_noise_is_its_rms() -> None:
    noise = bursts(1.0, duration=10.0)
    assert power_to_db(p56_level(noise, RATE).power) == pytest.approx(power_to_db(mean_power(noise)), abs=0.02)


def test_p56_does_not_count_long_pauses() -> None:
    whole = bursts(1.0, duration=4.0)
    padded = np.concatenate([np.zeros(4 * RATE), whole, np.zeros(4 * RATE)])
    # the hangover of 200 ms and the envelope's decay are counted beside the four seconds
    assert p56_level(padded, RATE).activity == pytest.approx(4.3 / 12.0, abs=0.01)
    assert power_to_db(p56_level(padded, RATE).power) == pytest.approx(power_to_db(mean_power(whole)), abs=0.4)


def test_a_click_moves_the_level_of_speech_by_less_than_its_energy() -> None:
    samples, rate = sf.read(prompts()[0])
    clicked = samples.copy()
    clicked[samples.size // 2] = 1.0
    extra_db = 10.0 * math.log10(float(np.sum(clicked**2) / np.sum(samples**2)))
    moved_db = power_to_db(p56_level(clicked, rate).power) - power_to_db(p56_level(samples, rate).power)
    assert 0.0 <= moved_db <= extra_db + 0.1


@pytest.mark.parametrize("num_samples", [1, 2, 100, 1600, 3200, 100_000])
def test_an_impulse_has_a_finite_level_between_its_rms_and_its_peak(num_samples: int) -> None:
    impulse = np.zeros(num_samples)
    impulse[0] = 0.5
    power, activity = p56_level(impulse, RATE)
    assert 0.25 / num_samples <= power * (1 + 1e-9) <= 0.25 * (1 + 2e-9)
    assert 0.0 < activity <= 1.0


@pytest.mark.parametrize("rate", [8000, 16000, 48000])
def test_a_constant_has_its_own_power_from_quiet_to_loud(rate: int) -> None:
    for amplitude in (1e-4, 1.0):  # -80 and 0 dBFS
        power, activity = p56_level(np.full(3 * rate, amplitude), rate)
        assert power == pytest.approx(amplitude**2, rel=0.02)
        assert activity > 0.98


def test_minutes_of_digital_silence_leave_the_level_as_it_was() -> None:
    burst = bursts(1.0, duration=1.0)
    short = np.concatenate([burst, np.zeros(RATE)])
    long = np.concatenate([burst, np.zeros(60 * RATE)])
    assert p56_level(long, RATE).power == pytest.approx(p56_level(short, RATE).power, rel=0.05)
