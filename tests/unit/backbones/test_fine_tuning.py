"""What of an encoder learns, on a tiny WavLM and a tiny RoBERTa with random weights, two layers each."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from merit_cli.backbones.fine_tuning import LoraConfig, LowRankUpdate, TunedEncoder
from merit_cli.backbones.huggingface import HuggingFaceConfig
from merit_cli.backbones.text import TextEncoderConfig
from merit_cli.errors import UsageError
from merit_cli.training.optim import OptimiserConfig, make_optimiser

pytest.importorskip("transformers")

NOTHING: dict[str, Any] = {"trainable": False}
ALL: dict[str, Any] = {"trainable": True}
LAST: dict[str, Any] = {"trainable": True, "tuned_layers": 1}
GRADUAL: dict[str, Any] = {"trainable": True, "unfreeze_every": 2}
LORA: dict[str, Any] = {"trainable": True, "lora": {"rank": 2, "alpha": 4.0}}


@pytest.fixture(params=["speech", "text"])
def kind(request: pytest.FixtureRequest, tiny_wavlm: Path, tiny_roberta: Path) -> tuple[Any, Path]:
    return (HuggingFaceConfig, tiny_wavlm) if request.param == "speech" else (TextEncoderConfig, tiny_roberta)


def build(kind: tuple[Any, Path], tuning: dict[str, Any]) -> TunedEncoder:
    config, folder = kind
    torch.manual_seed(0)
    built: TunedEncoder = config(path=str(folder), **tuning).build()
    return built


def states(encoder: TunedEncoder) -> Tensor:
    """What it makes of half a second of noise, or of a sentence."""
    if hasattr(encoder, "tokenizer"):
        return encoder(["the dogs are sitting", "kids"])[0]  # type: ignore[no-any-return]
    noise = torch.randn(2, 8000, generator=torch.Generator().manual_seed(3))
    return encoder(noise, torch.tensor([8000, 6000]))  # type: ignore[no-any-return]


def learning(encoder: TunedEncoder) -> set[str]:
    """Parameters that get a gradient, each as its stage: ``before``, ``layer 0``, ``layer 1``."""
    encoder.zero_grad(set_to_none=True)
    weights = torch.arange(16.0)  # the sum behind a LayerNorm is a constant, which would teach nothing
    made = (states(encoder) * weights).square().sum()
    if made.requires_grad:
        made.backward()
    found = set()
    for name, one in encoder.named_parameters():
        assert one.grad is None or one.requires_grad
        if one.grad is not None:
            parts = name.split(".")
            number = next((p for p, q in zip(parts[1:], parts, strict=False) if q in ("layers", "layer")), None)
            found.add("before" if number is None else f"layer {number}")
    return found


@pytest.mark.parametrize(
    ("tuning", "expected"),
    [(NOTHING, set()), (ALL, {"before", "layer 0", "layer 1"}), (LAST, {"layer 1"}), (LORA, {"layer 0", "layer 1"})],
)
def test_gradients_reach_what_is_tuned_and_nothing_else(
    kind: tuple[Any, Path], tuning: dict[str, Any], expected: set[str]
) -> None:
    encoder = build(kind, tuning).train()
    encoder.set_epoch(1)
    assert learning(encoder) == expected


def test_stages_open_from_the_top_one_after_another(kind: tuple[Any, Path]) -> None:
    encoder = build(kind, GRADUAL)
    seen = []
    for epoch in range(1, 9):
        encoder.set_epoch(epoch)
        seen.append(len(learning(encoder.train())))
    assert seen == [0, 0, 1, 1, 2, 2, 3, 3]
    encoder.set_epoch(3)
    assert learning(encoder) == {"layer 1"}


def test_gradual_unfreezing_stops_at_the_layers_that_are_tuned(kind: tuple[Any, Path]) -> None:
    encoder = build(kind, {**LAST, "unfreeze_every": 1})
    encoder.set_epoch(99)
    assert learning(encoder) == {"layer 1"}


def test_what_does_not_learn_has_no_dropout(kind: tuple[Any, Path]) -> None:
    encoder = build(kind, LAST).train()
    drops = {name: one for name, one in encoder.named_modules() if isinstance(one, nn.Dropout)}
    awake = {name for name, one in drops.items() if one.training}
    assert awake
    assert all(".1." in name for name in awake)
    assert not any(one.training for one in encoder.eval().modules())


def test_low_rank_updates_begin_at_nothing_and_learn_alone(kind: tuple[Any, Path]) -> None:
    plain, updated = build(kind, NOTHING), build(kind, LORA)
    assert torch.allclose(states(plain.eval()), states(updated.eval()), atol=1e-5)  # two ways to attend
    trained = {name: one for name, one in updated.named_parameters() if one.requires_grad}
    assert sum(one.numel() for one in trained.values()) == 2 * 2 * (2 * 16 + 16 * 2)  # layers, targets, down and up
    optimiser = torch.optim.SGD(trained.values(), lr=0.1)
    for _ in range(2):
        learning(updated.train())
        optimiser.step()
    assert (states(plain.eval()) - states(updated.eval())).abs().max() > 1e-3
    own = plain.state_dict()
    kept = {name.replace(".parametrizations.weight.original", ".weight"): v for name, v in updated.state_dict().items()}
    assert all(kept[name].equal(value) for name, value in own.items() if ".parametrizations." not in name)


def test_a_low_rank_update_is_the_papers_formula() -> None:
    weight = torch.randn(3, 5)
    update = LowRankUpdate(weight, LoraConfig(rank=2, alpha=6.0))
    nn.init.normal_(update.up)
    assert torch.allclose(update(weight), weight + 6.0 / 2.0 * update.up @ update.down)
    assert torch.linalg.matrix_rank(update(weight) - weight, atol=1e-5) == 2


def test_each_layer_has_a_smaller_rate_than_the_one_above(kind: tuple[Any, Path]) -> None:
    encoder, head = build(kind, ALL), nn.Linear(2, 1)
    name, rate = ("text", 0.02) if hasattr(encoder, "tokenizer") else ("backbone", 0.01)
    config = OptimiserConfig(learning_rate=0.1, backbone_learning_rate=0.01, text_learning_rate=0.02, layer_decay=0.5)
    optimiser = make_optimiser(nn.ModuleDict({"model": head, name: encoder}), config)
    rate_of = {id(one): group["lr"] for group in optimiser.param_groups for one in group["params"]}
    stages = encoder.stages()
    assert [{rate_of[id(one)] for one in stage} for stage in stages] == [{rate / 4}, {rate / 2}, {rate}]
    assert rate_of[id(head.weight)] == 0.1
    assert len(rate_of) == sum(map(len, stages)) + 2


@pytest.mark.parametrize(
    ("tuning", "words"),
    [
        ({"trainable": True, "tuned_layers": 3}, "has 2 layers, of which 3 are to be tuned"),
        ({"trainable": True, "lora": {"targets": ["qkv"]}}, "no linear layer of the encoder is called qkv"),
    ],
)
def test_what_the_encoder_does_not_have_is_refused(kind: tuple[Any, Path], tuning: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words) as error:
        build(kind, tuning)
    assert error.value.hint


@pytest.mark.parametrize("key", ["tuned_layers", "unfreeze_every"])
def test_a_frozen_encoder_has_nothing_to_tune(key: str) -> None:
    with pytest.raises(ValueError, match=f"{key} says how an encoder is trained"):
        TextEncoderConfig.model_validate({"path": "x", key: 1})
