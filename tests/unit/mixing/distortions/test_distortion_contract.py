import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from distortion_links import LINKS, chirp, lag, make_link

from merit_cli.mixing.distortions.chain import CHANNELS, DAMAGE, ROOMS, apply, distort_noisy, draw, draw_chain
from merit_cli.mixing.distortions.config import CONFIGS
from merit_cli.mixing.distortions.contract import DistortionConfig, Drawn
from merit_cli.mixing.draws import Draws

pytestmark = pytest.mark.filterwarnings("error")
every_link = pytest.mark.parametrize("link", LINKS, ids=lambda link: "-".join(str(part) for part in link.values()))


class Counted:
    """A stream that counts what is taken from it."""

    def __init__(self) -> None:
        self.draws, self.count = Draws(5, "counted"), 0

    def __call__(self) -> float:
        self.count += 1
        return self.draws.uniform()


def drawn_of(link: DistortionConfig) -> Drawn:
    return draw(link, Draws(1, "test").uniform)


def test_every_kind_is_configured_and_applied_and_tried_here() -> None:
    assert set(CONFIGS) == {*ROOMS, *CHANNELS, *DAMAGE} == {link["name"] for link in LINKS}


@every_link
@pytest.mark.parametrize("sample_rate", [8000, 16000, 48000])
def test_length_is_kept_and_the_input_is_untouched(link: dict[str, Any], sample_rate: int, tmp_path: Path) -> None:
    drawn, samples = drawn_of(make_link(link, tmp_path)), chirp(sample_rate // 2 + 7, sample_rate)
    before = samples.copy()
    heard = apply(drawn, samples, sample_rate)
    assert heard.shape == samples.shape
    assert heard.dtype == np.float64
    assert np.isfinite(heard).all()
    assert heard.any()
    assert np.array_equal(samples, before)
    assert not np.shares_memory(heard, samples)


@every_link
@pytest.mark.parametrize("num_samples", [0, 1, 2, 50])
def test_very_short_signals_pass(link: dict[str, Any], num_samples: int, tmp_path: Path) -> None:
    samples = np.linspace(0.5, 0.1, num_samples)
    heard = apply(drawn_of(make_link(link, tmp_path)), samples, 16000)
    assert heard.shape == samples.shape
    assert np.isfinite(heard).all()


@every_link
def test_silence_stays_silence(link: dict[str, Any], tmp_path: Path) -> None:
    assert not apply(drawn_of(make_link(link, tmp_path)), np.zeros(5000), 16000).any()


@every_link
def test_overload_passes_without_nan(link: dict[str, Any], tmp_path: Path) -> None:
    heard = apply(drawn_of(make_link(link, tmp_path)), 20.0 * chirp(8000, 16000), 16000)
    assert np.isfinite(heard).all()


@every_link
def test_a_recorded_distortion_gives_the_same_bytes_again(link: dict[str, Any], tmp_path: Path) -> None:
    drawn, samples = drawn_of(make_link(link, tmp_path)), chirp(9000, 16000)
    again = Drawn.from_line(json.loads(json.dumps(drawn.to_line())))
    assert again == drawn
    assert apply(again, samples, 16000).tobytes() == apply(drawn, samples, 16000).tobytes()


@every_link
def test_a_link_takes_the_same_count_of_numbers_whatever_it_draws(link: dict[str, Any], tmp_path: Path) -> None:
    always, never = make_link(link, tmp_path), make_link({**link, "probability": 0}, tmp_path)
    one, other = Counted(), Counted()
    assert len(draw_chain([always], one)) == 1
    assert draw_chain([never], other) == ()
    assert one.count == other.count > 1


@every_link
@pytest.mark.parametrize("sample_rate", [8000, 16000, 48000])
def test_nothing_is_delayed(link: dict[str, Any], sample_rate: int, tmp_path: Path) -> None:
    samples = chirp(sample_rate, sample_rate)
    assert abs(lag(samples, apply(drawn_of(make_link(link, tmp_path)), samples, sample_rate))) <= 1


@pytest.mark.parametrize("link", [link for link in LINKS if link["name"] in CHANNELS], ids=lambda link: link["name"])
def test_a_channel_on_the_mixture_keeps_noisy_the_sum_of_its_parts(link: dict[str, Any], tmp_path: Path) -> None:
    drawn = Drawn(link["name"], "noisy", drawn_of(make_link(link, tmp_path)).parameters)
    clean, noise = chirp(8000, 16000), 0.1 * np.random.default_rng(0).standard_normal(8000)
    parts = distort_noisy([drawn], clean + noise, clean, noise, 16000)
    assert np.abs(parts.noisy - parts.clean - parts.noise).max() < 1e-9
    assert not np.allclose(parts.clean, clean)


@pytest.mark.parametrize(
    "link", [link for link in LINKS if link["name"] in DAMAGE], ids=lambda link: str(list(link.values()))
)
def test_damage_to_the_mixture_leaves_clean_and_noise_alone(link: dict[str, Any], tmp_path: Path) -> None:
    clean, noise = chirp(8000, 16000), 0.1 * np.random.default_rng(0).standard_normal(8000)
    parts = distort_noisy([drawn_of(make_link(link, tmp_path))], clean + noise, clean, noise, 16000)
    assert parts.clean is clean
    assert parts.noise is noise
    assert not np.allclose(parts.noisy, clean + noise)
