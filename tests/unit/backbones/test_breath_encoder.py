"""A frozen encoder with a head."""

import pytest
import torch
import torch.nn.functional as nnf

from merit_cli.backbones.breath_classifiers import BREATH_CLASSIFIERS, classifier_config
from merit_cli.errors import UsageError
from merit_cli.models.classifier import ClassifierConfig

WAVES_BN = torch.randn(3, 16_000, generator=torch.Generator().manual_seed(0))


def test_only_the_head_and_the_layers_weights_learn() -> None:
    network = classifier_config({"name": "encoder", "duration": 1.0}).build(4)
    nnf.cross_entropy(network(WAVES_BN), torch.tensor([0, 1, 3])).backward()
    learned = {name for name, value in network.named_parameters() if value.grad is not None and value.grad.any()}
    assert learned == {"layer_weights_L", "norm.weight", "norm.bias", "head.weight", "head.bias"}
    assert network.train().backbone.training is False


def test_layers_are_mixed_and_pooled_by_the_formula() -> None:
    network = classifier_config({"name": "encoder", "duration": 1.0}).build(4).eval()
    with torch.no_grad():
        network.layer_weights_L.copy_(torch.tensor([0.3, -1.0, 2.0]))
        scaled_BN = (WAVES_BN - WAVES_BN.mean(1, True)) / WAVES_BN.std(1, unbiased=False, keepdim=True)
        layers = network.backbone(scaled_BN, torch.full((3,), 16_000))
        weights = torch.tensor([0.3, -1.0, 2.0]).exp()
        mixed = sum(layers[:, index] * weights[index] / weights.sum() for index in range(3))
        pooled = torch.cat([mixed.mean(1), mixed.max(1).values], dim=1)
        torch.testing.assert_close(network(WAVES_BN), network.head(network.norm(pooled)), atol=1e-4, rtol=1e-4)


def test_gain_does_not_change_the_answer_and_silence_is_finite() -> None:
    network = classifier_config({"name": "encoder", "duration": 1.0}).build(2).eval()
    torch.testing.assert_close(network(WAVES_BN), network(1e-3 * WAVES_BN), atol=1e-3, rtol=1e-3)
    assert torch.isfinite(network(torch.zeros(1, 16_000))).all()


def test_a_trained_encoder_is_refused() -> None:
    with pytest.raises(UsageError, match="stays as it is"):
        classifier_config({"name": "encoder", "backbone": {"name": "huggingface", "path": "x", "trainable": True}})


@pytest.mark.parametrize("name", BREATH_CLASSIFIERS.names())
def test_every_registered_classifier_has_a_config_of_its_name(name: str) -> None:
    config = classifier_config(name)
    assert isinstance(config, ClassifierConfig)
    assert config.model_dump()["name"] == name
    assert config.num_samples == round(config.duration * config.sample_rate)
