import numpy as np
import pytest
import soundfile as sf

from merit_cli.assets import bundled
from merit_cli.audio.powers import mean_power
from merit_cli.audio.vad import HANGOVER_HOPS, hop_length, speech_mask, vad_level
from merit_cli.units import power_to_db

RATE = 16000


def white(num_samples: int, power: float, seed: int = 0) -> np.ndarray:
    return np.sqrt(power) * np.random.default_rng(seed).standard_normal(num_samples)


def spaced_prompts(pause: float = 1.0, number: int = 6) -> tuple[np.ndarray, float, np.ndarray]:
    """Bundled prompts with silence between, the share of speech, and the prompts alone."""
    found = sorted(bundled("data_manifests/sample").glob("speech/*/*.flac"))[:number]
    assert len(found) == number
    prompts = [sf.read(path)[0] for path in found]
    silence = np.zeros(round(pause * RATE))
    spaced = np.concatenate([silence, *[part for prompt in prompts for part in (prompt, silence)]])
    alone = np.concatenate(prompts)
    return spaced, alone.size / spaced.size, alone


def test_tone_bursts_are_found_to_the_hop() -> None:
    time = np.arange(4 * RATE) / RATE
    on = (time % 1.0) < 0.5
    mask = speech_mask(0.1 * np.sin(2 * np.pi * 440 * time) * on, RATE)
    truth = on[:: hop_length(RATE)]
    assert mask[truth].all()
    assert int((mask & ~truth).sum()) <= 4 * (HANGOVER_HOPS + 2)  # a frame reaches half a hop over either edge


@pytest.mark.parametrize("rate", [8000, 16000, 44100, 48000])
def test_noise_bursts_clear_of_the_floor_are_found_at_any_rate(rate: int) -> None:
    time = np.arange(4 * rate) / rate
    gate = (time % 1.0) < 0.5
    samples = white(time.size, 0.01) * gate + white(time.size, 1e-5, seed=1)
    assert vad_level(samples, rate).activity == pytest.approx(0.6, abs=0.03)  # the hangover adds 0.1


def test_activity_of_speech_in_silence_and_in_noise_is_near_the_truth() -> None:
    spaced, truth, alone = spaced_prompts()
    noisy = spaced + white(spaced.size, mean_power(alone) / 100.0)
    assert vad_level(spaced, RATE).activity == pytest.approx(truth, abs=0.06)
    assert vad_level(noisy, RATE).activity == pytest.approx(truth, abs=0.06)


def test_level_of_speech_does_not_depend_on_the_pauses_around_it() -> None:
    spaced, _, alone = spaced_prompts()
    assert power_to_db(vad_level(spaced, RATE).power) == pytest.approx(
        power_to_db(vad_level(alone, RATE).power), abs=0.5
    )


def test_noise_twenty_db_down_moves_the_level_of_speech_by_half_a_db_at_most() -> None:
    spaced, _, alone = spaced_prompts()
    noisy = spaced + white(spaced.size, mean_power(alone) / 100.0)
    assert power_to_db(vad_level(noisy, RATE).power) == pytest.approx(
        power_to_db(vad_level(spaced, RATE).power), abs=0.5
    )


@pytest.mark.parametrize("num_samples", [0, 1, 159, 16000])
def test_silence_holds_no_speech_and_has_no_level(num_samples: int) -> None:
    assert not speech_mask(np.zeros(num_samples), RATE).any()
    assert vad_level(np.zeros(num_samples), RATE) == (0.0, 0.0)


def test_steady_noise_holds_no_speech_and_has_its_mean_power() -> None:
    noise = white(6 * RATE, 0.01)
    assert vad_level(noise, RATE) == (mean_power(noise), 0.0)


def test_a_click_in_noise_is_not_speech() -> None:
    noise = white(3 * RATE, 1e-6)
    noise[RATE] += 0.5
    assert not speech_mask(noise, RATE).any()


@pytest.mark.parametrize("num_samples", [1, 100, 160, 161, 1000, 16001])
def test_the_mask_covers_every_sample(num_samples: int) -> None:
    samples = white(num_samples, 0.01)
    assert len(speech_mask(samples, RATE)) == -(-num_samples // hop_length(RATE))
    level = vad_level(samples, RATE)
    assert level.power > 0.0
    assert 0.0 <= level.activity <= 1.0


def test_a_gain_changes_no_decision() -> None:
    spaced, _, _ = spaced_prompts(number=2)
    assert np.array_equal(speech_mask(spaced, RATE), speech_mask(spaced * 1.7e-3, RATE))
