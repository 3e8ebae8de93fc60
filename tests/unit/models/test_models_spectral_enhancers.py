"""PHASEN and CMGAN: sizes, lengths, levels, padding, silence, and that they learn."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from pydantic import ValidationError
from torch import nn

from merit_cli.assets import bundled
from merit_cli.losses.compressed import CompressedLossConfig, compressed_loss, unit_rms_gain
from merit_cli.losses.waveform import negative_ratio
from merit_cli.models.cmgan import CmganConfig
from merit_cli.models.phasen import PhasenConfig

FROZEN_TRANSFORM = 2 * 514 * 400
"""The specification's counts of PHASEN have the kernels of the STFT and its inverse among the parameters."""
TINY_CMGAN = CmganConfig(
    window_length=128, hop_length=64, channels=8, dense_depth=2, num_blocks=1, num_heads=2, kernel=5, dropout=0.0
)
TINY_PHASEN = PhasenConfig(
    window_length=128,
    hop_length=64,
    fft_size=128,
    num_blocks=1,
    amplitude_channels=6,
    phase_channels=4,
    rnn_hidden=16,
    head_hidden=32,
    phase="correction",
)
TINY = pytest.mark.parametrize("config", [TINY_CMGAN, TINY_PHASEN], ids=["cmgan", "phasen"])
PHASEN_LOSS = CompressedLossConfig(
    complex_weight=0.5, magnitude_weight=0.5, waveform_weight=0.0, window="hann", fft_size=512
)


def count(config: CmganConfig | PhasenConfig) -> int:
    with torch.device("meta"):
        return sum(parameter.numel() for parameter in config.build().parameters())


def build(config: CmganConfig | PhasenConfig) -> nn.Module:
    torch.manual_seed(0)
    return config.build()


def test_cmgans_generator_has_the_parameters_of_the_paper() -> None:
    assert count(CmganConfig()) == 1_834_833
    assert round(count(CmganConfig()) / 1e6, 2) == 1.83


@pytest.mark.parametrize(("amplitude", "phase", "millions"), [(24, 12, 7.8), (96, 48, 15.4)])
def test_phasen_has_the_parameters_of_the_specification(amplitude: int, phase: int, millions: float) -> None:
    own = count(PhasenConfig(amplitude_channels=amplitude, phase_channels=phase))
    assert round((own + FROZEN_TRANSFORM) / 1e6, 1) == millions


@TINY
@pytest.mark.parametrize("num_samples", [1, 63, 64, 127, 1000])
def test_length_is_kept_to_the_sample(config: CmganConfig | PhasenConfig, num_samples: int) -> None:
    model = build(config).eval()
    enhanced = model(torch.randn(2, num_samples))
    assert enhanced.shape == (2, num_samples)
    assert torch.isfinite(enhanced).all()


@TINY
def test_an_utterance_in_a_padded_batch_is_enhanced_as_it_is_alone(config: CmganConfig | PhasenConfig) -> None:
    model = build(config).double().eval()
    noisy = torch.randn(3, 2000, dtype=torch.float64)
    lengths = torch.tensor([2000, 1234, 70])
    together = model(noisy, lengths)
    for row, length in enumerate(lengths.tolist()):
        alone = model(noisy[row : row + 1, :length])
        torch.testing.assert_close(together[row : row + 1, :length], alone, rtol=1e-7, atol=1e-9)
        assert not together[row, length:].any()


