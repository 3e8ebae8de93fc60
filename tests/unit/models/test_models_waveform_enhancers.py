"""Wave-U-Net and MANNER: sizes, lengths, levels, padding, silence, and that it learns."""

import pytest
import torch
from pydantic import ValidationError
from torch import nn

from merit_cli.losses.waveform import absolute_error_sum, negative_ratio
from merit_cli.models.manner import MannerConfig
from merit_cli.models.multi_view_attention import chunk_mask, from_chunks, to_chunks
from merit_cli.models.wave_u_net import WaveUNetConfig, twice_as_fine

Config = WaveUNetConfig | MannerConfig
TINY_WAVE_U_NET = WaveUNetConfig(num_layers=4, channels=6)
TINY_MANNER = MannerConfig(hidden=6, depth=2, segment=8)
TINY = pytest.mark.parametrize(
    "config",
    [TINY_WAVE_U_NET, TINY_MANNER, TINY_MANNER.model_copy(update={"size": "small"})],
    ids=["wave-u-net", "manner", "manner-small"],
)


def count(config: Config) -> int:
    with torch.device("meta"):
        return sum(parameter.numel() for parameter in config.build().parameters())


def build(config: Config) -> nn.Module:
    torch.manual_seed(0)
    return config.build()


def test_wave_u_net_has_the_parameters_of_the_specification() -> None:
    assert count(WaveUNetConfig()) == 10_132_802
    assert round(count(WaveUNetConfig()) / 1e6, 1) == 10.1


def test_small_wave_u_net_has_the_parameters_its_docstring_says() -> None:
    assert count(WaveUNetConfig(num_layers=8, channels=12)) == 818_114


@pytest.mark.parametrize(("size", "number", "millions"), [("base", 24_068_671, 24.1), ("small", 21_253_921, 21.3)])
def test_manner_has_the_parameters_of_the_specification(size: str, number: int, millions: float) -> None:
    assert count(MannerConfig(size=size)) == number
    assert round(number / 1e6, 1) == millions


def test_small_manner_has_the_parameters_its_docstring_says() -> None:
    assert count(MannerConfig(size="small", hidden=12)) == 907_681


@TINY
@pytest.mark.parametrize("num_samples", [1, 63, 64, 127, 1000])
def test_length_is_kept_to_the_sample(config: Config, num_samples: int) -> None:
    enhanced = build(config).eval()(torch.randn(2, num_samples))
    assert enhanced.shape == (2, num_samples)
    assert torch.isfinite(enhanced).all()


@TINY
def test_an_utterance_in_a_padded_batch_is_enhanced_as_it_is_alone(config: Config) -> None:
    model = build(config).double().eval()
    noisy = torch.randn(4, 2000, dtype=torch.float64)
    lengths = torch.tensor([2000, 1234, 1024, 70])
    together = model(noisy, lengths)
    for row, length in enumerate(lengths.tolist()):
        alone = model(noisy[row : row + 1, :length])
        torch.testing.assert_close(together[row : row + 1, :length], alone, rtol=1e-7, atol=1e-9)
        assert not together[row, length:].any()


@TINY
def test_padding_changes_neither_gradients_nor_statistics_in_training(config: Config) -> None:
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
def test_gain_goes_through_and_silence_stays_silence(config: Config) -> None:
    model = build(config).double().eval()
    noisy = torch.randn(1, 1500, dtype=torch.float64)
    torch.testing.assert_close(model(1e-3 * noisy), 1e-3 * model(noisy), rtol=1e-9, atol=1e-12)
    assert not model(torch.zeros(1, 1500, dtype=torch.float64)).any()


@TINY
def test_eval_repeats_itself_and_leaves_the_input_alone(config: Config) -> None:
    model = build(config).eval()
    noisy = torch.randn(1, 1500)
    before = noisy.clone()
    assert torch.equal(model(noisy), model(noisy))
    assert torch.equal(noisy, before)


@TINY
def test_every_parameter_gets_a_finite_gradient_silence_included(config: Config) -> None:
    model = build(config)
    noisy = torch.randn(2, 1500)
    noisy[1] = 0.0
    model(noisy).pow(3).sum().backward()
    for name, parameter in model.named_parameters():
        assert torch.isfinite(parameter.grad).all(), name
        assert parameter.grad.any(), name


@pytest.mark.parametrize("settings", [{"kernel_down": 14}, {"num_layers": 0}, {"output": "relu"}])
def test_wave_u_net_refuses_what_it_cannot_be(settings: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        WaveUNetConfig(**settings)


@pytest.mark.parametrize("settings", [{"hidden": 20}, {"segment": 63}, {"kernel": 3}, {"size": "large"}])
def test_manner_refuses_sizes_that_do_not_fit(settings: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        MannerConfig(**settings)


@pytest.mark.parametrize("num_samples", [1, 3, 4, 7, 8, 29])
def test_chunks_are_joined_to_what_they_were_cut_from(num_samples: int) -> None:
    maps = torch.randn(2, 3, num_samples)
    chunks = to_chunks(maps, 8)
    torch.testing.assert_close(from_chunks(chunks, num_samples), maps)
    padded = torch.arange(40) < torch.tensor([[[num_samples]]])
    mask = chunk_mask(padded, 8)
    assert mask is not None
    assert mask.shape[1] == to_chunks(torch.zeros(1, 1, 40), 8).shape[2]
    assert mask.sum() == chunks.shape[2]


def test_finer_time_keeps_every_sample_and_draws_lines_between() -> None:
    coarse = torch.linspace(0.0, 5.0, 6).view(1, 1, 6)
    fine = twice_as_fine(coarse).flatten()
    torch.testing.assert_close(fine[:11], torch.linspace(0.0, 5.0, 11))
    assert fine[11] == 2.5  # half way to the zero beyond the end


@pytest.mark.parametrize("output", ["tanh", "linear"])
def test_a_tanh_bounds_the_output_relative_to_the_level_of_the_input(output: str) -> None:
    model = build(TINY_WAVE_U_NET.model_copy(update={"output": output})).eval()
    with torch.no_grad():
        model.mix.weight.fill_(100.0)
    enhanced = model(torch.ones(1, 1000) * torch.randn(1, 1000).sign())
    is_bounded = enhanced.abs().max().item() <= 16.0 + 1e-4
    assert is_bounded == (output == "tanh")


def gain_after(config: Config, noisy: torch.Tensor, clean: torch.Tensor, *, num_steps: int, rate: float) -> float:
    """SI-SDR gain in dB on a batch after fitting it in absolute error."""
    model = build(config)
    lengths = torch.full((len(clean),), clean.shape[1])
    optimiser = torch.optim.Adam(model.parameters(), rate)
    for _ in range(num_steps):
        optimiser.zero_grad()
        total, weight = absolute_error_sum(model(noisy), clean, lengths)
        (total / weight).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimiser.step()
    with torch.no_grad():
        return (negative_ratio(noisy, clean, lengths) - negative_ratio(model(noisy), clean, lengths)).item()


@TINY
def test_a_tiny_model_fits_tones_in_noise(config: Config) -> None:
    time = torch.arange(2048) / 16_000
    clean = torch.stack([torch.sin(2 * torch.pi * hertz * time) for hertz in (300.0, 700.0)])
    noisy = clean + 0.7 * torch.randn(2, 2048, generator=torch.Generator().manual_seed(0))
    assert gain_after(config, noisy, clean, num_steps=40, rate=1e-2) > 5.0
