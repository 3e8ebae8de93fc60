"""What the spectral enhancers do to noise: analytic signals and speech in white noise."""

from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import soundfile

from merit_cli.audio.noise_tracking import initial_noise
from merit_cli.audio.stft import process_frames
from merit_cli.enhancers import spectral_engine
from merit_cli.enhancers.contract import EnhancerConfig
from merit_cli.enhancers.mmse_lsa import MmseLsaConfig
from merit_cli.enhancers.mmse_stsa import MmseStsaConfig
from merit_cli.enhancers.om_lsa import OmLsaConfig
from merit_cli.enhancers.select import enhancer_config
from merit_cli.enhancers.spectral_engine import PRESENCE_BIAS, TRACKERS
from merit_cli.enhancers.spectral_gate import SpectralGateConfig
from merit_cli.enhancers.spectral_subtraction import SpectralSubtractionConfig
from merit_cli.enhancers.wiener import WienerConfig
from merit_cli.errors import UsageError
from merit_cli.metrics.signal import si_sdr_db

FloatArray = npt.NDArray[np.float32]
CONFIGS: list[EnhancerConfig] = [
    MmseLsaConfig(),
    SpectralGateConfig(),
    SpectralSubtractionConfig(),
    WienerConfig(),
    MmseStsaConfig(),
    OmLsaConfig(),
    MmseLsaConfig(noise="imcra"),
    OmLsaConfig(noise="imcra"),
]
ids = [f"{config.name}-{getattr(config, 'noise', 'spp')}" for config in CONFIGS]


def _white(num_samples: int, seed: int = 0) -> FloatArray:
    return np.random.default_rng(seed).standard_normal(num_samples).astype(np.float32)


@pytest.fixture(scope="module")
def clean(speech_folder: Path) -> FloatArray:
    return np.concatenate([soundfile.read(path, dtype="float32")[0] for path in sorted(speech_folder.iterdir())])


@pytest.fixture(scope="module")
def noisy_at_0_db(clean: FloatArray) -> FloatArray:
    noise = _white(len(clean))
    return clean + noise * np.float32(np.sqrt(np.mean(clean**2) / np.mean(noise**2)))


def _gain_db(config: EnhancerConfig, clean: FloatArray, noisy: FloatArray) -> float:
    enhanced = config.build()(noisy, 16000)
    return si_sdr_db(clean, enhanced, sample_rate=16000) - si_sdr_db(clean, noisy, sample_rate=16000)


@pytest.mark.parametrize("config", CONFIGS, ids=ids)
def test_si_sdr_rises_in_white_noise_by_3_db(
    config: EnhancerConfig, clean: FloatArray, noisy_at_0_db: FloatArray
) -> None:
    assert _gain_db(config, clean, noisy_at_0_db) > 3


@pytest.mark.parametrize("config", [WienerConfig(), MmseLsaConfig(), OmLsaConfig()], ids=["wiener", "lsa", "om-lsa"])
def test_estimators_of_speech_raise_it_by_6_db(
    config: EnhancerConfig, clean: FloatArray, noisy_at_0_db: FloatArray
) -> None:
    assert _gain_db(config, clean, noisy_at_0_db) > 6


def test_mmse_lsa_beats_the_gate_in_white_noise(clean: FloatArray, noisy_at_0_db: FloatArray) -> None:
    lsa, gate = (_gain_db(config, clean, noisy_at_0_db) for config in (MmseLsaConfig(), SpectralGateConfig()))
    assert lsa > gate


@pytest.mark.parametrize(
    ("config", "floor_db"),
    [
        (MmseLsaConfig(min_gain_db=-20), -20),
        (WienerConfig(min_gain_db=-20), -20),
        (OmLsaConfig(min_gain_db=-20), -20),
        (SpectralGateConfig(reduction_db=-20, threshold_db=12), -20),
    ],
    ids=["mmse-lsa", "wiener", "om-lsa", "spectral-gate"],
)
def test_noise_alone_is_turned_down_to_near_the_floor(config: EnhancerConfig, floor_db: float) -> None:
    noise = _white(64000)
    settled = slice(32000, None)
    left_db = 10 * np.log10(np.mean(config.build()(noise, 16000)[settled] ** 2) / np.mean(noise[settled] ** 2))
    assert floor_db - 0.5 < left_db < floor_db + 6


