"""Loaders of the train and dev splits: in a job of several processes, of this process's share."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch.utils.data import DataLoader

from merit_cli.backbones.normalisation import Normalisation
from merit_cli.carriers import SpeechBatch
from merit_cli.data.class_balance import Balance
from merit_cli.data.collate import EffectiveBatch, EffectiveCollate, collate
from merit_cli.data.dataset import Scale, SpeechDataset
from merit_cli.data.fresh_mixtures import FreshMixtures, MixSources
from merit_cli.data.kept_features import KeptFeatures
from merit_cli.data.sampler import LengthBucketSampler
from merit_cli.manifests.utterance import Utterance
from merit_cli.training.ranks import gathered, num_ranks, rank
from merit_cli.units import Seconds
from merit_cli.workers import Progress


@dataclass(frozen=True)
class Loaders:
    """Effective batches of the train split, and batches of the dev split, longest first."""

    train: DataLoader[EffectiveBatch]
    dev: DataLoader[SpeechBatch]


def make_loaders(
    train: Sequence[Utterance],
    dev: Sequence[Utterance],
    *,
    classes: Sequence[str],
    normalisation: Normalisation,
    max_duration: Seconds,
    kept: KeptFeatures,
    batch_size: int,
    accumulation: int,
    overfit_batches: int,
    seed: int,
    num_workers: int,
    sources: MixSources | None = None,
    balance: Balance = "none",
    attribute_scale: Scale | None = None,
) -> Loaders:
    """Loaders for a run.

    Args:
        train: Utterances to learn from.
        dev: Utterances that choose the epoch.
        classes: Emotion labels in the order of their class indices.
        normalisation: Scale of the model.
        max_duration: Only the first seconds of an utterance are used.
        kept: Features of frozen encoders.
        batch_size: Utterances of a micro-batch.
        accumulation: Micro-batches of an optimiser step; several processes share its utterances.
        overfit_batches: Use only so many steps' utterances, for training and dev; 0 uses all.
        seed: Of the order.
        num_workers: Loader processes.
        sources: What to draw fresh mixtures of the train split from; None trains on those that were rendered.
        balance: How often each class stands in an epoch of the train split.
        attribute_scale: Lowest and highest rating of arousal, valence and dominance; None leaves them out.
    """

    def dataset(utterances: Sequence[Utterance]) -> SpeechDataset:
        return SpeechDataset(
            utterances,
            classes=classes,
            normalisation=normalisation,
            max_duration=max_duration,
            kept=kept,
            attribute_scale=attribute_scale,
        )

    def sampler(items: SpeechDataset) -> LengthBucketSampler:
        lengths = [items.num_samples(index) for index in range(len(items))]
        return LengthBucketSampler(
            lengths,
            items_per_batch=batch_size * accumulation,
            seed=seed,
            share=(rank(), num_ranks()),
            classes=[items.emotion(index) for index in range(len(items))],
            balance=balance,
        )

    train_set, dev_set = dataset(train), dataset(dev)
    if sources is not None:
        train_set = FreshMixtures(
            train,
            sources=sources,
            classes=classes,
            normalisation=normalisation,
            max_duration=max_duration,
            kept=kept,
            attribute_scale=attribute_scale,
        )
    batches = sampler(train_set)
    if overfit_batches:
        rows = dict.fromkeys(index for batch in batches.batches(1)[:overfit_batches] for index in batch)
        chosen = [train[index] for index in rows]
        train_set = dev_set = dataset(chosen)
        batches = sampler(train_set)
    order = sorted(range(len(dev_set)), key=lambda index: (-dev_set.num_samples(index), index))
    dev_batches = [order[start : start + batch_size] for start in range(0, len(order), batch_size)]
    dev_batches = dev_batches[rank() :: num_ranks()]
    # With a generator of its own a loader draws nothing from torch's, which a resume must find unmoved.
    common: dict[str, Any] = {"num_workers": num_workers, "generator": torch.Generator()}
    train_items, dev_items = cast(Any, train_set), cast(Any, dev_set)  # a loader is typed by its batches, not items
    return Loaders(
        DataLoader(train_items, batch_sampler=batches, collate_fn=EffectiveCollate(batch_size), **common),
        DataLoader(dev_items, batch_sampler=dev_batches, collate_fn=collate, **common),
    )


def make_features(loaders: Loaders, *, device: str, progress: Progress) -> None:
    """Make the kept features that are not there yet, before the first epoch, each by one process of the job.

    Only a run's own process can ask an encoder on a GPU; those that a loader starts read what lies there. Without such
    processes nothing is done: features are made as items are first asked for.

    Args:
        loaders: Of the run.
        device: Where the encoders work meanwhile.
        progress: Told how far it is.
    """
    if not loaders.train.num_workers:
        return
    sets = [cast(SpeechDataset, loader.dataset) for loader in (loaders.train, loaders.dev)]
    kept = sets[0].kept
    for encoder in kept.encoders():
        encoder.to(device)
    total = sum(map(len, sets)) if kept.encoders() else 0
    mine = [(items, index) for items in sets for index in range(len(items))][rank() :: num_ranks()] if total else []
    for number, (items, index) in enumerate(mine, start=1):
        items[index]
        progress("encode", min(number * num_ranks(), total), total)
    for encoder in kept.encoders():
        encoder.to("cpu")
    gathered(None)
