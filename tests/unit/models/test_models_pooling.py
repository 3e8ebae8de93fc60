"""Attentive statistics pooling equals its formula, utterance by utterance."""

import pytest
import torch

from merit_cli.models.pooling import AttentiveStatisticsPooling


def naive(pool: AttentiveStatisticsPooling, frames: torch.Tensor) -> torch.Tensor:
    frames = frames.detach()
    scores = [
        sum(
            pool.vector_D[i].item() * torch.tanh(pool.project.weight[i] @ frame + pool.project.bias[i]).item()
            for i in range(len(frame))
        )
        for frame in frames
    ]
    weights = torch.softmax(torch.tensor(scores, dtype=frames.dtype), 0)
    mean = sum(weight * frame for weight, frame in zip(weights, frames, strict=True))
    square = sum(weight * frame * frame for weight, frame in zip(weights, frames, strict=True))
    return torch.cat([mean, (square - mean * mean).clamp(min=1e-5).sqrt()])


def test_pooling_equals_the_naive_formula_over_valid_frames() -> None:
    torch.manual_seed(0)
    pool = AttentiveStatisticsPooling(5).double()
    frames = torch.randn(3, 9, 5, dtype=torch.float64)
    counts = torch.tensor([9, 1, 4])
    pooled = pool(frames, torch.arange(9) < counts.unsqueeze(1))
    for row, utterance, count in zip(pooled, frames, counts.tolist(), strict=True):
        assert torch.allclose(row, naive(pool, utterance[:count]), rtol=1e-10, atol=1e-12)


def test_one_frame_has_the_floor_as_its_deviation() -> None:
    pool = AttentiveStatisticsPooling(4)
    pooled = pool(torch.ones(1, 3, 4), torch.tensor([[True, False, False]]))
    assert torch.allclose(pooled[0, 4:], torch.full((4,), 1e-5**0.5))


def test_an_utterance_without_frames_is_finite_and_passes_no_nan_back() -> None:
    pool = AttentiveStatisticsPooling(4)
    frames = torch.ones(1, 3, 4, requires_grad=True)
    pooled = pool(frames, torch.zeros(1, 3, dtype=torch.bool))
    pooled.sum().backward()
    assert torch.isfinite(pooled).all()
    assert torch.isfinite(frames.grad).all()


@pytest.mark.parametrize(("init", "expected"), [("scaled", 1 / 4096), ("unit", 1.0)])
def test_attention_starts_with_the_stated_variance(init: str, expected: float) -> None:
    torch.manual_seed(0)
    with torch.no_grad():
        variance = AttentiveStatisticsPooling(4096, attention_init=init).vector_D.var().item()
    assert variance == pytest.approx(expected, rel=0.1)
