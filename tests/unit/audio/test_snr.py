import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from merit_cli.audio.levels import LevelName
from merit_cli.audio.snr import PEAK_LIMIT, is_silent, measure_snr_db, mix_at_snr

RATE = 16000


@settings(max_examples=60, deadline=None)
@given(
    snr_db=st.floats(-20, 40),
    level=st.sampled_from(["rms", "active", "p56"]),
    num_samples=st.integers(RATE // 4, RATE),
    loudness=st.floats(0.001, 0.9),
    seed=st.integers(0, 1000),
)
def test_a_mixture_has_the_requested_snr_and_never_clips(
    snr_db: float, level: LevelName, num_samples: int, loudness: float, seed: int
) -> None:
    generator = np.random.default_rng(seed)
    gate = np.sin(np.arange(num_samples) * 2 * np.pi * 3 / RATE) > -0.5
    clean = (loudness * np.clip(generator.standard_normal(num_samples) / 3, -1, 1) * gate).astype(np.float32)
    noise = (0.1 * generator.standard_normal(num_samples)).astype(np.float32)
    mix = mix_at_snr(clean, noise, snr_db, sample_rate=RATE, level=level)
    assert measure_snr_db(mix.noisy, mix.clean, sample_rate=RATE, level=level) == pytest.approx(snr_db, abs=0.01)
    assert max(np.abs(part).max() for part in (mix.noisy, mix.clean, mix.noise)) <= PEAK_LIMIT + 1e-6


def test_the_parts_add_up_after_a_shared_gain() -> None:
    clean = np.full(100, 0.9, np.float32)
    mix = mix_at_snr(clean, clean, 0.0, sample_rate=RATE, level="rms")
    assert mix.shared_gain < 1.0
    assert np.allclose(mix.noisy, mix.clean + mix.noise, atol=1e-12)
    assert np.allclose(mix.clean, clean * mix.shared_gain)


def test_silence_is_seen() -> None:
    assert is_silent(np.zeros(10))
    assert not is_silent(np.full(10, 1e-3))
