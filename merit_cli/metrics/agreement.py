"""Agreement of two rounds of answers beyond chance."""

from collections import Counter
from collections.abc import Sequence

from merit_cli.errors import BadData


def cohen_kappa(first: Sequence[str], second: Sequence[str]) -> float | None:
    """Cohen's kappa of two answers to each item; 1 is full agreement, 0 what chance gives.

    None where chance alone agrees fully: all answers of both rounds are the same one, or there is none.

    Raises:
        BadData: The rounds differ in length.

    Source: Cohen 1960, Educational and Psychological Measurement 20, 37-46.

    >>> cohen_kappa(list("aabb"), list("aabb")), cohen_kappa(list("aabb"), list("abab"))
    (1.0, 0.0)
    """
    if len(first) != len(second):
        raise BadData(f"{len(first)} answers stand against {len(second)}")
    if not first:
        return None
    total = len(first)
    observed = sum(one == two for one, two in zip(first, second, strict=True)) / total
    ones, twos = Counter(first), Counter(second)
    chance = sum(ones[label] * twos[label] for label in ones) / total**2
    return None if chance >= 1.0 else (observed - chance) / (1.0 - chance)
