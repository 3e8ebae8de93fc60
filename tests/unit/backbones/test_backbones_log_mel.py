"""The log-mel encoder: frames where the shape says, exact under padding."""

import pytest
import torch

from merit_cli.backbones import BACKBONES
from merit_cli.backbones.contract import Backbone
from merit_cli.backbones.log_mel import LogMelConfig
from merit_cli.carriers import EncoderShape


@pytest.mark.parametrize(("hop_length", "num_frames"), [(160, 101), (320, 51)])
@pytest.mark.parametrize("num_layers", [1, 2, 3])
def test_features_have_the_promised_shape(hop_length: int, num_frames: int, num_layers: int) -> None:
    encoder = LogMelConfig(hop_length=hop_length, num_layers=num_layers).build()
    assert isinstance(encoder, Backbone)
    assert encoder.shape.num_frames(16_000) == num_frames
    assert encoder(torch.randn(2, 16_000), torch.tensor([16_000, 9_000])).shape == (2, num_layers, num_frames, 80)


def test_padding_does_not_touch_valid_frames() -> None:
    encoder = LogMelConfig().build()
    wave = torch.randn(2, 5_000, generator=torch.Generator().manual_seed(0))
    wave[1, 3_333:] = 0.0
    together = encoder(wave, torch.tensor([5_000, 3_333]))
    alone = encoder(wave[1:, :3_333], torch.tensor([3_333]))
    assert torch.allclose(together[1, :, : alone.shape[2]], alone[0], atol=1e-6)
    assert not together[1, :, alone.shape[2] :].any()


def test_ten_times_the_amplitude_is_two_decades_more_energy() -> None:
    encoder = LogMelConfig(num_layers=1).build()
    wave, length = torch.randn(1, 8_000, generator=torch.Generator().manual_seed(0)), torch.tensor([8_000])
    difference = encoder(10 * wave, length) - encoder(wave, length)
    assert difference[..., 10:70].mean().item() == pytest.approx(torch.tensor(100.0).log().item(), rel=0.01)


def test_second_layer_is_the_slope_of_the_first() -> None:
    encoder = LogMelConfig(num_layers=3).build()
    layers = encoder(torch.randn(1, 8_000, generator=torch.Generator().manual_seed(0)), torch.tensor([8_000]))[0]
    assert torch.allclose(layers[1, 5], (layers[0, 6] - layers[0, 4]) / 2)
    assert torch.allclose(layers[2, 5], (layers[1, 6] - layers[1, 4]) / 2)
    assert torch.allclose(layers[1, -1], (layers[0, -1] - layers[0, -2]) / 2)


def test_wavlm_gives_49_frames_for_one_second() -> None:
    assert EncoderShape(25, 1024, (10, 3, 3, 3, 3, 2, 2), (5, 2, 2, 2, 2, 2, 2)).num_frames(16_000) == 49


def test_every_registered_encoder_resolves_to_a_config_of_its_name() -> None:
    for name in BACKBONES.table:
        assert BACKBONES.load(name).model_fields["name"].default == name
