"""Heads, poolings and fusion by their formulas, masks and gradients."""

import pytest
import torch
from torch import nn

from merit_cli.models.activations import ACTIVATIONS, Activation, make_activation, two_layers
from merit_cli.models.fusion import ConcatenationFusion, GatedFusion, Joining, SpeechTextFusion
from merit_cli.models.heads import AttributeHead, EmotionHead
from merit_cli.models.pooling import MaskedMeanPooling, Pooling

B, T, S, D, E = 4, 9, 6, 5, 7
FRAMES = torch.randn(B, T, D, generator=torch.Generator().manual_seed(0))
TOKENS = torch.randn(B, S, E, generator=torch.Generator().manual_seed(1))
VALID_T = torch.arange(T) < torch.tensor([9, 4, 7, 1]).unsqueeze(1)
VALID_S = torch.arange(S) < torch.tensor([6, 2, 0, 3]).unsqueeze(1)


def fusion(joining: Joining, **changes: object) -> SpeechTextFusion:
    torch.manual_seed(2)
    return SpeechTextFusion(D, E, joining=joining, hidden=8, outputs=3, **changes).eval()


def test_masked_mean_is_the_mean_of_valid_frames_and_0_without_one() -> None:
    pooled = MaskedMeanPooling(E)(TOKENS, VALID_S)
    for row, tokens, count in zip(pooled, TOKENS, (6, 2, 0, 3), strict=True):
        assert torch.allclose(row, tokens[:count].mean(0) if count else torch.zeros(E))


@pytest.mark.parametrize(
    ("name", "function"),
    [
        ("relu", lambda x: max(0.0, x)),
        ("leaky_relu", lambda x: x if x > 0 else 0.01 * x),
        ("tanh", lambda x: torch.tanh(torch.tensor(x)).item()),
        ("silu", lambda x: x / (1 + torch.exp(torch.tensor(-x)).item())),
        ("mish", lambda x: x * torch.tanh(torch.log1p(torch.exp(torch.tensor(x)))).item()),
    ],
)
def test_an_activation_is_the_one_of_its_name(name: Activation, function: object) -> None:
    for x in (-2.0, -0.3, 0.0, 1.7):
        assert make_activation(name)(torch.tensor(x)).item() == pytest.approx(function(x), abs=1e-6)  # type: ignore[operator]


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("pooling", ["attentive_statistics", "mean"])
def test_heads_of_every_choice_ignore_padding_and_reach_all_parameters(
    activation: Activation, pooling: Pooling
) -> None:
    torch.manual_seed(0)
    heads = (
        EmotionHead(D, 6, 4, dropout=0.0, pooling=pooling, activation=activation),
        AttributeHead(D, 6, dropout=0.0, pooling=pooling, activation=activation),
    )
    other = torch.where(VALID_T.unsqueeze(-1), FRAMES, torch.tensor(99.0))
    for head, outputs in zip(heads, (4, 3), strict=True):
        found = head(FRAMES, VALID_T)
        assert found.shape == (B, outputs)
        assert torch.allclose(found, head(other, VALID_T), atol=1e-6)
        found.square().sum().backward()
        assert all(one.grad is not None and one.grad.abs().sum() > 0 for one in head.parameters())


def test_attributes_begin_near_the_middle_of_the_scale() -> None:
    torch.manual_seed(0)
    values = AttributeHead(D, 64, dropout=0.0).eval()(FRAMES, VALID_T)
    assert values.mean().item() == pytest.approx(0.5, abs=0.3)


@pytest.mark.parametrize("joining", ["concatenation", "gated"])
def test_fusion_ignores_padding_and_what_stands_in_for_missing_words(joining: Joining) -> None:
    model = fusion(joining)
    frames = torch.where(VALID_T.unsqueeze(-1), FRAMES, torch.tensor(99.0))
    tokens = torch.where(VALID_S.unsqueeze(-1), TOKENS, torch.tensor(-99.0))
    assert torch.allclose(model(FRAMES, VALID_T, TOKENS, VALID_S), model(frames, VALID_T, tokens, VALID_S), atol=1e-6)


@pytest.mark.parametrize("joining", ["concatenation", "gated"])
def test_fusion_listens_to_both_and_reaches_all_parameters(joining: Joining) -> None:
    model = fusion(joining, dropout=0.0)
    found = model(FRAMES, VALID_T, TOKENS, VALID_S)
    assert not torch.allclose(found[0], model(FRAMES, VALID_T, TOKENS + 1.0, VALID_S)[0])
    assert not torch.allclose(found[0], model(FRAMES + 1.0, VALID_T, TOKENS, VALID_S)[0])
    assert torch.equal(found[2], model(FRAMES, VALID_T, TOKENS + 1.0, VALID_S)[2])  # it has no words
    found.square().sum().backward()
    assert all(one.grad is not None and one.grad.abs().sum() > 0 for one in model.parameters())


def test_an_utterance_is_fused_the_same_alone_and_in_a_batch() -> None:
    for joining in ("concatenation", "gated"):
        model = fusion(joining)
        together = model(FRAMES, VALID_T, TOKENS, VALID_S)
        for row, (frames, tokens) in enumerate(((9, 6), (4, 2), (7, 1), (1, 3))):
            alone = model(
                FRAMES[row : row + 1, :frames],
                VALID_T[row : row + 1, :frames],
                TOKENS[row : row + 1, :tokens],
                VALID_S[row : row + 1, :tokens],
            )
            assert torch.allclose(alone[0], together[row], atol=1e-5)


def test_the_gate_is_arevalos_formula_and_all_speech_without_words() -> None:
    torch.manual_seed(3)
    join = GatedFusion(D, E, hidden=8, outputs=3, dropout=0.5, activation="mish").eval()
    speech, text = FRAMES[:, 0], TOKENS[:, 0]
    has_words = torch.tensor([True, True, False, True])
    gate = torch.sigmoid(torch.cat([speech, text], 1) @ join.gate.weight.T + join.gate.bias)
    gate[2] = 1.0
    assert torch.allclose(join.gates(speech, text, has_words), gate)
    joined = gate * torch.tanh(join.speech(speech)) + (1 - gate) * torch.tanh(join.text(text))
    assert torch.allclose(join(speech, text, has_words), join.head(joined))


def test_concatenation_without_words_uses_its_learned_vector() -> None:
    torch.manual_seed(3)
    join = ConcatenationFusion(D, E, hidden=8, outputs=3, dropout=0.5, activation="mish").eval()
    nn.init.normal_(join.no_words_D)
    speech, text = FRAMES[:1, 0], join.no_words_D.detach().unsqueeze(0)
    said = join(speech, text, torch.tensor([True]))
    assert torch.equal(join(speech, torch.full_like(text, 9.0), torch.tensor([False])), said)


def test_the_papers_head_has_its_layers_and_sizes() -> None:
    layers = two_layers(3072, 1024, 8, dropout=0.5, activation="mish")
    assert [type(layer).__name__ for layer in layers] == ["Dropout", "Linear", "LayerNorm", "Mish", "Dropout", "Linear"]
    assert sum(one.numel() for one in layers.parameters()) == 3072 * 1024 + 1024 + 2 * 1024 + 1024 * 8 + 8
