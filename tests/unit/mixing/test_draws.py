import numpy as np
import pytest

from merit_cli.mixing.draws import Draws

STORED = [0.302775106193, 0.707127725757, 0.095893528961]


def test_a_stream_depends_on_seed_and_every_key() -> None:
    first = {Draws(*keys).uniform() for keys in [(0, "a", 1), (1, "a", 1), (0, "b", 1), (0, "a", 2), (0, "a", 1)]}
    assert len(first) == 4


def test_keys_do_not_run_into_one_another() -> None:
    assert Draws(0, "ab", "c").uniform() != Draws(0, "a", "bc").uniform()


def test_the_numbers_are_uniform() -> None:
    draws = Draws(3, "uniform")
    values = np.array([draws.uniform() for _ in range(20_000)])
    assert 0.0 <= values.min() < values.max() < 1.0
    counts = np.histogram(values, bins=20, range=(0, 1))[0]
    assert np.sum((counts - 1000) ** 2 / 1000) < 43.8  # chi-square with 19 degrees of freedom, p = .001


def test_the_stream_is_what_it_was_when_it_was_written_down() -> None:
    draws = Draws(0, "snr", "utterance")
    assert [round(draws.uniform(), 12) for _ in range(3)] == STORED  # made by this code; guards published corpora


def test_normal_numbers_have_the_asked_moments() -> None:
    draws = Draws(3, "normal")
    values = np.array([draws.normal(5.0, 2.0) for _ in range(20_000)])
    assert values.mean() == pytest.approx(5.0, abs=0.05)
    assert values.std() == pytest.approx(2.0, abs=0.05)


def test_a_permutation_holds_every_number_once_and_every_order_occurs() -> None:
    orders = {tuple(Draws(seed, "p").permutation(3)) for seed in range(200)}
    assert len(orders) == 6
    assert all(sorted(order) == [0, 1, 2] for order in orders)
