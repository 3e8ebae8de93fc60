"""Wave-U-Net and MANNER at the paper's size fit a batch of the bundled sample, and still do in eval mode."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from torch import Tensor, nn

from merit_cli.assets import bundled
from merit_cli.carriers import MultiTaskOutput
from merit_cli.losses.enhancement import EnhancementTerms
from merit_cli.losses.multi_resolution import MultiResolutionConfig
from merit_cli.losses.objective import ObjectiveConfig, loss_terms, objective_sums
from merit_cli.losses.waveform import negative_ratio
from merit_cli.models.manner import MannerConfig
from merit_cli.models.wave_u_net import WaveUNetConfig

SECOND = 16_000
L1 = EnhancementTerms(log1p_l1=0.0, l1=1.0)
L1_AND_RESOLUTIONS = L1.model_copy(
    update={"multi_resolution": MultiResolutionConfig(convergence_weight=0.05, magnitude_weight=0.05)}
)


def mixed_seconds(num: int) -> tuple[Tensor, Tensor]:
    """Noisy and clean seconds of the bundled sample at 0 dB, (num, N) each."""
    folder = bundled("data_manifests/sample")
    clean, noise = (
        torch.stack([unit_second(folder, line) for line in (folder / name).read_text("utf-8").splitlines()[:num]])
        for name in ("speech.jsonl", "noise.jsonl")
    )
    return clean + noise, clean


def unit_second(folder: Path, line: str) -> Tensor:
    """A second of a manifest line's recording at an RMS of 1."""
    samples, _ = soundfile.read(folder / json.loads(line)["audio"], dtype="float32")
    start = min(4000, max(0, len(samples) - SECOND))
    part = np.pad(samples[start : start + SECOND], (0, max(0, SECOND - len(samples))))
    return torch.from_numpy(part / np.sqrt(np.mean(np.square(part))))


def fit(model: nn.Module, noisy: Tensor, clean: Tensor, terms: EnhancementTerms, *, steps: int, rate: float) -> None:
    """Adam on one batch, on the objective that a recipe composes."""
    lengths = torch.full((len(clean),), clean.shape[1])
    optimiser = torch.optim.Adam(model.parameters(), rate)
    for _ in range(steps):
        optimiser.zero_grad()
        output = MultiTaskOutput(enhanced_BN=model(noisy, lengths))
        sums = objective_sums(output, lengths_B=lengths, clean_BN=clean, terms=terms)
        loss_terms(sums, ObjectiveConfig(enhancement=terms)).total.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimiser.step()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("config", "num_clips", "terms", "steps", "rate"),
    [
        pytest.param(WaveUNetConfig(), 2, L1, 110, 1e-3, id="wave-u-net"),
        pytest.param(MannerConfig(size="small"), 1, L1_AND_RESOLUTIONS, 60, 2e-3, id="manner-small"),
        pytest.param(MannerConfig(), 1, L1, 55, 2e-3, id="manner-base"),
    ],
)
def test_a_network_of_the_papers_size_fits_a_batch_to_15_db(
    config: WaveUNetConfig | MannerConfig, num_clips: int, terms: EnhancementTerms, steps: int, rate: float
) -> None:
    torch.manual_seed(0)
    noisy, clean = mixed_seconds(num_clips)
    lengths = torch.full((num_clips,), SECOND)
    model = config.build()
    fit(model, noisy, clean, terms, steps=steps, rate=rate)
    before_db = -negative_ratio(noisy, clean, lengths).item()
    with torch.no_grad():
        after_db = -negative_ratio(model.eval()(noisy), clean, lengths).item()
    assert abs(before_db) < 1.0  # mixed at 0 dB
    assert after_db - before_db >= 15.0
