"""Training a breath classifier on a manifest: train learns, dev chooses the epoch and the thresholds."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from merit_cli.corpora.breath_labels import TWO_CLASSES, two_class_label
from merit_cli.errors import BadData, NoInput
from merit_cli.io.ledger import Ledger
from merit_cli.manifests.read_write import Card
from merit_cli.manifests.utterance import Utterance
from merit_cli.metrics.respiratory import icbhi_score
from merit_cli.training.breath_batches import ClipSet
from merit_cli.training.breath_brain import DevScore, FitSettings, fit_breath
from merit_cli.workers import Machine
from merit_cli.workflows.classify_breath.abstain import AbstainRule, fit_abstention
from merit_cli.workflows.classify_breath.answers import probabilities_of
from merit_cli.workflows.classify_breath.cycles import Clip, load_clips
from merit_cli.workflows.classify_breath.model_folder import BreathModel, BreathModelCard, save_model
from merit_cli.workflows.classify_breath.noise_injection import NoisyClips
from merit_cli.workflows.classify_breath.recipe import BreathRecipe
from merit_cli.workflows.classify_breath.recordings import CutSettings

_OPEN_RULE = AbstainRule(0.0, 0.0)


@dataclass(frozen=True)
class LabelledCycles:
    """The cycles of a corpus that a recipe can use.

    Args:
        cycles: With a label among the recipe's classes.
        card: Its notes grow by what was left out.
    """

    cycles: list[Utterance]
    card: Card

    def of(self, split: str) -> list[Utterance]:
        """The cycles of one split.

        Raises:
            NoInput: It is empty.
        """
        found = [cycle for cycle in self.cycles if cycle.split == split]
        if not found:
            raise NoInput(f"the corpus has no {split} cycle", place=self.card.name, hint="merit prepare icbhi FOLDER")
        return found

    def with_notes(self, notes: Sequence[str]) -> "LabelledCycles":
        """The same with further notes on its card."""
        return LabelledCycles(self.cycles, self.card.model_copy(update={"notes": (*self.card.notes, *notes)}))


def usable_cycles(utterances: Sequence[Utterance], card: Card, classes: Sequence[str]) -> LabelledCycles:
    """Cycles whose label is among ``classes``; the others are counted in a note.

    Raises:
        NoInput: There is none.
    """
    if tuple(classes) == TWO_CLASSES:
        utterances = [_in_two_classes(cycle) for cycle in utterances]
    kept = [cycle for cycle in utterances if cycle.labels.get("breath") in classes]
    if not kept:
        raise NoInput(
            "no line of the manifest has a breath label of the recipe",
            place=card.name,
            hint=f"labels.breath must be one of {', '.join(classes)}",
        )
    others = Counter(str(cycle.labels.get("breath", "none")) for cycle in utterances) - Counter(
        str(cycle.labels["breath"]) for cycle in kept
    )
    notes = card.notes
    if others:
        words = ", ".join(f"{count} {label}" for label, count in sorted(others.items()))
        notes = (*notes, f"Cycles left out because their label is no class of the recipe: {words}.")
    return LabelledCycles(kept, card.model_copy(update={"notes": notes}))


def _in_two_classes(cycle: Utterance) -> Utterance:
    label = two_class_label(str(cycle.labels.get("breath", "")))
    return replace(cycle, labels={**cycle.labels, "breath": label}) if label else cycle


def train_model(
    recipe: BreathRecipe,
    corpus: LabelledCycles,
    *,
    folder: Path,
    ledger: Ledger,
    machine: Machine,
    noise: Sequence[Utterance] = (),
) -> BreathModel:
    """Train, or go on training, in ``folder``; the best epoch's model is written to ``folder/model``.

    Args:
        recipe: What decides the result.
        corpus: Cycles with labels.
        folder: The run.
        ledger: Gets the recordings that cannot be read.
        machine: Workers, device, progress.
        noise: What ``recipe.noise`` mixes under training cycles.

    Raises:
        NoInput: Train or dev is empty, or holds no recording that can be read.
        BadData: Dev has no normal or no abnormal cycle.
    """
    settings = CutSettings(
        recipe.model.sample_rate,
        recipe.model.num_samples,
        round(recipe.fade * recipe.model.sample_rate),
        recipe.enhance if recipe.train_on_enhanced else None,
    )
    train = load_clips(corpus.of("train"), settings, machine=machine, ledger=ledger, stage="read train")
    dev = load_clips(corpus.of("dev"), settings, machine=machine, ledger=ledger, stage="read dev")
    if not train or not dev:
        raise NoInput("no recording of train or of dev can be read", place=str(ledger.path))
    _check_dev(dev, corpus.card)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        network = recipe.model.build(len(recipe.classes)).to(torch.device(machine.device))
    train_set = _clip_set(train, recipe.classes)
    weights_C = class_weights(train_set.labels_B, len(recipe.classes))
    result = fit_breath(
        network,
        train_set,
        _clip_set(dev, recipe.classes),
        settings=_fit_settings(recipe),
        class_weights_C=weights_C if recipe.class_weights == "inverse" else torch.ones_like(weights_C),
        dev_score=_dev_score(len(recipe.classes)),
        folder=folder,
        progress=machine.progress,
        fresh=_noisy_clips(recipe, train, noise, settings),
    )
    card = BreathModelCard(
        classes=recipe.classes,
        model=recipe.model.settled(network),
        fade=recipe.fade,
        window=recipe.window,
        min_swing_db=_OPEN_RULE.min_swing_db,
        min_probability=_OPEN_RULE.min_probability,
        best_epoch=result.best_epoch,
        dev_score=round(result.best_score, 6),
        corpus=corpus.card.name,
        synthetic=corpus.card.synthetic,
        notes=corpus.card.notes,
        trained_on_enhanced=settings.enhancer,
        train_patients=tuple(sorted({clip.utterance.speaker for clip in train} - {""})),
    )
    model = _with_thresholds(BreathModel(network.eval(), card), dev, recipe.answered_on_dev)
    save_model(folder, model)
    return model


def _fit_settings(recipe: BreathRecipe) -> FitSettings:
    return FitSettings(
        recipe.epochs,
        recipe.batch_size,
        recipe.learning_rate,
        recipe.weight_decay,
        recipe.max_shift,
        recipe.seed,
        average_decay=recipe.average_decay,
        balance=recipe.balance,
        spec_augment=recipe.spec_augment,
        patch_mix=recipe.patch_mix,
    )


def _noisy_clips(
    recipe: BreathRecipe, train: Sequence[Clip], noise: Sequence[Utterance], settings: CutSettings
) -> NoisyClips | None:
    if recipe.noise is None:
        return None
    cycles = [clip.utterance for clip in train]
    return NoisyClips(cycles, noise, injection=recipe.noise, cut=settings, seed=recipe.seed)


def class_weights(labels_B: torch.Tensor, num_classes: int) -> torch.Tensor:
    """Inverse class frequency (C,), mean 1 over the clips; 0 for a class without a clip.

    >>> class_weights(torch.tensor([0, 0, 0, 1]), 3).tolist()
    [0.6666666865348816, 2.0, 0.0]
    """
    counts_C = torch.bincount(labels_B, minlength=num_classes).float()
    present = counts_C > 0
    weights_C = torch.zeros(num_classes)
    weights_C[present] = counts_C.sum() / (present.sum() * counts_C[present])
    return weights_C


def _dev_score(num_classes: int) -> DevScore:
    def score(truth: Sequence[int], predicted: Sequence[int]) -> float:
        cells = np.asarray(truth) * num_classes + np.asarray(predicted)
        counts = np.bincount(cells, minlength=num_classes**2).reshape(num_classes, num_classes)
        return float(icbhi_score(counts))

    return score


def _check_dev(dev: Sequence[Clip], card: Card) -> None:
    """Score chooses the epoch, so dev needs normal and abnormal cycles."""
    is_normal = [clip.utterance.labels["breath"] == "normal" for clip in dev]
    if all(is_normal) or not any(is_normal):
        missing = "abnormal" if all(is_normal) else "normal"
        raise BadData(f"dev has no {missing} cycle, so no epoch can be chosen by Score", place=card.name)


def _clip_set(clips: Sequence[Clip], classes: Sequence[str]) -> ClipSet:
    places = {label: place for place, label in enumerate(classes)}
    labels_B = torch.tensor([places[str(clip.utterance.labels["breath"])] for clip in clips], dtype=torch.int64)
    return ClipSet(torch.from_numpy(np.stack([clip.samples_N for clip in clips])), labels_B)


def _with_thresholds(model: BreathModel, dev: Sequence[Clip], answered: float) -> BreathModel:
    likeliest = probabilities_of(model, dev).max(axis=1)
    rule = fit_abstention([clip.swing_db for clip in dev], likeliest.tolist(), answered=answered)
    thresholds = {"min_swing_db": rule.min_swing_db, "min_probability": rule.min_probability}
    return BreathModel(model.network, model.card.model_copy(update=thresholds))
