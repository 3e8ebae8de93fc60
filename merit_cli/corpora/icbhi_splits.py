"""Train, dev and test of ICBHI cycles: the official list made leak-free, or patients by rule."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from merit_cli.corpora.patient_split import split_patients
from merit_cli.manifests.utterance import Utterance

DEV_SHARE = 0.2
"""Share of the training patients' cycles that becomes dev."""
FALLBACK_SHARES = {"train": 0.6, "dev": 0.2, "test": 0.2}


def assign_splits(cycles: Sequence[Utterance], *, seed: int) -> tuple[list[Utterance], list[str]]:
    """The cycles with their splits, and what a reader must know of these splits.

    Args:
        cycles: ``info["official_split"]`` holds the official word, where there is one.
        seed: Of the choice among patients.
    """
    sides: dict[str, set[str]] = defaultdict(set)
    for cycle in cycles:
        sides[cycle.speaker].add(_official(cycle))
    train = {patient for patient, words in sides.items() if "train" in words}
    test = {patient for patient, words in sides.items() if "test" in words}
    if not train or not test:
        chosen = split_patients(_label_counts(cycles), FALLBACK_SHARES, seed=seed)
        notes = _fallback_notes(train | test, has_train=bool(train))
        return [replace(cycle, split=chosen[cycle.speaker]) for cycle in cycles], notes
    training = [cycle for cycle in cycles if _official(cycle) == "train"]
    chosen = split_patients(_label_counts(training), {"train": 1.0 - DEV_SHARE, "dev": DEV_SHARE}, seed=seed)
    split = [replace(cycle, split=_side(cycle, chosen, train & test)) for cycle in cycles]
    return split, _official_notes(cycles, train & test)


def _official(cycle: Utterance) -> str:
    return cycle.info.get("official_split", "")


def _side(cycle: Utterance, chosen: Mapping[str, str], leaking: set[str]) -> str:
    word = _official(cycle)
    if word == "train":
        return chosen[cycle.speaker]
    return "" if cycle.speaker in leaking else word


def _fallback_notes(listed: set[str], *, has_train: bool) -> list[str]:
    if not listed:
        return []
    side = "test" if has_train else "training"
    return [f"No listed {side} recording is in the folder: splits are by patient, by rule."]


def _official_notes(cycles: Sequence[Utterance], leaking: set[str]) -> list[str]:
    notes = []
    if leaking:
        lost = sum(1 for cycle in cycles if cycle.speaker in leaking and _official(cycle) == "test")
        notes.append(
            f"Patients {', '.join(sorted(leaking))} stand in the official train and test lists: their {lost} test "
            "cycles are left out of the test split (leak-free test; info.official_split keeps them)."
        )
    unlisted = sum(1 for cycle in cycles if not _official(cycle))
    if unlisted:
        notes.append(f"{unlisted} cycles are of recordings that the official list does not name; they have no split.")
    return notes


def _label_counts(cycles: Sequence[Utterance]) -> dict[str, Counter[str]]:
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for cycle in cycles:
        counts[cycle.speaker][str(cycle.labels["breath"])] += 1
    return counts
