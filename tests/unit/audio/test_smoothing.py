import numpy as np
import pytest

from merit_cli.audio.smoothing import (
    hann_over_frequency,
    hann_sum,
    smooth_over_frequency,
    smooth_over_time,
    smoothing_for_hop,
)


def _exponential(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    """Power of complex Gaussian noise with mean 1."""
    return np.random.default_rng(seed).exponential(size=shape).astype(np.float32)


def test_smoothing_keeps_its_time_constant() -> None:
    assert smoothing_for_hop(0.9, stated_hop=0.016, hop=0.008) ** 2 == pytest.approx(0.9)


def test_smoothing_over_frequency_equals_a_naive_mean() -> None:
    power = _exponential((4, 9))
    naive = [[power[t, max(0, k - 2) : k + 3].mean() for k in range(9)] for t in range(4)]
    assert smooth_over_frequency(power, num_bins=5) == pytest.approx(np.array(naive), rel=1e-5)


@pytest.mark.parametrize("half_width", [1, 3, 15])
def test_hann_mean_equals_a_naive_one(half_width: int) -> None:
    power = _exponential((3, 20))
    naive = np.zeros((3, 20))
    for k in range(20):
        near = [j for j in range(20) if abs(j - k) <= half_width]
        weights = [0.5 + 0.5 * np.cos(np.pi * (j - k) / (half_width + 1)) for j in near]
        naive[:, k] = power[:, near] @ weights / np.sum(weights)
    assert hann_over_frequency(power, half_width=half_width) == pytest.approx(naive, rel=1e-5)


def test_hann_sum_is_the_mean_over_three_bins_where_all_three_are() -> None:
    power = _exponential((3, 9))
    mean = hann_over_frequency(power, half_width=1)
    assert hann_sum(power)[:, 1:-1] == pytest.approx(mean[:, 1:-1], rel=1e-5)


def test_smoothing_over_time_in_blocks_equals_the_whole() -> None:
    power = _exponential((30, 4))
    first = smooth_over_time(power[:11], None, keep=0.9)
    rest = smooth_over_time(power[11:], first[-1], keep=0.9)
    assert np.array_equal(np.concatenate([first, rest]), smooth_over_time(power, None, keep=0.9))
