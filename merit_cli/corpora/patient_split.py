"""Patients to splits by rule: no patient in two splits, classes spread as evenly as whole patients allow."""

import hashlib
from collections import Counter
from collections.abc import Mapping


def split_patients(
    label_counts: Mapping[str, Mapping[str, int]], shares: Mapping[str, float], *, seed: int = 0
) -> dict[str, str]:
    """A split for each patient.

    Patients are taken from the one with most cycles down (ties by a hash of seed and patient), and
    each goes where the classes' counts then lie nearest to the wanted shares, in squared relative
    error. The result depends on nothing but the arguments. A split with a share is never left
    empty while there are patients for it.

    Args:
        label_counts: Patient to number of cycles by label.
        shares: Split to its share; together 1.
        seed: Chooses among equal patients.

    >>> split_patients({"1": {"a": 6}, "2": {"a": 2}, "3": {"a": 2}}, {"train": 0.8, "dev": 0.2})
    {'1': 'train', '2': 'train', '3': 'dev'}
    """
    totals: Counter[str] = Counter()
    for counts in label_counts.values():
        totals.update(counts)
    order = sorted(label_counts, key=lambda patient: (-sum(label_counts[patient].values()), _hash(seed, patient)))
    filled: dict[str, Counter[str]] = {split: Counter() for split in shares}
    chosen: dict[str, str] = {}
    for index, patient in enumerate(order):
        empty = [split for split in shares if shares[split] > 0.0 and not filled[split]]
        forced = empty if len(order) - index <= len(empty) else [split for split in shares if shares[split] > 0.0]
        best = min(forced, key=lambda split: _error(filled, totals, shares, split, label_counts[patient]))
        filled[best].update(label_counts[patient])
        chosen[patient] = best
    return {patient: chosen[patient] for patient in label_counts}


def _error(
    filled: Mapping[str, Counter[str]],
    totals: Mapping[str, int],
    shares: Mapping[str, float],
    split: str,
    counts: Mapping[str, int],
) -> float:
    """Squared distance from the wanted counts, relative to each class's total, with ``counts`` added to ``split``."""
    error = 0.0
    for name, share in shares.items():
        for label, total in totals.items():
            if total:
                have = filled[name][label] + (counts.get(label, 0) if name == split else 0)
                error += (have / total - share) ** 2
    return error


def _hash(seed: int, patient: str) -> str:
    return hashlib.sha256(f"{seed}/{patient}".encode()).hexdigest()
