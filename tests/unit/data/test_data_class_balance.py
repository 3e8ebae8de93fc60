"""How often each class and each item stands in an epoch, and that a resume finds the same batches."""

from collections import Counter

import numpy as np
import pytest

from merit_cli.carriers import NO_LABEL
from merit_cli.data.class_balance import Balance
from merit_cli.data.sampler import LengthBucketSampler

CLASSES = [0] * 50 + [1] * 20 + [2] * 7 + [NO_LABEL] * 3
LENGTHS = [100 * (1 + (7 * index) % 40) for index in range(len(CLASSES))]


def sampler(balance: Balance, seed: int = 3) -> LengthBucketSampler:
    return LengthBucketSampler(LENGTHS, items_per_batch=8, seed=seed, classes=CLASSES, balance=balance)


def items(one: LengthBucketSampler, epoch: int) -> list[int]:
    return [index for batch in one.batches(epoch) for index in batch]


@pytest.mark.parametrize(
    ("balance", "expected"),
    [("none", {0: 50, 1: 20, 2: 7}), ("up", {0: 50, 1: 50, 2: 50}), ("down", {0: 7, 1: 7, 2: 7})],
)
def test_an_epoch_has_each_class_as_often_as_asked(balance: Balance, expected: dict[int, int]) -> None:
    for epoch in (1, 2):
        drawn = items(sampler(balance), epoch)
        assert Counter(CLASSES[index] for index in drawn) == {**expected, NO_LABEL: 3}
        assert len(sampler(balance)) == len(sampler(balance).batches(epoch))


def test_up_shows_every_item_and_none_more_than_once_oftener_than_its_class_mates() -> None:
    times = Counter(items(sampler("up"), 1))
    assert {times[index] for index in range(50)} == {1}
    assert {times[index] for index in range(50, 70)} == {2, 3}
    assert {times[index] for index in range(70, 77)} == {7, 8}


def test_down_shows_no_item_twice_and_others_in_another_epoch() -> None:
    first, second = (items(sampler("down"), epoch) for epoch in (1, 2))
    assert len(set(first)) == len(first)
    assert set(first) != set(second)
    seen = {index for epoch in range(1, 60) for index in items(sampler("down"), epoch)}
    assert seen == set(range(len(CLASSES)))


@pytest.mark.parametrize("balance", ["up", "down"])
def test_batches_are_fixed_by_seed_and_epoch(balance: Balance) -> None:
    assert sampler(balance).batches(1) == sampler(balance).batches(1)
    assert sampler(balance).batches(1) != sampler(balance).batches(2)
    assert sampler(balance).batches(1) != sampler(balance, seed=4).batches(1)


@pytest.mark.parametrize("balance", ["up", "down"])
@pytest.mark.parametrize("done", [0, 1, 2])
def test_a_resumed_epoch_goes_on_with_the_same_draw(balance: Balance, done: int) -> None:
    whole, resumed = sampler(balance), sampler(balance)
    whole.set_epoch(4)
    resumed.restore(whole.state(epoch=4, batches_done=done))
    resumed.set_epoch(4)
    assert list(resumed) == list(whole)[done:]


def test_several_processes_share_the_batches_of_one() -> None:
    parts = [
        LengthBucketSampler(LENGTHS, items_per_batch=8, seed=3, share=(n, 2), classes=CLASSES, balance="up")
        for n in range(2)
    ]
    joined = [sorted(a + b) for a, b in zip(*(list(part) for part in parts), strict=True)]
    assert joined == [sorted(batch) for batch in sampler("up").batches(1)]


def test_without_balance_the_order_is_that_of_a_sampler_without_classes() -> None:
    plain = LengthBucketSampler(LENGTHS, items_per_batch=8, seed=3)
    assert sampler("none").batches(5) == plain.batches(5)
    order = np.array(items(plain, 5))
    assert np.array_equal(np.sort(order), np.arange(len(CLASSES)))
