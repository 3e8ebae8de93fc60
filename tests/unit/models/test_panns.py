"""CNN6, CNN10 and CNN14: the published layout, by counts, names, shapes and a naive forward pass."""

import math

import pytest
import torch
import torch.nn.functional as nnf
from torch import Tensor

from merit_cli.models.panns import DecibelMel, MelSettings, Panns, PannsName

MEL = MelSettings(16000, 1024, 512, 64, 50.0, 2000.0)
WAVES_BN = torch.randn(2, 17_000, generator=torch.Generator().manual_seed(0)) * 0.1


def _panns(name: PannsName, num_classes: int = 4) -> Panns:
    torch.manual_seed(1)
    return Panns(name, MEL, num_classes)


@pytest.mark.parametrize(("name", "count"), [("cnn6", 4_837_455), ("cnn10", 5_219_279), ("cnn14", 80_753_615)])
def test_parameters_are_as_many_as_published_with_the_527_classes_of_audioset(name: PannsName, count: int) -> None:
    """Kong et al. (2020), table of the number of parameters."""
    with torch.device("meta"):
        network = Panns(name, MEL, 527)
    assert sum(parameter.numel() for parameter in network.parameters()) == count


def test_names_and_shapes_are_those_of_the_published_weights() -> None:
    with torch.device("meta"):
        shapes = {key: tuple(value.shape) for key, value in Panns("cnn14", MEL, 4).state_dict().items()}
    assert shapes["bn0.running_mean"] == (64,)
    assert shapes["conv_block1.conv1.weight"] == (64, 1, 3, 3)
    assert shapes["conv_block6.conv2.weight"] == (2048, 2048, 3, 3)
    assert shapes["conv_block6.bn2.running_var"] == (2048,)
    assert shapes["fc1.weight"] == (2048, 2048)
    assert "conv_block1.conv1.bias" not in shapes
    assert len(shapes) == 5 + 6 * 12 + 4


def _naive(state: dict[str, Tensor], decibels_MT: Tensor) -> Tensor:
    """CNN10 in evaluation mode, one clip, written out."""

    def norm(maps: Tensor, key: str) -> Tensor:
        mean, var, gain, bias = (state[f"{key}.{name}"] for name in ("running_mean", "running_var", "weight", "bias"))
        shape = (-1, 1, 1)
        return (maps - mean.view(shape)) / (var.view(shape) + 1e-5).sqrt() * gain.view(shape) + bias.view(shape)

    maps = norm(decibels_MT[:, :, None], "bn0")[:, :, 0].T[None]  # (1, T, M)
    for block in range(1, 5):
        for number in (1, 2):
            convolved = nnf.conv2d(maps[None], state[f"conv_block{block}.conv{number}.weight"], padding=1)[0]
            maps = norm(convolved, f"conv_block{block}.bn{number}").clamp(min=0.0)
        channels, frames, mels = maps.shape
        cut = maps[:, : frames // 2 * 2, : mels // 2 * 2]
        maps = cut.reshape(channels, frames // 2, 2, mels // 2, 2).mean(dim=(2, 4))
    over_mels = maps.mean(dim=2)
    pooled = over_mels.max(dim=1).values + over_mels.mean(dim=1)
    features = (state["fc1.weight"] @ pooled + state["fc1.bias"]).clamp(min=0.0)
    return state["head.weight"] @ features + state["head.bias"]


def test_the_forward_pass_is_the_formula() -> None:
    network = _panns("cnn10")
    network(WAVES_BN)  # so that running means are not 0
    network.eval()
    logits_BC = network(WAVES_BN)
    for row, logits_C in enumerate(logits_BC):
        expected_C = _naive(network.state_dict(), network.spectrogram(WAVES_BN)[row])
        torch.testing.assert_close(logits_C, expected_C, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("name", ["cnn6", "cnn10"])
def test_every_parameter_receives_a_gradient(name: PannsName) -> None:
    network = _panns(name)
    nnf.cross_entropy(network(WAVES_BN), torch.tensor([0, 2])).backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in network.parameters())


def test_decibels_are_those_of_the_definition() -> None:
    """A tone of amplitude a has the power (a / 2 * window sum)^2 at its bin; one filter's peak scales it."""
    tone_N = 0.5 * torch.sin(2 * math.pi * 1000.0 * torch.arange(16_000) / 16_000)
    mel = DecibelMel(MEL)
    shown_MT = mel(tone_N[None])[0]
    spectrum_F = torch.fft.rfft(tone_N[4096:5120] * torch.hann_window(1024)).abs().square()
    expected_M = 10 * torch.log10((mel.filters_MF @ spectrum_F).clamp(min=1e-10))
    frame_M = shown_MT[:, 9]  # centred at sample 4608, so it spans 4096 to 5120
    loud_M = expected_M > expected_M.max() - 40
    torch.testing.assert_close(frame_M[loud_M], expected_M[loud_M], atol=1e-2, rtol=0)


def test_no_mel_band_is_empty_and_silence_is_finite() -> None:
    assert (DecibelMel(MEL).filters_MF.sum(dim=1) > 0).all()
    assert torch.isfinite(_panns("cnn6").eval()(torch.zeros(1, 17_000))).all()
