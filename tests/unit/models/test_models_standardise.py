"""Running statistics equal those of all frames while every batch weighs alike."""

import torch

from merit_cli.models.standardise import RunningStandardiser


def test_statistics_are_those_of_all_valid_frames_so_far() -> None:
    generator = torch.Generator().manual_seed(0)
    module = RunningStandardiser(3).double()
    frames = [torch.randn(2, 10, 3, generator=generator, dtype=torch.float64) * 3 + 5 * step for step in range(4)]
    valid = torch.ones(2, 10, dtype=torch.bool)
    valid[1, 6:] = False
    for batch in frames:
        module(batch, valid)
    pooled = torch.cat([batch[valid] for batch in frames])
    assert torch.allclose(module.mean_D, pooled.mean(0))
    assert torch.allclose(module.variance_D, pooled.var(0, unbiased=False))


def test_evaluation_leaves_the_statistics_alone() -> None:
    module = RunningStandardiser(3).eval()
    module(torch.randn(1, 5, 3), torch.ones(1, 5, dtype=torch.bool))
    assert module.num_batches.item() == 0
    assert not module.mean_D.any()
