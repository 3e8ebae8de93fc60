"""The Audio Spectrogram Transformer as a classifier, on tiny random weights: none of AudioSet's are here."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as nnf

import merit_cli.torchaudio_bridge  # noqa: F401 - transformers imports torchaudio
from merit_cli.backbones.breath_ast import AstConfig, fitted_positions
from merit_cli.backbones.kaldi_fbank import KaldiFbank, num_frames
from merit_cli.errors import BadData, Unavailable, UsageError
from merit_cli.models.patch_mix import Mix

transformers = pytest.importorskip("transformers")
SIZES = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24}
WAVES_BN = torch.randn(2, 16_000, generator=torch.Generator().manual_seed(0)) * 0.1
FRAMES = num_frames(16_000)


def _folder(folder: Path, **changes: Any) -> Path:
    torch.manual_seed(2)
    model = transformers.ASTForAudioClassification(transformers.ASTConfig(**{**SIZES, "max_length": FRAMES, **changes}))
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    model.save_pretrained(folder)
    return folder


def test_the_filter_bank_is_the_one_of_the_published_feature_extractor() -> None:
    own_BMT = AstConfig(**SIZES, duration=1.0).build(2).spectrogram(WAVES_BN)
    extractor = transformers.ASTFeatureExtractor(max_length=FRAMES)
    theirs_BTM = extractor([wave.numpy() for wave in WAVES_BN], sampling_rate=16000, return_tensors="pt").input_values
    torch.testing.assert_close(own_BMT.transpose(1, 2), theirs_BTM, atol=1e-4, rtol=0)  # float32 against float64


def test_features_are_those_of_transformers_with_the_weights_of_a_folder(tmp_path: Path) -> None:
    network = AstConfig(path=str(_folder(tmp_path)), duration=1.0).build(3).eval()
    theirs = transformers.ASTModel.from_pretrained(tmp_path).eval()
    maps_BMT = network.spectrogram(WAVES_BN)
    expected_BD = theirs(maps_BMT.transpose(1, 2)).pooler_output
    torch.testing.assert_close(network.embed(maps_BMT), expected_BD)
    assert network(WAVES_BN).shape == (2, 3)


def test_a_shorter_clip_takes_the_middle_of_the_positions(tmp_path: Path) -> None:
    network = AstConfig(path=str(_folder(tmp_path)), duration=0.6).build(2)
    theirs = transformers.ASTModel.from_pretrained(tmp_path)
    given_PD = theirs.embeddings.position_embeddings[0]
    own_PD = network.encoder.embeddings.position_embeddings[0]
    long, short = (FRAMES - 16) // 10 + 1, (num_frames(9600) - 16) // 10 + 1
    start = long // 2 - short // 2
    assert torch.equal(own_PD[:2], given_PD[:2])
    for mel in range(12):
        rows = slice(2 + mel * short, 2 + (mel + 1) * short)
        first = 2 + mel * long + start
        assert torch.equal(own_PD[rows], given_PD[first : first + short])


def test_positions_for_a_longer_clip_lie_between_the_given_ones() -> None:
    """Rows that rise evenly with time still do."""
    ramp_1PD = torch.cat([torch.zeros(2), torch.arange(4.0).repeat(3)])[None, :, None]
    longer_34 = fitted_positions(ramp_1PD, (3, 4), (3, 8))[0, 2:, 0].reshape(3, 8)
    torch.testing.assert_close(longer_34, torch.tensor([0, 0.25, 0.75, 1.25, 1.75, 2.25, 2.75, 3.0]).repeat(3, 1))


def test_a_settled_config_builds_the_same_without_the_folder(tmp_path: Path) -> None:
    config = AstConfig(path=str(_folder(tmp_path)), duration=1.0)
    network = config.build(2).eval()
    settled = config.settled(network)
    assert (settled.path, settled.hidden_size, settled.num_hidden_layers) == ("", 16, 2)
    again = settled.build(2).eval()
    again.load_state_dict(network.state_dict())
    assert torch.equal(again(WAVES_BN), network(WAVES_BN))


def test_every_parameter_receives_a_gradient() -> None:
    network = AstConfig(**SIZES, duration=1.0).build(2)
    nnf.cross_entropy(network(WAVES_BN), torch.tensor([0, 1])).backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name


def test_the_default_has_the_size_of_the_published_model() -> None:
    network = AstConfig().build(527)
    published = 86_190_338 + 525 * 769  # transformers' own for two classes
    shorter = (101 - 79) * 12 * 768  # positions of 10.24 s that clips of 8 s do not have
    assert sum(parameter.numel() for parameter in network.parameters()) == published - shorter


def test_a_folder_that_is_not_there_or_of_another_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="no transformer"):
        AstConfig(path=str(tmp_path)).build(2)
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "wavlm"}))
    with pytest.raises(UsageError, match="'wavlm' is no"):
        AstConfig(path=str(tmp_path)).build(2)
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(BadData, match="cannot be read"):
        AstConfig(path=str(tmp_path)).build(2)


def test_weights_that_do_not_fill_the_model_are_refused(tmp_path: Path) -> None:
    _folder(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**config, "num_hidden_layers": 3}))
    with pytest.raises(BadData, match="have no weights"):
        AstConfig(path=str(tmp_path), duration=1.0).build(2)


def test_silence_gives_finite_energies() -> None:
    assert torch.isfinite(KaldiFbank(128)(torch.zeros(1, 1600))).all()


def test_mixed_patches_are_the_embedded_ones_at_their_positions(tmp_path: Path) -> None:
    """Against a transformer whose patch embedding gives the mixture, made by loops."""
    network = AstConfig(path=str(_folder(tmp_path)), duration=1.0).build(2).eval()
    maps_BMT = network.spectrogram(WAVES_BN)
    patches_BPD = network.encoder.embeddings.patch_embeddings(maps_BMT.transpose(1, 2))
    taken_P = torch.rand(patches_BPD.shape[1], generator=torch.Generator().manual_seed(1)) < 0.4
    mix = Mix(torch.tensor([1, 0]), taken_P, 0.6)
    sizes = []

    def draw(num_clips: int, num_patches: int) -> Mix:
        sizes.append((num_clips, num_patches))
        return mix

    features_BD, _ = network.embed_mixed(maps_BMT, draw, (99, 99))
    expected_BPD = patches_BPD.clone()
    for patch in taken_P.nonzero().flatten().tolist():
        expected_BPD[0, patch], expected_BPD[1, patch] = patches_BPD[1, patch], patches_BPD[0, patch]
    plain_BD = network.embed(maps_BMT)
    network.encoder.embeddings.patch_embeddings.forward = lambda _: expected_BPD
    torch.testing.assert_close(features_BD, network.embed(maps_BMT))
    assert sizes == [tuple(patches_BPD.shape[:2])]
    assert not torch.allclose(features_BD, plain_BD, atol=1e-4)


def test_the_content_follows_the_weights_in_the_folder(tmp_path: Path) -> None:
    assert AstConfig().content() == ""
    _folder(tmp_path)
    first = AstConfig(path=str(tmp_path)).content()
    with (tmp_path / "model.safetensors").open("ab") as handle:
        handle.write(b"x")
    assert AstConfig(path=str(tmp_path)).content() != first
    with pytest.raises(Unavailable, match="no transformer"):
        AstConfig(path=str(tmp_path / "gone")).content()
