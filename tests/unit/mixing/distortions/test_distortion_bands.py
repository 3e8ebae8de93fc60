import numpy as np
import pytest
from distortion_links import chirp

from merit_cli.errors import UsageError
from merit_cli.mixing.distortions.band_limit import BandLimitConfig, limit_band
from merit_cli.mixing.distortions.chain import distort_noisy, distort_speech, draw, draw_chain, keeps_ratio
from merit_cli.mixing.distortions.contract import Drawn, WideArray
from merit_cli.mixing.distortions.gain import GainConfig, change_gain
from merit_cli.mixing.distortions.resampling import resample_there_and_back
from merit_cli.mixing.distortions.stethoscope import StethoscopeConfig, through_stethoscope
from merit_cli.mixing.draws import Draws

RATE = 16000


def hiss(num_samples: int = RATE) -> WideArray:
    return 0.1 * np.random.default_rng(4).standard_normal(num_samples)


def band_energy(samples: WideArray, low_hz: float, high_hz: float) -> float:
    power = np.abs(np.fft.rfft(samples * np.hanning(samples.size))) ** 2  # a window, so that the ends do not leak
    frequencies = np.fft.rfftfreq(samples.size, 1.0 / RATE)
    return float(power[(frequencies >= low_hz) & (frequencies < high_hz)].sum())


def energy_share(samples: WideArray, low_hz: float, high_hz: float) -> float:
    return band_energy(samples, low_hz, high_hz) / band_energy(samples, 0.0, RATE)


def test_energy_outside_the_band_is_gone() -> None:
    limited = limit_band(hiss(), RATE, low_hz=300.0, high_hz=3400.0, order=8)
    assert energy_share(limited, 0.0, 200.0) < 1e-4
    assert energy_share(limited, 4500.0, 8001.0) < 1e-4
    assert energy_share(limited, 300.0, 3400.0) > 0.98


def test_a_tone_at_the_cut_is_6_db_down() -> None:
    tone = np.sin(2.0 * np.pi * 1000.0 * np.arange(RATE) / RATE)
    middle = limit_band(tone, RATE, high_hz=1000.0, order=4)[4000:12000]
    assert 20.0 * np.log10(np.abs(middle).max()) == pytest.approx(-6.02, abs=0.05)


def test_a_high_cut_over_half_the_rate_takes_nothing() -> None:
    assert np.array_equal(limit_band(hiss(), 8000, high_hz=4000.0, order=4), hiss())


def test_a_low_cut_over_half_the_rate_is_refused() -> None:
    with pytest.raises(UsageError, match="leaves nothing at 8000 Hz"):
        limit_band(hiss(), 8000, low_hz=4000.0, order=4)


def test_a_drawn_band_lies_in_its_ranges() -> None:
    link, draws = BandLimitConfig(low_hz=(50.0, 300.0), high_hz=3400.0), Draws(0, "band")
    lows = [draw(link, draws.uniform).parameters["low_hz"] for _ in range(100)]
    assert 50.0 <= min(lows) < 80.0
    assert 270.0 < max(lows) <= 300.0
    assert "low_hz" not in draw(BandLimitConfig(high_hz=3400.0), draws.uniform).parameters


def test_resampling_takes_what_lies_over_half_the_lower_rate() -> None:
    back = resample_there_and_back(hiss(), RATE, to_rate=8000)
    assert energy_share(back, 4000.0, 8001.0) < 1e-6
    assert band_energy(back - hiss(), 0.0, 3000.0) < 1e-6 * band_energy(hiss(), 0.0, 3000.0)


def test_a_rate_not_below_the_own_changes_nothing() -> None:
    assert np.array_equal(resample_there_and_back(hiss(), RATE, to_rate=RATE), hiss())


def test_a_stethoscope_keeps_almost_all_energy_under_the_measured_bounds() -> None:
    draws = Draws(0, "stethoscope")
    cuts = [draw(StethoscopeConfig(), draws.uniform).parameters["high_hz"] for _ in range(50)]
    assert 661.0 <= min(cuts) < max(cuts) <= 1356.0
    assert energy_share(through_stethoscope(hiss(), RATE, high_hz=1000.0), 0.0, 1356.0) > 0.99


def test_a_low_pass_on_speech_changes_the_target_too() -> None:
    drawn = Drawn("band_limit", "speech", {"high_hz": 1000.0, "order": 4})
    heard, target = distort_speech([drawn], hiss(), RATE)
    assert np.array_equal(heard, target)
    assert energy_share(target, 2000.0, 8001.0) < 1e-3


def test_a_channel_after_damage_meets_both_signals() -> None:
    drawn = [
        Drawn("clip", "speech", {"peak_share": 0.3, "shape": "hard"}),
        Drawn("band_limit", "speech", {"high_hz": 1000.0, "order": 4}),
    ]
    heard, target = distort_speech(drawn, hiss(), RATE)
    assert energy_share(target, 2000.0, 8001.0) < 1e-3
    np.testing.assert_array_equal(target, limit_band(hiss(), RATE, high_hz=1000.0, order=4))
    assert not np.allclose(heard, target)


def test_a_gain_on_the_mixture_keeps_the_ratio() -> None:
    drawn = draw_chain([GainConfig(gain_db=-12.0)], Draws(0, "gain").uniform)
    clean, noise = chirp(8000, RATE), hiss(8000)
    parts = distort_noisy(drawn, clean + noise, clean, noise, RATE)
    assert keeps_ratio(drawn)
    assert 10.0 * np.log10(np.mean(parts.clean**2) / np.mean(clean**2)) == pytest.approx(-12.0, abs=1e-5)
    assert np.sum(parts.clean**2) / np.sum(parts.noise**2) == pytest.approx(np.sum(clean**2) / np.sum(noise**2))


def test_a_gain_is_rounded_to_float32() -> None:
    gain = float(change_gain(np.array([1.0]), RATE, gain_db=-3.0)[0])
    assert gain == float(np.float32(gain)) == float(np.float32(10 ** (-3 / 20)))


def test_a_band_limit_on_the_mixture_moves_the_ratio() -> None:
    assert not keeps_ratio([Drawn("band_limit", "noisy", {"high_hz": 1000.0, "order": 4})])