@pytest.mark.parametrize("config", CONFIGS, ids=ids)
def test_a_tone_30_db_above_the_noise_keeps_its_level(config: EnhancerConfig) -> None:
    n = np.arange(32000)
    bursts = (n // 4000) % 2  # a tone that never stops would be noise
    tone = (np.sin(2 * np.pi * 1000 * n / 16000) * bursts).astype(np.float32)
    enhanced = config.build()(tone + _white(32000) * np.float32(0.022), 16000)
    inside = slice(29000, 31000)
    assert np.sqrt(np.mean(enhanced[inside] ** 2)) == pytest.approx(np.sqrt(0.5), rel=0.1)


@pytest.mark.parametrize("config", CONFIGS, ids=ids)
def test_blocks_give_the_whole(config: EnhancerConfig, clean: FloatArray, monkeypatch: pytest.MonkeyPatch) -> None:
    noisy = clean + 0.05 * _white(len(clean))
    whole = config.build()(noisy, 16000)
    monkeypatch.setattr(spectral_engine, "process_frames", partial(process_frames, block_frames=260))
    blocked = config.build()(noisy, 16000)
    assert len(noisy) > 2 * 260 * 128
    error_db = 10 * np.log10(np.sum((blocked - whole) ** 2) / np.sum(whole**2) + 1e-30)
    assert error_db < -60


@pytest.mark.parametrize("config", CONFIGS, ids=ids)
def test_digital_silence_before_the_noise_does_no_harm(config: EnhancerConfig, noisy_at_0_db: FloatArray) -> None:
    """The noise is learnt from where it begins, so the gain of the rest is as without the silence."""
    enhanced = config.build()(np.concatenate([np.zeros(48000, np.float32), noisy_at_0_db]), 16000)
    assert np.abs(enhanced[:47000]).max() == 0
    alone = config.build()(noisy_at_0_db, 16000)
    level = [10 * np.log10(np.mean(x**2)) for x in (enhanced[48000:], alone)]
    assert level[0] == pytest.approx(level[1], abs=0.5)


@pytest.mark.parametrize("config", CONFIGS, ids=ids)
def test_a_gap_of_digital_silence_makes_no_burst_of_noise(config: EnhancerConfig) -> None:
    noise = _white(64000)
    noise[24000:40000] = 0.0
    enhanced = config.build()(noise, 16000)
    level_db = [10 * np.log10(np.mean(enhanced[part] ** 2)) for part in (slice(12000, 23000), slice(40600, 51600))]
    assert level_db[1] == pytest.approx(level_db[0], abs=2.5)


@pytest.mark.parametrize("config", CONFIGS, ids=ids)
def test_noise_that_starts_10_db_louder_is_down_again_after_a_second(config: EnhancerConfig) -> None:
    noise = _white(80000)
    noise[40000:] *= 3.16
    enhanced = config.build()(noise, 16000)
    left_db = [
        10 * np.log10(np.mean(enhanced[part] ** 2) / np.mean(noise[part] ** 2))
        for part in (slice(20000, 36000), slice(56000, 72000))
    ]
    assert left_db[1] < left_db[0] + 3


@pytest.mark.parametrize("config", CONFIGS, ids=ids)
def test_the_engine_does_not_depend_on_the_level(config: EnhancerConfig, clean: FloatArray) -> None:
    """A gain by a power of two is the same gain on every sample."""
    noisy = clean + 0.05 * _white(len(clean))
    engine = config.engine()
    made, wanted = engine.process(np.float32(16) * noisy, 16000), np.float32(16) * engine.process(noisy, 16000)
    assert 10 * np.log10(np.sum((made - wanted) ** 2) / np.sum(wanted**2) + 1e-30) < -80


@pytest.mark.parametrize("config", CONFIGS, ids=ids)
def test_a_switched_tone_leaves_no_click_where_blocks_join(
    config: EnhancerConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A click is broad: the energy far above the tone, in 10 ms around each join, is that of anywhere else."""
    n = np.arange(64000)
    tone = (np.sin(2 * np.pi * 500 * n / 16000) * np.clip(np.sin(2 * np.pi * 1.5 * n / 16000), 0, None)).astype(
        np.float32
    )
    monkeypatch.setattr(spectral_engine, "process_frames", partial(process_frames, block_frames=50))
    enhanced = config.build()(tone + 0.001 * _white(64000), 16000)
    high = np.diff(enhanced, n=4)
    joins = np.arange(50 * 128, 63000, 50 * 128)
    around = np.concatenate([high[join - 80 : join + 80] for join in joins])
    assert np.abs(around).max() <= 1.5 * np.quantile(np.abs(high), 0.9999)


def test_noise_of_both_is_the_mean_of_the_two_in_decibels() -> None:
    power = np.random.default_rng(0).exponential(size=(400, 65)).astype(np.float32)
    opening = initial_noise(power[:200])
    minima, presence, both = (TRACKERS[name](opening, 0.008)(power) for name in ("imcra", "spp", "both"))
    kept = presence[: len(minima)] * PRESENCE_BIAS
    assert both == pytest.approx(np.sqrt(minima * kept), rel=1e-5)


def test_noise_db_lowers_what_is_left_of_noise(noisy_at_0_db: FloatArray) -> None:
    left = [np.sum(MmseLsaConfig(noise_db=more).build()(noisy_at_0_db, 16000) ** 2) for more in (-3, 0, 3)]
    assert left[0] > left[1] > left[2]


@pytest.mark.parametrize(
    ("name", "parameter", "value"),
    [
        ("wiener", "smoothing", 1.0),
        ("mmse-stsa", "noise_db", 30),
        ("om-lsa", "max_absence", 1.0),
        ("om-lsa", "noise", "oracle"),
        ("spectral-subtraction", "exponent", 0),
        ("low-pass", "cutoff_hz", 0),
    ],
)
def test_a_parameter_out_of_range_is_refused_by_name(name: str, parameter: str, value: object) -> None:
    with pytest.raises(UsageError) as caught:
        enhancer_config({"name": name, parameter: value})
    assert parameter in str(caught.value)
