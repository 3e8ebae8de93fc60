"""Normalisations of padded maps equal torch's on what is valid."""

import pytest
import torch
from torch import nn

from merit_cli.models.padded_norms import GlobalLayerNorm, PaddedBatchNorm, PaddedInstanceNorm

MAPS = torch.randn(2, 3, 7, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 3.0 + 1.0
LENGTHS = (7, 4)
MASK = (torch.arange(7) < torch.tensor(LENGTHS)[:, None])[:, None, :, None]


@pytest.mark.parametrize("kind", [PaddedInstanceNorm, GlobalLayerNorm])
def test_an_utterances_statistics_leave_its_padding_out(kind: type[nn.Module]) -> None:
    norm = kind(3).double()
    together = norm(MAPS, MASK)
    for row, length in enumerate(LENGTHS):
        alone = norm(MAPS[row : row + 1, :, :length], None)
        torch.testing.assert_close(together[row : row + 1, :, :length], alone)


def test_instance_and_global_norm_equal_torchs() -> None:
    torch.testing.assert_close(PaddedInstanceNorm(3).double()(MAPS, None), nn.InstanceNorm2d(3).double()(MAPS))
    torch.testing.assert_close(GlobalLayerNorm(3).double()(MAPS, None), nn.GroupNorm(1, 3).double()(MAPS))


def test_batch_norm_without_padding_equals_torchs() -> None:
    ours, torchs = PaddedBatchNorm(3).double(), nn.BatchNorm2d(3).double()
    for mask in (None, torch.ones_like(MASK)):
        torch.testing.assert_close(ours(MAPS, mask), torchs(MAPS))
    torch.testing.assert_close(ours.running_mean, torchs.running_mean)
    torch.testing.assert_close(ours.running_var, torchs.running_var)
    torch.testing.assert_close(ours.eval()(MAPS, MASK), torchs.eval()(MAPS))


def test_batch_norm_takes_its_statistics_from_valid_frames() -> None:
    norm = PaddedBatchNorm(3).double()
    normed = norm(MAPS, MASK)
    valid = torch.cat([MAPS[row, :, :length].flatten(1) for row, length in enumerate(LENGTHS)], dim=1)
    expected = (MAPS[1, :, 2, 1] - valid.mean(1)) / (valid.var(1, unbiased=False) + 1e-5).sqrt()
    torch.testing.assert_close(normed[1, :, 2, 1], expected)
    torch.testing.assert_close(norm.running_var, 0.9 + 0.1 * valid.var(1))
