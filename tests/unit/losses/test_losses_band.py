"""The loss in the band of breath filters as the metric does, and sees nothing else."""

import math

import numpy as np
import pytest
import torch

from merit_cli.audio.band_level import in_band
from merit_cli.carriers import MultiTaskOutput
from merit_cli.losses.band import in_breath_band, negative_band_snr_sum
from merit_cli.losses.enhancement import EnhancementTerms, enhancement_sums
from merit_cli.losses.objective import ObjectiveConfig

RATE = 16000
TIME = torch.arange(RATE, dtype=torch.float64) / RATE
LENGTHS = torch.tensor([RATE])


def tone(hertz: float) -> torch.Tensor:
    return torch.sin(2 * torch.pi * hertz * TIME).unsqueeze(0)


def band_snr(enhanced: torch.Tensor, clean: torch.Tensor, lengths: torch.Tensor = LENGTHS) -> float:
    total, weight = negative_band_snr_sum(enhanced, clean, lengths)
    return float(-total / weight)


def test_it_filters_as_the_level_and_the_metric_do() -> None:
    noise = np.random.default_rng(0).standard_normal(RATE)
    ours = in_breath_band(torch.from_numpy(noise).unsqueeze(0))[0].numpy()
    inside = slice(RATE // 10, -RATE // 10)  # the metric's filter mirrors the ends, this one has zeros there
    np.testing.assert_allclose(ours[inside], in_band(noise, RATE)[inside], atol=1e-7)


def test_noise_in_the_band_has_its_ratio() -> None:
    ratio_db = -10.0 * math.log10(0.01 + 0.001)  # the second is the floor of 30 dB
    assert band_snr(tone(400) + 0.1 * tone(500), tone(400)) == pytest.approx(ratio_db, abs=0.05)


@pytest.mark.parametrize("hertz", [20.0, 4000.0])
def test_noise_outside_the_band_costs_nothing(hertz: float) -> None:
    assert band_snr(tone(400) + 3.0 * tone(hertz), tone(400)) > 29.0


def test_a_gain_costs() -> None:
    assert band_snr(0.5 * tone(400), tone(400)) == pytest.approx(6.0, abs=0.1)


def test_what_stands_in_the_padding_does_not_count() -> None:
    lengths = torch.tensor([RATE // 2])
    dirty = tone(400) + torch.where(TIME < 0.5, 0.1 * tone(500), 10.0)
    clean_enough = tone(400) + torch.where(TIME < 0.5, 0.1 * tone(500), 0.0)
    assert band_snr(dirty, tone(400), lengths) == pytest.approx(band_snr(clean_enough, tone(400), lengths), abs=1e-9)


def test_a_gradient_reaches_the_band_and_little_else() -> None:
    enhanced = (tone(400) + 0.5 * tone(500) + 0.5 * tone(4000)).requires_grad_()
    negative_band_snr_sum(enhanced, tone(400), LENGTHS).total.backward()
    assert enhanced.grad is not None
    spectrum = torch.fft.rfft(enhanced.grad[0]).abs()
    assert spectrum[500] > 1e4 * spectrum[4000]


def test_it_is_a_term_of_the_objective_when_asked_for() -> None:
    output = MultiTaskOutput(enhanced_BN=tone(400).float())
    terms = EnhancementTerms(log1p_l1=0.0, band_snr=0.1)
    assert set(enhancement_sums(output, tone(400).float(), LENGTHS, terms)) == {"band_snr"}
    assert EnhancementTerms().weights() == {"log1p_l1": 1.0}


def test_weightings_of_positive_losses_refuse_it() -> None:
    with pytest.raises(ValueError, match="band_snr"):
        ObjectiveConfig.model_validate({"enhancement": {"band_snr": 0.1}, "weighting": "uncertainty"})
