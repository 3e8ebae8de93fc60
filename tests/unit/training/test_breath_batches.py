"""The order and the changes of training clips."""

from collections import Counter

import torch
from torch import Tensor

from merit_cli.training.breath_batches import ClipSet, EpochBatches

LABELS_B = torch.tensor([0] * 6 + [1] * 3 + [2])
CLIPS = ClipSet(torch.arange(10.0)[:, None].repeat(1, 4), LABELS_B)


def _epoch(batches: EpochBatches, epoch: int) -> tuple[list[int], list[int]]:
    batches.start_epoch(epoch)
    waves, labels = zip(*[batches[index] for index in range(len(batches))], strict=True)
    return torch.cat(waves)[:, 0].long().tolist(), torch.cat(labels).tolist()


def _batches(balance: str = "none", seed: int = 0) -> EpochBatches:
    return EpochBatches(CLIPS, batch_size=4, max_shift=0.0, seed=seed, balance=balance)  # type: ignore[arg-type]


def test_an_epoch_has_every_clip_once_with_its_label() -> None:
    items, labels = _epoch(_batches(), 1)
    assert sorted(items) == list(range(10))
    assert labels == LABELS_B[items].tolist()


def test_balanced_up_every_class_stands_as_often_as_the_largest() -> None:
    items, labels = _epoch(_batches("up"), 1)
    assert Counter(labels) == {0: 6, 1: 6, 2: 6}
    assert labels == LABELS_B[items].tolist()
    assert len(_batches("up")) == 5


def test_balanced_down_every_class_stands_once_and_another_draw_follows() -> None:
    batches = _batches("down")
    first, labels = _epoch(batches, 1)
    assert sorted(labels) == [0, 1, 2]
    assert any(sorted(first) != sorted(_epoch(batches, epoch)[0]) for epoch in (2, 3, 4))


def test_an_epoch_depends_on_seed_and_number_alone() -> None:
    batches = _batches("up")
    _epoch(batches, 1)
    assert _epoch(batches, 3) == _epoch(_batches("up"), 3)
    assert _epoch(batches, 3) != _epoch(_batches("up", seed=1), 3)


def test_a_fresh_signal_takes_the_place_of_the_clip() -> None:
    class Fresh:
        epoch = 0

        def draw_epoch(self, epoch: int) -> None:
            self.epoch = epoch

        def wave(self, index: int) -> Tensor | None:
            return torch.full((4,), 100.0 * self.epoch) if index == 3 else None

    batches = EpochBatches(CLIPS, batch_size=4, max_shift=0.0, seed=0, fresh=Fresh())
    items, _ = _epoch(batches, 2)
    assert sorted(items) == [0, 1, 2, 4, 5, 6, 7, 8, 9, 200]


def test_a_shift_turns_a_clip_and_a_repeated_clip_another_way() -> None:
    clips = ClipSet(torch.arange(64.0).repeat(3, 1), torch.tensor([0, 0, 1]))
    batches = EpochBatches(clips, batch_size=8, max_shift=1.0, seed=0, balance="up")
    waves_BN, labels_B = batches[0]
    assert all(torch.equal(wave.sort().values, torch.arange(64.0)) for wave in waves_BN)
    twice = waves_BN[labels_B == 1]
    assert len(twice) == 2
    assert not torch.equal(twice[0], twice[1])
