"""Hugging Face encoders, on tiny ones with random weights made from a config: no pretrained weights here."""

from pathlib import Path

import pytest
import torch

import merit_cli.torchaudio_bridge  # noqa: F401 - transformers imports torchaudio
from merit_cli.backbones.fine_tuning import TuningConfig
from merit_cli.backbones.huggingface import HuggingFaceConfig, HuggingFaceEncoder
from merit_cli.errors import BadData, Unavailable, UsageError

transformers = pytest.importorskip("transformers")

TINY = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "conv_dim": (8,) * 7,
    "num_conv_pos_embeddings": 8,
    "num_conv_pos_embedding_groups": 2,
}
KINDS = {"WavLM": "wavlm", "Hubert": "hubert", "Wav2Vec2": "wav2vec2"}


def save_tiny(folder: Path, kind: str, *, stable: bool) -> None:
    torch.manual_seed(0)
    norm = {"feat_extract_norm": "layer" if stable else "group", "do_stable_layer_norm": stable, "conv_bias": stable}
    config = getattr(transformers, f"{kind}Config")(**TINY, **norm)
    model = getattr(transformers, f"{kind}Model")(config)
    model.encoder.layer_norm.weight.data.fill_(3.0)  # so that its presence shows
    model.save_pretrained(folder)


def build(folder: Path, *, trainable: bool = False) -> HuggingFaceEncoder:
    still = {"hidden_dropout": 0.0, "attention_dropout": 0.0, "feature_projection_dropout": 0.0}
    return HuggingFaceConfig(path=str(folder), trainable=trainable, **still).build()


@pytest.mark.parametrize("stable", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_layers_are_the_inputs_and_outputs_of_the_blocks_without_the_final_norm(
    tmp_path: Path, kind: str, *, stable: bool
) -> None:
    save_tiny(tmp_path, kind, stable=stable)
    encoder = build(tmp_path)
    wave = torch.randn(1, 8_000, generator=torch.Generator().manual_seed(1))
    layers = encoder(wave, torch.tensor([8_000]))[0]
    with torch.no_grad():
        last = encoder.encoder(wave).last_hidden_state[0]
    assert layers.shape == (3, encoder.shape.num_frames(8_000), 16)
    expected = encoder.encoder.encoder.layer_norm(layers[-1]) if stable else layers[-1]
    assert torch.allclose(expected, last, atol=1e-5)
    assert not torch.allclose(layers[0], layers[1], atol=1e-2)


@pytest.mark.parametrize("stable", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_padding_does_not_touch_valid_frames(tmp_path: Path, kind: str, *, stable: bool) -> None:
    save_tiny(tmp_path, kind, stable=stable)
    encoder = build(tmp_path)
    wave = torch.randn(2, 8_000, generator=torch.Generator().manual_seed(1))
    wave[1, 5_000:] = 0.0
    together = encoder(wave, torch.tensor([8_000, 5_000]))
    alone = encoder(wave[1:, :5_000], torch.tensor([5_000]))
    assert torch.allclose(together[1, :, : alone.shape[2]], alone[0], atol=2e-5)


@pytest.mark.parametrize("stable", [True, False])
def test_every_trainable_parameter_learns_and_the_front_end_does_not(tmp_path: Path, *, stable: bool) -> None:
    save_tiny(tmp_path, "WavLM", stable=stable)
    encoder = build(tmp_path, trainable=True)
    encoder(torch.randn(1, 8_000), torch.tensor([8_000])).square().sum().backward()
    trainable = {name: value for name, value in encoder.named_parameters() if value.requires_grad}
    assert [name for name, value in trainable.items() if value.grad is None] == []
    assert not any("feature_extractor" in name for name in trainable)


def test_a_frozen_encoder_has_no_gradient_and_no_dropout(tmp_path: Path) -> None:
    save_tiny(tmp_path, "WavLM", stable=True)
    encoder = HuggingFaceConfig(path=str(tmp_path), hidden_dropout=0.5).build().train()
    wave = torch.randn(1, 8_000)
    first, second = (encoder(wave, torch.tensor([8_000])) for _ in range(2))
    assert not first.requires_grad
    assert torch.equal(first, second)
    assert not any(value.requires_grad for value in encoder.parameters())


def test_wavlm_large_has_the_parameters_of_the_specification() -> None:
    config = transformers.WavLMConfig(
        hidden_size=1024,
        num_hidden_layers=24,
        num_attention_heads=16,
        intermediate_size=4096,
        feat_extract_norm="layer",
        do_stable_layer_norm=True,
        conv_bias=False,
    )
    with torch.device("meta"):
        model = transformers.WavLMModel(config)
    assert sum(value.numel() for value in model.parameters()) == 315_453_120
    assert sum(value.numel() for value in model.feature_extractor.parameters()) == 4_206_592
    encoder = HuggingFaceEncoder(model, TuningConfig(trainable=True))
    assert (encoder.shape.num_layers, encoder.shape.dim, encoder.shape.num_frames(16_000)) == (25, 1024, 49)


def test_a_missing_folder_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=r"model\.safetensors") as caught:
        HuggingFaceConfig(path=str(tmp_path / "none")).build()
    assert caught.value.exit_code == 69


def test_weights_that_do_not_fill_the_model_are_refused(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    save_tiny(tmp_path, "WavLM", stable=True)
    weights = load_file(tmp_path / "model.safetensors")
    removed = next(name for name in weights if "layers.1." in name)
    save_file(
        {name: value for name, value in weights.items() if name != removed},
        tmp_path / "model.safetensors",
        metadata={"format": "pt"},
    )
    with pytest.raises(BadData, match="1 tensors of the encoder have no weights"):
        build(tmp_path)


def test_another_kind_of_model_is_refused(tmp_path: Path) -> None:
    transformers.BertConfig().save_pretrained(tmp_path)
    with pytest.raises(UsageError, match="bert"):
        build(tmp_path)
