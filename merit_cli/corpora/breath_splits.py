"""Train, dev and test of breath cycles: official lists made leak-free, or as they are, folds by patient, or by rule."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from merit_cli.corpora.patient_split import split_patients
from merit_cli.errors import BadData, UsageError
from merit_cli.manifests.utterance import Utterance

DEV_SHARE = 0.2
"""Share of the training patients' cycles that becomes dev."""
MAX_NAMED = 5
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
            f"{_patients(leaking)} stand in the official train and test lists: their {lost} test cycles are left out "
            "of the test split (leak-free test; info.official_split keeps them)."
        )
    unlisted = sum(1 for cycle in cycles if not _official(cycle))
    if unlisted:
        notes.append(f"{unlisted} cycles are of recordings that the official list does not name; they have no split.")
    return notes


def _patients(names: set[str]) -> str:
    ordered = sorted(names)
    return f"Patients {', '.join(ordered)}" if len(ordered) <= MAX_NAMED else f"{len(ordered)} patients"


def official_as_published(cycles: Sequence[Utterance]) -> list[Utterance]:
    """The official lists as they are, leaking patients on both sides; dev is cut out of the training patients.

    Raises:
        UsageError: The corpus has no official split.
    """
    if not any(_official(cycle) for cycle in cycles):
        raise UsageError("this corpus has no official split", place="--splits", hint="take folds:5")
    training = [cycle for cycle in cycles if _official(cycle) == "train"]
    chosen = split_patients(_label_counts(training), {"train": 1.0 - DEV_SHARE, "dev": DEV_SHARE})
    return [replace(cycle, split=_side(cycle, chosen, set())) for cycle in cycles]


def folds_by_patient(cycles: Sequence[Utterance], count: int) -> dict[str, str]:
    """Patient to fold, from ``"1"``: cycles of each class, and patients who have it, as even as whole patients allow.

    Raises:
        UsageError: There are not as many patients as folds, or a cycle has none.
    """
    patients = {cycle.speaker for cycle in cycles}
    if "" in patients or len(patients) < count:
        named = len(patients - {""})
        raise UsageError(
            f"{count} folds by patient need as many patients; {named} are named, "
            f"{sum(not cycle.speaker for cycle in cycles)} cycles name none",
            place="--splits",
        )
    return split_patients(_counts_with_patients(cycles), {str(fold): 1.0 / count for fold in range(1, count + 1)})


def _counts_with_patients(cycles: Sequence[Utterance]) -> dict[str, Counter[str]]:
    """Cycles of each class by patient, and each class once more as a count of patients."""
    counts = _label_counts(cycles)
    for labels in counts.values():
        labels.update([f"a patient with {label}" for label in list(labels)])
    return counts


def read_fold_file(path: Path) -> dict[str, str]:
    """Patient to fold of a list such as RespireNet's ``patient_list_foldwise.txt``: ``158 3``, a patient a line.

    Source: Gairola et al. 2021, RespireNet; its five folds are numbered from 0.

    Raises:
        BadData: A line is not a patient and a fold, or a patient stands in two folds.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError):
        raise BadData("the list of folds cannot be read", place=str(path)) from None
    folds: dict[str, str] = {}
    for number, line in enumerate(lines, start=1):
        parts = line.replace(",", " ").split()
        if not parts:
            continue
        if len(parts) != 2:
            raise BadData(f"cannot read {line.strip()!r}", place=f"{path}:{number}", hint="a patient, a space, a fold")
        if folds.setdefault(parts[0], parts[1]) != parts[1]:
            raise BadData(f"patient {parts[0]!r} stands in two folds", place=f"{path}:{number}")
    if len(set(folds.values())) < 2:
        raise BadData("the list names fewer than two folds", place=str(path))
    return folds


def fold_splits(
    cycles: Sequence[Utterance], folds: Mapping[str, str], fold: int, *, seed: int = 0
) -> tuple[list[Utterance], list[str]]:
    """One fold tested, dev cut out of the patients of the others; patients that no fold names get no split.

    Args:
        cycles: All with a patient.
        folds: Patient to the name of its fold.
        fold: From 1, in the order of the folds' names.
        seed: Of the dev cut.

    Raises:
        UsageError: There is no such fold, or it holds no patient of this corpus.
    """
    names = sorted(set(folds.values()), key=lambda name: (len(name), name))
    if not 1 <= fold <= len(names):
        raise UsageError(f"there is no fold {fold}", place="--fold", hint=f"1 to {len(names)}")
    test = {patient for patient, name in folds.items() if name == names[fold - 1]}
    training = [cycle for cycle in cycles if cycle.speaker in folds and cycle.speaker not in test]
    if not training or not any(cycle.speaker in test for cycle in cycles):
        raise UsageError(f"fold {fold} leaves no patient of this corpus on one of its sides", place="--fold")
    shares = {"train": 1.0 - DEV_SHARE, "dev": DEV_SHARE}
    chosen = split_patients(_counts_with_patients(training), shares, seed=seed)
    chosen |= dict.fromkeys(test, "test")
    unnamed = {cycle.speaker for cycle in cycles} - set(folds)
    notes = [f"Fold {fold} of {len(names)} by patient is tested; dev is cut out of the patients of the others."]
    if unnamed:
        notes.append(f"{len(unnamed)} patients are in no fold and have no split.")
    return [replace(cycle, split=chosen.get(cycle.speaker, "")) for cycle in cycles], notes


def random_by_cycle(cycles: Sequence[Utterance], *, seed: int = 0) -> list[Utterance]:
    """Splits drawn cycle by cycle, so that patients stand on all sides: only to show what such a split claims."""
    shares = np.cumsum(list(FALLBACK_SHARES.values()))
    draws = np.random.default_rng(seed).random(len(cycles))
    names = [*FALLBACK_SHARES, "test"]
    return [
        replace(cycle, split=names[int(np.searchsorted(shares, draw, side="right"))])
        for cycle, draw in zip(cycles, draws, strict=True)
    ]


def _label_counts(cycles: Sequence[Utterance]) -> dict[str, Counter[str]]:
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for cycle in cycles:
        counts[cycle.speaker][str(cycle.labels.get("breath", ""))] += 1
    return counts
