"""The data of a training run, and what is refused before the first epoch."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from merit_cli.config.load import read_yaml
from merit_cli.data.dataset import EMOTION, emotion_shares
from merit_cli.data.fresh_mixtures import MixSources
from merit_cli.data.kept_features import LeaveOut
from merit_cli.errors import BadData, NoInput, UsageError
from merit_cli.io.run_dir import newest_run
from merit_cli.manifests.checks import check_leaks, transcript_notes
from merit_cli.manifests.inputs import read_inputs
from merit_cli.manifests.read_write import MANIFEST_NAME, Card, read_manifest
from merit_cli.manifests.utterance import Utterance
from merit_cli.mixing.draws import Draws
from merit_cli.mixing.recipe import MixRecipe
from merit_cli.workers import Machine


@dataclass(frozen=True)
class TrainingData:
    """Checked data of a run.

    Args:
        manifest: Where it was read.
        train: Utterances to learn from.
        dev: Utterances that choose the epoch.
        classes: Emotion labels of the train split, sorted; empty for a model without that task.
        card: Of the data, with notes on leaks that were allowed.
        content: Hash of the manifest.
        num_left_out: Utterances of both splits that a limit left out.
        word_notes: What a reader must know of the transcripts; empty for a model that does not read.
    """

    manifest: Path
    train: tuple[Utterance, ...]
    dev: tuple[Utterance, ...]
    classes: tuple[str, ...]
    card: Card
    content: str
    num_left_out: int = 0
    word_notes: tuple[str, ...] = ()

    def limited(self, limit: int, *, seed: int) -> "TrainingData":
        """The same with at most ``limit`` utterances of each split, drawn by the seed and spread over the classes.

        Raises:
            UsageError: There are more classes than that.
        """
        if not limit:
            return self
        if limit < len(self.classes):
            raise UsageError(
                f"a limit of {limit} utterances cannot hold {len(self.classes)} emotions",
                place="limit",
                hint=f"give at least {len(self.classes)}",
            )
        train, dev = (_spread(split, limit, seed=seed) for split in (self.train, self.dev))
        num_left_out = len(self.train) + len(self.dev) - len(train) - len(dev)
        return replace(self, train=train, dev=dev, num_left_out=num_left_out)

    def without(self, part: LeaveOut) -> "TrainingData":
        """The same less a part of the training speakers.

        Raises:
            UsageError: There are fewer speakers than parts.
            BadData: An utterance names no speaker, or an emotion is said by the part alone.
        """
        people = {utterance.speaker for utterance in self.train}
        place, hint = "data.leave_out", "leave fewer out (a larger of), or another fold"
        if "" in people:
            raise BadData("training utterances name no speaker", place=place, hint="name speakers in the manifest")
        if len(people) < part.of:
            raise UsageError(f"{len(people)} training speakers do not make {part.of} folds", place=place)
        left_out = part.speakers(people)
        train = tuple(utterance for utterance in self.train if utterance.speaker not in left_out)
        gone = set(self.classes) - {str(utterance.labels[EMOTION]) for utterance in train if self.classes}
        if gone:
            raise BadData(f"without fold {part.fold} nobody says {_some(sorted(gone))}", place=place, hint=hint)
        note = f"Fold {part.fold} of {part.of} of the training speakers ({len(left_out)}) was left out of training."
        card = self.card.model_copy(update={"notes": (*self.card.notes, note)})
        return replace(self, train=train, card=card)

    def class_counts(self) -> list[int]:
        """Training utterances of each class, in the order of ``classes``."""
        counts = Counter(str(utterance.labels[EMOTION]) for utterance in self.train if self.classes)
        return [counts[label] for label in self.classes]


def check_soft_labels(data: TrainingData) -> None:
    """Refuse soft labels of a train split that has none.

    Raises:
        BadData: No utterance of the train split has shares of annotators.
    """
    if all(emotion_shares(utterance, data.classes) is None for utterance in data.train):
        raise BadData(
            "soft labels were asked for, and no training utterance has any",
            place=str(data.manifest),
            hint="labels p_angry, p_sad, ... say which share of the annotators heard an emotion",
        )


def default_data(machine: Machine) -> Path:
    """What is trained on where nothing is named: the newest finished mix.

    Raises:
        NoInput: There is none.
    """
    return newest_run(machine.runs_dir, "mix")


def read_training_data(
    source: Path, *, needs_labels: bool, needs_clean: bool, allow_leak: bool, needs_words: bool = False
) -> TrainingData:
    """The train and dev splits of a manifest or a run, checked.

    Args:
        source: A manifest, or a folder with one.
        needs_labels: Whether every utterance must have an emotion.
        needs_clean: Whether every utterance must have a clean reference.
        allow_leak: Go on although splits share a speaker or a noise file.
        needs_words: Whether the model reads transcripts; some utterances may lack theirs.

    Raises:
        NoInput: There is no manifest, or a split is missing.
        BadData: A label, every transcript, a clean reference or an audio file is missing.
        CheckFailed: Splits share a speaker, a clean utterance or a noise file.
    """
    manifest = source / MANIFEST_NAME if source.is_dir() else source
    if not manifest.is_file():
        raise NoInput("there is no manifest to train on", place=str(source), hint="run merit mix first")
    inputs = read_inputs([manifest], name="training data")
    train = _split(inputs.utterances, "train", manifest)
    dev = _split(inputs.utterances, "dev", manifest)
    notes = check_leaks(inputs.utterances, inputs.card, allow_leak=allow_leak)
    classes = _check_labels(train, dev, manifest) if needs_labels else ()
    if needs_clean:
        _check_clean(train + dev, manifest)
    _check_files(train + dev, with_clean=needs_clean)
    word_notes = (*_check_words(train, dev, manifest), *transcript_notes(inputs.utterances)) if needs_words else ()
    notes += [note for note in word_notes if note not in inputs.card.notes]
    card = inputs.card.model_copy(update={"notes": (*inputs.card.notes, *notes)})
    return TrainingData(manifest, train, dev, classes, card, inputs.content, word_notes=word_notes)


def read_mix_sources(manifest: Path) -> MixSources:
    """What the mix behind a manifest was planned from.

    Raises:
        NoInput: The manifest is not that of a mix, or its sources are gone.
    """
    recipe, folder = manifest.parent / "recipe.yaml", manifest.parent / "sources"
    if not recipe.exists() or not folder.is_dir():
        raise NoInput(
            "fresh mixtures need the folder that merit mix made, with recipe.yaml and sources/",
            place=str(manifest.parent),
            hint="train on it, or set data.mixtures=fixed",
        )
    speech, noise = (tuple(read_manifest(folder / f"{kind}.jsonl")) for kind in ("speech", "noise"))
    return MixSources(speech, noise, MixRecipe.model_validate(dict(read_yaml(recipe))))


def _spread(utterances: Sequence[Utterance], limit: int, *, seed: int) -> tuple[Utterance, ...]:
    """At most ``limit`` of them, class by class in turn, in their old order."""
    drawn = sorted(utterances, key=lambda one: Draws(seed, "limit", one.id).integer(2**31))
    rank_of_class: Counter[str] = Counter()
    turns: list[tuple[int, int, str]] = []
    for one in drawn:
        label = str(one.labels.get(EMOTION))
        turns.append((rank_of_class[label], len(turns), one.id))
        rank_of_class[label] += 1
    chosen = {name for _, _, name in sorted(turns)[:limit]}
    return tuple(one for one in utterances if one.id in chosen)


def _split(utterances: Sequence[Utterance], split: str, manifest: Path) -> tuple[Utterance, ...]:
    found = tuple(utterance for utterance in utterances if utterance.split == split)
    if not found:
        present = sorted({utterance.split for utterance in utterances if utterance.split})
        raise NoInput(
            f"the split {split!r} is missing",
            place=str(manifest),
            hint=f"splits there: {', '.join(present) or 'none'}; training needs train and dev",
        )
    return found


def _check_labels(train: Sequence[Utterance], dev: Sequence[Utterance], manifest: Path) -> tuple[str, ...]:
    bare = [utterance.id for utterance in (*train, *dev) if not str(utterance.labels.get(EMOTION, "")).strip()]
    if bare:
        raise BadData(
            f"{len(bare)} utterances have no emotion label: {_some(bare)}",
            place=str(manifest),
            hint="label them, leave them out, or train --model se",
        )
    classes = tuple(sorted({str(utterance.labels[EMOTION]) for utterance in train}))
    if len(classes) < 2:
        raise BadData(f"the train split has one emotion only: {classes[0]!r}", place=str(manifest))
    strange = sorted({str(utterance.labels[EMOTION]) for utterance in dev} - set(classes))
    if strange:
        raise BadData(f"the dev split has labels that the train split lacks: {_some(strange)}", place=str(manifest))
    return classes


def _check_words(train: Sequence[Utterance], dev: Sequence[Utterance], manifest: Path) -> list[str]:
    """A note on utterances without words, which a model of voice and words hears by the voice alone."""
    if not any(utterance.transcript.strip() for utterance in train):
        raise BadData(
            "no training utterance has a transcript",
            place=str(manifest),
            hint="give manifest lines a transcript (merit prepare keeps a corpus' own), or train --model ser",
        )
    num_bare = sum(not utterance.transcript.strip() for utterance in (*train, *dev))
    if not num_bare:
        return []
    return [f"{num_bare} of {len(train) + len(dev)} utterances have no transcript and are heard by the voice alone."]


def _check_clean(utterances: Sequence[Utterance], manifest: Path) -> None:
    bare = [utterance.id for utterance in utterances if utterance.clean is None]
    if bare:
        raise BadData(
            f"{len(bare)} utterances have no clean reference: {_some(bare)}",
            place=str(manifest),
            hint="train on a mix, or train --model ser",
        )


def _check_files(utterances: Sequence[Utterance], *, with_clean: bool) -> None:
    for utterance in utterances:
        for path in (utterance.audio, utterance.clean if with_clean else None):
            if path is not None and not path.is_file():
                raise NoInput("an audio file of the manifest is missing", place=str(path), hint="mix again")


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
