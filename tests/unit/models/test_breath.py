"""The breath CNN and its log-mel front end."""

import math

import pytest
import torch
import torch.nn.functional as nnf

from merit_cli.models.breath import BreathCnnConfig, LogMel


def test_default_size_is_as_stated() -> None:
    assert 78_000 < sum(p.numel() for p in BreathCnnConfig().build(4).parameters()) < 80_000


def test_every_parameter_receives_a_gradient() -> None:
    model = BreathCnnConfig(duration=1.0).build(3)
    waves_BN = torch.randn(2, 4000, generator=torch.Generator().manual_seed(0))
    nnf.cross_entropy(model(waves_BN), torch.tensor([0, 2])).backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.parameters())


def test_gain_does_not_change_the_features() -> None:
    waves_BN = torch.randn(1, 20_000, generator=torch.Generator().manual_seed(1))
    log_mel = LogMel(BreathCnnConfig())
    torch.testing.assert_close(log_mel(waves_BN), log_mel(0.01 * waves_BN), atol=1e-3, rtol=1e-3)


def test_no_mel_band_is_empty() -> None:
    assert (LogMel(BreathCnnConfig()).filters_MF.sum(dim=1) > 0).all()


@pytest.mark.parametrize("pitch", [100.0, 400.0, 1500.0])
def test_a_tone_lights_the_band_it_lies_in(pitch: float) -> None:
    config = BreathCnnConfig()
    tone_N = torch.sin(2 * math.pi * pitch * torch.arange(20_000) / 4000)
    features_MT = LogMel(config)(tone_N[None])[0]
    filters_MF = LogMel(config).filters_MF
    centre_bin = int(filters_MF[int(features_MT.mean(dim=1).argmax())].argmax())
    assert abs(centre_bin * 4000 / config.fft_size - pitch) < 40.0


def test_silence_gives_finite_logits() -> None:
    assert torch.isfinite(BreathCnnConfig().build(4).eval()(torch.zeros(2, 20_000))).all()
