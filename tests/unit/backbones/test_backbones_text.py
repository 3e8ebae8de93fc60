"""Text encoders, on a tiny RoBERTa with random weights and a tokenizer of eleven words: no pretrained weights here."""

from pathlib import Path

import numpy as np
import pytest
import torch

from merit_cli.backbones.huggingface import HuggingFaceConfig
from merit_cli.backbones.text import TextEncoder, TextEncoderConfig
from merit_cli.data.text_cache import TextFeatureCache, collate_text
from merit_cli.errors import BadData, Unavailable
from merit_cli.models.fusion import SpeechTextFusion
from merit_cli.models.masks import encoder_frames, frame_mask

pytest.importorskip("transformers")

SENTENCES = ("the dogs are sitting by the door", "", "kids", "the   dogs are\nsitting by the door")


@pytest.fixture
def folder(tiny_roberta: Path) -> Path:
    return tiny_roberta


def build(folder: Path, *, trainable: bool = False) -> TextEncoder:
    return TextEncoderConfig(path=str(folder), trainable=trainable).build()


def test_tokens_are_the_last_hidden_states_and_an_empty_transcript_has_none(folder: Path) -> None:
    encoder = build(folder)
    states, valid = encoder(SENTENCES)
    assert states.shape == (4, 9, 16)
    assert valid.sum(1).tolist() == [9, 0, 3, 9]
    ids = torch.tensor([[0, 4, 5, 6, 7, 8, 4, 9, 2]])
    with torch.no_grad():
        assert torch.allclose(states[0], encoder.encoder(ids).last_hidden_state[0], atol=1e-5)
    assert states[1].abs().max().item() == 0.0


def test_padding_and_spaces_do_not_touch_a_transcript(folder: Path) -> None:
    states, _ = build(folder)(SENTENCES)
    alone, _ = build(folder)(SENTENCES[2:3])
    assert torch.allclose(states[2, :3], alone[0], atol=1e-5)
    assert torch.allclose(states[0], states[3], atol=1e-6)


def test_long_transcripts_are_cut(folder: Path) -> None:
    encoder = TextEncoderConfig(path=str(folder), max_tokens=5).build()
    assert encoder(SENTENCES)[0].shape[1] == 5


def test_a_frozen_encoder_stays_in_evaluation_and_a_trained_one_learns(folder: Path) -> None:
    frozen, trained = build(folder).train(), build(folder, trainable=True).train()
    assert not frozen.encoder.training
    assert not any(one.requires_grad for one in frozen.parameters())
    trained(SENTENCES)[0].square().sum().backward()
    learning = [name for name, one in trained.named_parameters() if one.requires_grad]
    without = [name for name in learning if trained.get_parameter(name).grad is None]
    assert learning
    assert without == []


def test_what_is_not_there_is_refused_with_a_hint(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="not on this machine") as error:
        TextEncoderConfig(path=str(tmp_path)).build()
    assert "hf download" in error.value.hint


def test_weights_that_are_missing_are_refused(folder: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    for path in folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    weights = load_file(tmp_path / "model.safetensors")
    kept = {name: value for name, value in weights.items() if "layer.1.attention" not in name}
    save_file(kept, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(BadData, match=r"tensors of the text encoder have no weights"):
        TextEncoderConfig(path=str(tmp_path)).build()


def test_cached_features_are_those_of_the_encoder_and_are_computed_once(folder: Path, tmp_path: Path) -> None:
    encoder, config = build(folder), TextEncoderConfig(path=str(folder))
    cache = TextFeatureCache(tmp_path, encoder, config)
    first = cache.features(SENTENCES[0])
    assert np.allclose(first, encoder(SENTENCES[:1])[0][0].numpy())
    cache.encoder = None  # type: ignore[assignment]  # it must not be asked again
    assert np.array_equal(cache.features(SENTENCES[3]), first)


def test_the_cache_of_other_weights_is_another_one(folder: Path, tmp_path: Path) -> None:
    one, other = build(folder), build(folder)
    with torch.no_grad():
        next(other.encoder.parameters()).add_(1.0)
    config = TextEncoderConfig(path=str(folder))
    assert TextFeatureCache(tmp_path, one, config).folder != TextFeatureCache(tmp_path, other, config).folder


def test_a_torn_file_of_the_cache_is_made_again(folder: Path, tmp_path: Path) -> None:
    cache = TextFeatureCache(tmp_path, build(folder), TextEncoderConfig(path=str(folder)))
    first = cache.features("kids")
    cache.path_of("kids").write_bytes(b"torn")
    assert np.array_equal(cache.features("kids"), first)


@pytest.mark.parametrize("joining", ["concatenation", "gated"])
def test_fusion_of_cached_features_is_that_of_the_encoders_themselves(
    folder: Path, tiny_wavlm: Path, tmp_path: Path, joining: str
) -> None:
    """A tiny random WavLM and the tiny random RoBERTa, one utterance without words."""
    hearing, reading = HuggingFaceConfig(path=str(tiny_wavlm)).build(), build(folder)
    cache = TextFeatureCache(tmp_path, reading, TextEncoderConfig(path=str(folder)))
    lengths = torch.tensor([8000, 4000, 6000])
    waves = torch.randn(3, 8000, generator=torch.Generator().manual_seed(2))
    frames = hearing(waves, lengths)[:, -1]
    valid = frame_mask(encoder_frames(hearing.shape, lengths), frames.shape[1])
    model = SpeechTextFusion(16, reading.dim, joining=joining, hidden=8, outputs=4).eval()
    direct = model(frames, valid, *reading(SENTENCES[:3]))
    cached = model(frames, valid, *collate_text([cache.features(text) for text in SENTENCES[:3]]))
    assert direct.shape == (3, 4)
    assert torch.allclose(direct, cached, atol=1e-5)
