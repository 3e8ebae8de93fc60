"""No join of chunks is heard, on a tone and on noise, where a network is given a long signal in pieces."""

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from merit_cli.backbones.normalisation import Normalisation
from merit_cli.backbones.trained_model import TrainedModel
from merit_cli.backbones.waveform import WaveformConfig
from merit_cli.enhancers.contract import Contracted
from merit_cli.enhancers.from_checkpoint import CheckpointEngine
from merit_cli.models.wave_u_net import WaveUNetConfig
from merit_cli.models.waveform_model import WaveformModel

FloatArray = npt.NDArray[np.float32]
RATE = 16000
BLOCK = 160
"""10 ms: a click is louder in one of these than its surroundings."""


def network() -> CheckpointEngine:
    """Untrained weights, moved from their start at the noisy input, so that the chunks differ at their ends."""
    torch.manual_seed(0)
    model = WaveformModel(WaveUNetConfig(num_layers=4, channels=6).build())
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    backbone = WaveformConfig().build()
    return CheckpointEngine(
        TrainedModel(
            nn.ModuleDict({"backbone": backbone, "model": model}).eval(),
            tasks=("enhancement",),
            labels=(),
            normalisation=Normalisation(level="normalised", std=0.05),
            max_duration=12.0,
            name="untrained",
        )
    )


def tone() -> FloatArray:
    """At 437 Hz, and no join in phase with it."""
    return (0.1 * np.sin(2 * np.pi * 437.3 * np.arange(8 * RATE) / RATE)).astype(np.float32)


def noise() -> FloatArray:
    return (0.05 * np.random.default_rng(0).standard_normal(8 * RATE)).astype(np.float32)


def loudest_click_db(samples_N: FloatArray) -> float:
    """The loudest block of the fourth difference, where a step stands out of a tone, over the median block, in dB."""
    sharp = np.diff(samples_N.astype(np.float64), 4)[BLOCK:-BLOCK]
    blocks = sharp[: len(sharp) // BLOCK * BLOCK].reshape(-1, BLOCK)
    power = np.sort(np.mean(blocks**2, axis=1))
    return float(10 * np.log10(power[-1] / np.median(power)))


def test_chunks_of_a_tone_join_without_a_click() -> None:
    """End to end without context the joins stand out by 20 dB: what this measure hears."""
    engine = network()
    whole, joined = (Contracted(engine, chunk=seconds)(tone(), RATE) for seconds in (60.0, 1.0))
    hard = np.concatenate([Contracted(engine)(piece, RATE) for piece in tone().reshape(-1, RATE)])
    assert loudest_click_db(joined) < loudest_click_db(whole) + 0.5
    assert loudest_click_db(hard) > loudest_click_db(whole) + 10.0


def test_chunks_of_noise_lie_nowhere_apart_from_the_whole() -> None:
    """No 10 ms at a join or elsewhere differ by more than -40 dB, far below what noise masks."""
    engine = network()
    whole, joined = (Contracted(engine, chunk=seconds)(noise(), RATE) for seconds in (60.0, 1.0))
    apart = np.mean((joined - whole).reshape(-1, BLOCK).astype(np.float64) ** 2, axis=1)
    assert 10 * np.log10(apart.max() / np.mean(whole.astype(np.float64) ** 2)) < -40
