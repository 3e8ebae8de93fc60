"""How much a choice among several says of who chose: entropies and mutual information of shares, in nats."""

import math
from collections.abc import Sequence


def shares_of(counts: Sequence[float]) -> list[float]:
    """Counts over their sum; zeros where there are none."""
    total = sum(counts)
    return [count / total if total else 0.0 for count in counts]


def entropy_of(shares: Sequence[float]) -> float:
    """Entropy of shares that sum to 1: 0 for one alone, ln n for n alike.

    >>> entropy_of([0.5, 0.5, 0.0])
    0.693...
    """
    return -sum(share * math.log(share) for share in shares if share > 0.0)


def mutual_information(counts: Sequence[Sequence[float]], weights: Sequence[float] | None = None) -> float:
    """Between the row and the column of a choice: 0 for rows of equal shares, ln n for n alike rows that share nothing.

    It is the entropy of the mean shares less the mean entropy of the shares.

    Source: Cover and Thomas (2006), Elements of information theory, section 2.4.

    >>> mutual_information([[4, 0], [0, 2]]), mutual_information([[1, 3], [2, 6]])
    (0.693..., 0.0)

    Args:
        counts: How often each row chose each column.
        weights: Of the rows; None weighs all alike.
    """
    rows = [shares_of(row) for row in counts]
    weights = shares_of([1.0] * len(rows) if weights is None else weights)
    mean = [sum(w * share for w, share in zip(weights, column, strict=True)) for column in zip(*rows, strict=True)]
    return max(0.0, entropy_of(mean) - sum(w * entropy_of(row) for w, row in zip(weights, rows, strict=True)))