@TINY
def test_padding_changes_neither_gradients_nor_statistics_in_training(config: CmganConfig | PhasenConfig) -> None:
    results = []
    for extra in (0, 640):
        model = build(config).double().train()
        noisy = torch.randn(2, 1280, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
        lengths = torch.tensor([1280, 1280])
        model(nn.functional.pad(noisy, (0, extra), value=0.3), lengths).square().sum().backward()
        gradients = torch.cat([parameter.grad.flatten() for parameter in model.parameters()])
        results.append(torch.cat([gradients, *(buffer.flatten() for buffer in model.buffers())]))
    assert torch.linalg.norm(results[1] - results[0]) < 1e-6 * torch.linalg.norm(results[0])


@TINY
def test_gain_goes_through_and_silence_stays_silence(config: CmganConfig | PhasenConfig) -> None:
    model = build(config).double().eval()
    noisy = torch.randn(1, 1500, dtype=torch.float64)
    torch.testing.assert_close(model(1e-3 * noisy), 1e-3 * model(noisy), rtol=1e-9, atol=1e-12)
    assert not model(torch.zeros(1, 1500, dtype=torch.float64)).any()


@TINY
def test_eval_repeats_itself_and_leaves_the_input_alone(config: CmganConfig | PhasenConfig) -> None:
    model = build(config).eval()
    noisy = torch.randn(1, 1500)
    before = noisy.clone()
    assert torch.equal(model(noisy), model(noisy))
    assert torch.equal(noisy, before)


@TINY
def test_every_parameter_gets_a_finite_gradient_silence_included(config: CmganConfig | PhasenConfig) -> None:
    model = build(config)
    noisy = torch.randn(2, 1500)
    noisy[1] = 0.0
    model(noisy).pow(3).sum().backward()
    for name, parameter in model.named_parameters():
        assert torch.isfinite(parameter.grad).all(), name
        if name != "mask_decoder.reduce.bias":  # the instance norm behind it takes every offset out
            assert parameter.grad.any(), name


@TINY
def test_half_precision_stays_near_full_precision(config: CmganConfig | PhasenConfig) -> None:
    model = build(config).train()
    noisy, lengths = torch.randn(2, 1500), torch.tensor([1500, 900])
    full = model(noisy, lengths)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        half = model(noisy, lengths)
    half.square().sum().backward()
    assert half.dtype == torch.float32
    assert torch.linalg.norm(half - full) < 0.1 * torch.linalg.norm(full)


@pytest.mark.parametrize(
    "settings",
    [{"channels": 10}, {"kernel": 4}, {"hop_length": 201}, {"window_length": 402}],
)
def test_cmgan_refuses_sizes_that_do_not_fit(settings: dict[str, int]) -> None:
    with pytest.raises(ValidationError):
        CmganConfig(**settings)


@pytest.mark.parametrize("settings", [{"hop_length": 201}, {"fft_size": 398}, {"phase": "noisy"}])
def test_phasen_refuses_sizes_that_do_not_fit(settings: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        PhasenConfig(**settings)


def gain_after(
    config: CmganConfig | PhasenConfig,
    noisy: torch.Tensor,
    clean: torch.Tensor,
    *,
    loss: CompressedLossConfig,
    num_steps: int,
    rate: float,
) -> float:
    """SI-SDR gain in dB on a batch after fitting it."""
    model = build(config)
    lengths = torch.full((len(clean),), clean.shape[1])
    gain = unit_rms_gain(noisy, lengths)
    optimiser = torch.optim.AdamW(model.parameters(), rate)
    for _ in range(num_steps):
        optimiser.zero_grad()
        compressed_loss(model(gain * noisy), gain * clean, lengths, loss).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimiser.step()
    with torch.no_grad():
        return (negative_ratio(noisy, clean, lengths) - negative_ratio(model.eval()(noisy), clean, lengths)).item()


@TINY
def test_a_tiny_model_fits_tones_in_noise(config: CmganConfig | PhasenConfig) -> None:
    time = torch.arange(4096) / 16_000
    clean = torch.stack([torch.sin(2 * torch.pi * hertz * time) for hertz in (300.0, 700.0)])
    noisy = clean + 0.7 * torch.randn(2, 4096, generator=torch.Generator().manual_seed(0))
    loss = CompressedLossConfig(window_length=128, hop_length=64, fft_size=128)
    assert gain_after(config, noisy, clean, loss=loss, num_steps=40, rate=1e-2) > 5.0


def sample_clips(num: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Noisy and clean seconds of the bundled sample at 0 dB."""
    folder = bundled("data_manifests/sample")
    parts = [
        torch.stack([_second(folder, line) for line in _lines(folder / f"{kind}.jsonl")[:num]])
        for kind in ("speech", "noise")
    ]
    clean, noise = (part / part.square().mean(1, keepdim=True).sqrt() for part in parts)
    return clean + noise, clean


def _lines(path: Path) -> list[str]:
    return [json.loads(line)["audio"] for line in path.read_text(encoding="utf-8").splitlines()]


def _second(folder: Path, name: str) -> torch.Tensor:
    samples, _ = soundfile.read(folder / name, dtype="float32")
    start = min(4000, max(0, len(samples) - 16_000))
    part = samples[start : start + 16_000]
    return torch.from_numpy(np.pad(part, (0, 16_000 - len(part))))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("config", "loss", "num_steps", "rate"),
    [
        (CmganConfig(dropout=0.0), CompressedLossConfig(), 60, 1e-3),
        (PhasenConfig(), PHASEN_LOSS, 100, 1e-3),
        (PhasenConfig(amplitude_channels=96, phase_channels=48), PHASEN_LOSS, 70, 2e-3),
    ],
    ids=["cmgan", "phasen-light", "phasen-paper"],
)
def test_the_papers_sizes_fit_a_batch_of_real_speech(
    config: CmganConfig | PhasenConfig, loss: CompressedLossConfig, num_steps: int, rate: float
) -> None:
    noisy, clean = sample_clips(1)
    assert gain_after(config, noisy, clean, loss=loss, num_steps=num_steps, rate=rate) >= 15.0
