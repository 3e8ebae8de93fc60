"""Signals enhanced together come out as each by itself."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import nn

from merit_cli.backbones.log_mel import LogMelConfig
from merit_cli.backbones.normalisation import Normalisation
from merit_cli.backbones.trained_model import TrainedModel
from merit_cli.backbones.waveform import WaveformConfig
from merit_cli.enhancers.contract import Contracted
from merit_cli.enhancers.from_checkpoint import CheckpointEngine
from merit_cli.enhancers.identity import IdentityConfig
from merit_cli.enhancers.together import enhance_together
from merit_cli.errors import BadData, MeritError
from merit_cli.models.manner import MannerConfig
from merit_cli.models.naive_multitask import EnhancementConfig
from merit_cli.models.wave_u_net import WaveUNetConfig
from merit_cli.models.waveform_model import WaveformModel

FloatArray = npt.NDArray[np.float32]
LENGTHS = (9000, 1, 333, 0, 40_000, 9000, 12_345)
"""Of signals at 16 kHz: shorter than a frame, none at all, longer than a chunk of a second."""


class Counting(CheckpointEngine):
    """Notes how many signals each call was given."""

    def __init__(self, model: TrainedModel) -> None:
        super().__init__(model)
        self.calls: list[int] = []

    def process_together(self, noisy: Sequence[FloatArray], sample_rate: int) -> list[FloatArray]:
        self.calls.append(len(noisy))
        return super().process_together(noisy, sample_rate)


def untrained(name: str) -> Counting:
    torch.manual_seed(0)
    backbone = LogMelConfig().build() if name == "se" else WaveformConfig().build()
    if name == "se":
        model: nn.Module = EnhancementConfig(trunk_width=16, blstm_hidden=8).build(backbone.shape, 2)
    elif name == "manner":
        model = WaveformModel(MannerConfig(hidden=6, depth=2).build())
    else:
        model = WaveformModel(WaveUNetConfig(num_layers=3, channels=4).build())
    return Counting(
        TrainedModel(
            nn.ModuleDict({"backbone": backbone, "model": model}).eval(),
            tasks=("enhancement",),
            labels=(),
            normalisation=Normalisation(level="natural" if name == "se" else "normalised", std=0.05),
            max_duration=12.0,
            name=name,
        )
    )


@pytest.fixture
def signals() -> list[FloatArray]:
    generator = np.random.default_rng(0)
    return [(0.1 * generator.standard_normal(count)).astype(np.float32) for count in LENGTHS]


@pytest.mark.parametrize("name", ["se", "wave-u-net", "manner"])
def test_no_signal_shows_what_it_was_enhanced_with(name: str, signals: list[FloatArray]) -> None:
    enhancer = Contracted(untrained(name), chunk=1.0, noisy_share=0.1)
    together = enhance_together(enhancer, [(one, 16000) for one in signals], batch_size=3)
    for made, noisy in zip(together, signals, strict=True):
        assert not isinstance(made, MeritError)
        np.testing.assert_allclose(made, enhancer(noisy, 16000), rtol=0, atol=1e-6)
        assert not np.array_equal(made, noisy) or not noisy.size


def test_chunks_of_long_signals_share_batches_with_short_ones(signals: list[FloatArray]) -> None:
    engine = untrained("wave-u-net")
    enhance_together(Contracted(engine, chunk=1.0), [(one, 16000) for one in signals], batch_size=4)
    assert sum(engine.calls) == 5 + 4  # short ones with a sample, and the chunks of 40 000 samples
    assert max(engine.calls) == 4
    assert len(engine.calls) == 3


def test_other_rates_and_silence_keep_the_contract() -> None:
    enhancer = Contracted(untrained("wave-u-net"))
    noise = (0.1 * np.random.default_rng(1).standard_normal(8000)).astype(np.float32)
    given = [(noise, 8000), (np.zeros(500, np.float32), 16000), (noise, 48000)]
    together = enhance_together(enhancer, given, batch_size=8)
    for made, one in zip(together, given, strict=True):
        np.testing.assert_allclose(made, enhancer(*one), rtol=0, atol=1e-6)
    assert not np.any(together[1])


def test_one_signal_that_is_not_finite_costs_itself_only() -> None:
    good = (0.1 * np.random.default_rng(1).standard_normal(8000)).astype(np.float32)
    bad = good.copy()
    bad[5] = np.nan
    enhancer = Contracted(untrained("wave-u-net"))
    first, second, third = enhance_together(enhancer, [(good, 16000), (bad, 16000), (good, 16000)], batch_size=2)
    assert isinstance(second, BadData)
    np.testing.assert_allclose(first, enhancer(good, 16000), rtol=0, atol=1e-6)
    np.testing.assert_allclose(third, enhancer(good, 16000), rtol=0, atol=1e-6)


def test_an_engine_that_takes_one_at_a_time_is_given_one_at_a_time(signals: list[FloatArray]) -> None:
    together = enhance_together(IdentityConfig().build(), [(one, 16000) for one in signals], batch_size=4)
    assert all(np.array_equal(made, noisy) for made, noisy in zip(together, signals, strict=True))
