from dataclasses import replace

import numpy as np
import pytest
import torch

from merit_cli.carriers import NO_LABEL
from merit_cli.data.collate import EffectiveCollate, collate, to_device
from merit_cli.data.dataset import SpeechItem
from merit_cli.data.sampler import LengthBucketSampler

LENGTHS = [100 * (1 + (7 * index) % 40) for index in range(101)]


def item(name: str, num_samples: int, *, with_clean: bool = True, emotion: int = 0) -> SpeechItem:
    noisy = np.arange(1, num_samples + 1, dtype=np.float32)
    features = np.ones((2, num_samples // 2, 3), dtype=np.float32)
    return SpeechItem(name, noisy, noisy / 2 if with_clean else None, emotion, features)


def test_items_are_padded_with_zeros_and_lengths_kept() -> None:
    batch = collate([item("a", 4), item("b", 6)])
    assert batch.lengths_B.tolist() == [4, 6]
    assert batch.noisy_BN.tolist() == [[1, 2, 3, 4, 0, 0], [1, 2, 3, 4, 5, 6]]
    assert batch.features_BLTD is not None
    assert batch.features_BLTD.shape == (2, 2, 3, 3)
    assert batch.features_BLTD[0, :, 2].abs().sum() == 0


def test_a_target_that_one_item_lacks_is_left_out_but_labels_are_kept() -> None:
    batch = collate([item("a", 4), item("b", 6, with_clean=False, emotion=NO_LABEL)])
    assert batch.clean_BN is None
    assert batch.emotion_B is not None
    assert batch.emotion_B.tolist() == [0, NO_LABEL]


def test_an_effective_batch_holds_every_item_once() -> None:
    parts = EffectiveCollate(3)([item(str(n), n) for n in (2, 9, 4, 7, 5, 8, 6)])
    assert [len(part.ids) for part in parts] == [3, 3, 1]
    assert sorted(name for part in parts for name in part.ids) == list("2456789")


def test_a_batch_on_its_device_is_itself() -> None:
    batch = collate([item("a", 4)])
    assert to_device(batch, torch.device("cpu")) is batch


def test_an_epoch_has_every_item_once() -> None:
    sampler = LengthBucketSampler(LENGTHS, items_per_batch=8, seed=3)
    for epoch in (1, 2):
        assert sorted(index for batch in sampler.batches(epoch) for index in batch) == list(range(101))
    assert len(sampler) == len(sampler.batches(1)) == 13


def test_epochs_differ_and_the_same_epoch_is_the_same() -> None:
    first, second = (LengthBucketSampler(LENGTHS, items_per_batch=8, seed=3) for _ in range(2))
    assert first.batches(1) == second.batches(1)
    assert first.batches(1) != first.batches(2)
    assert first.batches(1) != LengthBucketSampler(LENGTHS, items_per_batch=8, seed=4).batches(1)


def test_batches_hold_items_of_like_length() -> None:
    def padding(batches: list[list[int]]) -> int:
        return sum(max(LENGTHS[i] for i in batch) * len(batch) - sum(LENGTHS[i] for i in batch) for batch in batches)

    bucketed = LengthBucketSampler(LENGTHS, items_per_batch=8, seed=3).batches(1)
    order = np.random.default_rng(0).permutation(101).tolist()
    assert padding(bucketed) < 0.3 * padding([order[start : start + 8] for start in range(0, 101, 8)])


@pytest.mark.parametrize("done", [0, 1, 5, 12, 13])
def test_a_restored_sampler_goes_on_behind_the_batches_that_were_done(done: int) -> None:
    whole = LengthBucketSampler(LENGTHS, items_per_batch=8, seed=3)
    whole.set_epoch(4)
    resumed = LengthBucketSampler(LENGTHS, items_per_batch=8, seed=3)
    resumed.restore(whole.state(epoch=4, batches_done=done))
    resumed.set_epoch(4)
    assert list(resumed) == list(whole)[done:]
    resumed.set_epoch(5)
    assert list(resumed) == whole.batches(5)


def test_shares_and_attributes_that_an_item_lacks_are_zeros_and_nan() -> None:
    rated = replace(
        item("a", 4),
        emotion_share_C=np.array([0.25, 0.75], dtype=np.float32),
        attributes_A=np.array([0.5, 1.0, np.nan], dtype=np.float32),
    )
    batch = collate([rated, item("b", 6)])
    assert batch.emotion_share_BC is not None
    assert batch.attributes_BA is not None
    assert batch.emotion_share_BC.tolist() == [[0.25, 0.75], [0.0, 0.0]]
    assert batch.attributes_BA.isnan().tolist() == [[False, False, True], [True, True, True]]
    bare = collate([item("a", 4)])
    assert (bare.emotion_share_BC, bare.attributes_BA) == (None, None)
