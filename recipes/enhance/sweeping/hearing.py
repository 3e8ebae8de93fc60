"""The items of a split, heard at some ratios, each once: the ledger is the resume key."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sweeping.listeners import LABEL_KEYS, ItemJob, Listener, Said, hear_item
from sweeping.recipe import SweepRecipe

from merit_cli.errors import BadData, MeritError, NoInput, Unavailable
from merit_cli.io.ledger import Ledger
from merit_cli.manifests.utterance import Utterance
from merit_cli.workers import Machine, run_items


@dataclass(frozen=True)
class Heard:
    """A split and what the model says of it at each ratio.

    Args:
        utterances: Those with an answer at every ratio.
        label_key: Of the true label.
        said: Ratio to utterance id to label.
        num_asked: Utterances of the split, answered or not.
    """

    utterances: tuple[Utterance, ...]
    label_key: str
    said: Mapping[float, Said]
    num_asked: int

    @property
    def truth(self) -> list[str]:
        """The true labels, in the order of the utterances."""
        return [str(one.labels[self.label_key]) for one in self.utterances]

    @property
    def speakers(self) -> list[str]:
        """Speaker or patient of each utterance."""
        return [one.speaker for one in self.utterances]

    def predicted(self, ratio: float) -> list[str]:
        """What was said at a ratio, in the order of the utterances."""
        return [self.said[ratio][one.id] for one in self.utterances]


def labelled(utterances: Sequence[Utterance], recipe: SweepRecipe, listener: Listener, split: str) -> list[Utterance]:
    """The utterances of a split whose label the model knows.

    Raises:
        NoInput: There is none.
    """
    key = LABEL_KEYS[recipe.task]
    of_split = [one for one in utterances if one.split == split]
    if not of_split:
        found = ", ".join(sorted({one.split or "(none)" for one in utterances}))
        raise NoInput(f"the data have no split {split!r}", place="splits", hint=f"they have: {found}")
    known = [one for one in of_split if one.labels.get(key) in listener.labels]
    if not known:
        raise NoInput(
            f"no utterance of {split} has a label that the model knows",
            place=f"labels.{key}",
            hint=f"the model knows: {', '.join(listener.labels)}",
        )
    return known


def hear_split(
    utterances: Sequence[Utterance],
    ratios: Sequence[float],
    *,
    recipe: SweepRecipe,
    listener: Listener,
    ledger: Ledger,
    machine: Machine,
) -> Heard:
    """Every utterance at every ratio; what the ledger has is not done again.

    Args:
        utterances: Of one split, labelled.
        ratios: Shares of the noisy signal.
        recipe: Of the sweep.
        listener: The model.
        ledger: Gets a line for each item and ratio.
        machine: Workers and progress.

    Raises:
        BadData: Not one item could be used.
        Unavailable: Weights, an extra or the output are missing.
    """
    items = list(_items(utterances, recipe))
    jobs = [ItemJob(item, _pending(item, ratios, ledger, machine), recipe, listener.folder) for item in items]
    pending = [job for job in jobs if job.ratios]
    stage = f"hear {utterances[0].split}"
    for finished, (job, result) in enumerate(run_items(hear_item, pending, workers=machine.workers), start=1):
        machine.progress(stage, finished, len(pending))
        if isinstance(result, MeritError) and not isinstance(result, Unavailable):
            for ratio in job.ratios:
                ledger.record(entry_id(job.item, ratio), "failed", str(result))
        elif isinstance(result, Exception):  # the next item would meet the same
            raise result
        else:
            for ratio, said in result.items():
                ledger.record(entry_id(job.item, ratio), "done", data={"said": said})
    return _gather(utterances, items, ratios, recipe, ledger)


def entry_id(item: str, ratio: float) -> str:
    """The name of an item at a ratio on the ledger.

    >>> entry_id("a__v0", 0.25)
    'a__v0@0.25'
    """
    return f"{item}@{ratio:g}"


def _pending(item: Sequence[Utterance], ratios: Sequence[float], ledger: Ledger, machine: Machine) -> tuple[float, ...]:
    names = {entry_id(item[0].id, ratio): ratio for ratio in ratios}
    return tuple(names[name] for name in ledger.pending(names, retry_failed=machine.retry_failed))


def _items(utterances: Sequence[Utterance], recipe: SweepRecipe) -> list[tuple[Utterance, ...]]:
    """Each utterance by itself, or the cycles of each recording, which is enhanced as a whole."""
    if recipe.task == "emotion":
        return [(one,) for one in utterances]
    by_audio: dict[Path, list[Utterance]] = {}
    for one in utterances:
        by_audio.setdefault(one.audio, []).append(one)
    return [tuple(group) for group in by_audio.values()]


def _gather(
    utterances: Sequence[Utterance],
    items: Sequence[tuple[Utterance, ...]],
    ratios: Sequence[float],
    recipe: SweepRecipe,
    ledger: Ledger,
) -> Heard:
    said: dict[float, Said] = {ratio: {} for ratio in ratios}
    for item in items:
        for ratio in ratios:
            said[ratio] |= ledger.entries[entry_id(item[0].id, ratio)].data.get("said", {})
    answered = tuple(one for one in utterances if all(one.id in said[ratio] for ratio in ratios))
    if not answered:
        raise BadData("not one item could be used", place=str(ledger.path), hint="its lines say why")
    return Heard(answered, LABEL_KEYS[recipe.task], said, len(utterances))
