"""A louder copy of a recording gives a louder copy of the output; untrained weights show it as well as trained ones."""

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import nn

from merit_cli.backbones.log_mel import LogMelConfig
from merit_cli.backbones.normalisation import LevelPolicy, Normalisation
from merit_cli.backbones.trained_model import TrainedModel
from merit_cli.models.sparse_merit import SparseMeritConfig


def untrained(level: LevelPolicy) -> TrainedModel:
    torch.manual_seed(0)
    backbone = LogMelConfig().build()
    sizes = {"trunk_width": 16, "blstm_hidden": 8, "ser_hidden": 8, "expert_hidden": 16, "expert_dim": 8}
    model = SparseMeritConfig(**sizes).build(backbone.shape, num_classes=3)
    return TrainedModel(
        nn.ModuleDict({"backbone": backbone, "model": model}).eval(),
        tasks=("enhancement", "emotion"),
        labels=("a", "b", "c"),
        normalisation=Normalisation(level=level, std=0.05),
        max_duration=12.0,
        name="untrained",
    )


def noise(num_samples: int = 5_001) -> npt.NDArray[np.float32]:
    return (0.05 * np.random.default_rng(0).standard_normal(num_samples)).astype(np.float32)


@pytest.mark.parametrize("factor", [1e-3, 0.5, 40.0])
def test_output_scales_with_the_input_and_the_answer_does_not_change(factor: float) -> None:
    model = untrained("normalised")
    plain, louder = model.run(noise()), model.run(np.float32(factor) * noise())
    assert plain.enhanced_N is not None
    np.testing.assert_allclose(louder.enhanced_N, factor * plain.enhanced_N, atol=1e-5 * factor)
    np.testing.assert_allclose(louder.probability_C, plain.probability_C, atol=1e-5)


def test_the_bare_mask_is_not_gain_equivariant() -> None:
    model = untrained("natural")
    plain, louder = model.run(noise()).enhanced_N, model.run(10 * noise()).enhanced_N
    assert np.abs(louder - 10 * plain).max() > 1e-3


def test_exact_silence_stays_exact_silence() -> None:
    enhanced_N = untrained("normalised").run(np.zeros(4_000, np.float32)).enhanced_N
    assert enhanced_N.shape == (4_000,)
    assert not enhanced_N.any()
