"""A classifier against chance: what its score is when labels are shuffled within speakers."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from merit_cli.errors import BadData
from merit_cli.metrics.confusion import confusion_matrix, label_codes, score_of
from merit_cli.metrics.spec import FloatArray, MetricSpec
from merit_cli.metrics.statistics import CHUNK_DRAWS


@dataclass(frozen=True)
class PermutationTest:
    """A score against what labels shuffled within speakers give.

    Args:
        observed: The score.
        chance: Its mean over the shuffles.
        chance_high: Its 95th percentile over the shuffles.
        p_value: One-sided, (1 + shuffles at least as good) / (1 + shuffles).
    """

    observed: float
    chance: float
    chance_high: float
    p_value: float


def permutation_test(
    predicted: Sequence[str],
    reference: Sequence[str],
    speakers: Sequence[str],
    *,
    spec: MetricSpec,
    labels: Sequence[str],
    seed: int,
    num_permutations: int = 2000,
) -> PermutationTest:
    """Whether a score over labels is above chance, by shuffling the true labels within each speaker.

    Shuffling within speakers keeps what a speaker's identity alone gives away.

    Raises:
        BadData: The lengths differ, a label is unknown, or the score is undefined.

    Source: Good 2005, ch. 3; Phipson and Smyth 2010 for the count of one.
    """
    observed = score_of(spec, confusion_matrix(reference, predicted, labels))
    _, codes = np.unique(np.asarray(speakers, dtype=str), return_inverse=True)
    if codes.size != len(reference):
        raise BadData(f"{codes.size} speakers stand against {len(reference)} labels")
    order = np.argsort(codes, kind="stable")
    edges = np.flatnonzero(np.diff(codes[order])) + 1
    truth, guess = label_codes(reference, labels)[order], label_codes(predicted, labels)[order]
    rng = np.random.default_rng(seed)
    step = max(1, CHUNK_DRAWS // truth.size)
    scores = np.concatenate(
        [
            spec.compute(_shuffled_counts(truth, guess, edges, min(step, num_permutations - start), len(labels), rng))
            for start in range(0, num_permutations, step)
        ]
    )
    as_good = int(np.count_nonzero(scores >= observed - 1e-12))
    return PermutationTest(
        observed, float(scores.mean()), float(np.quantile(scores, 0.95)), (1 + as_good) / (1 + num_permutations)
    )


def _shuffled_counts(
    truth: npt.NDArray[np.int64],
    guess: npt.NDArray[np.int64],
    edges: npt.NDArray[np.intp],
    num_shuffles: int,
    num_classes: int,
    rng: np.random.Generator,
) -> FloatArray:
    """Confusion counts (P, C, C) of true labels shuffled between ``edges``, which part the speakers."""
    shuffled = np.tile(truth, (num_shuffles, 1))
    for block in np.split(shuffled, edges, axis=1):  # views: shuffled in place
        rng.permuted(block, axis=1, out=block)
    cells = (np.arange(num_shuffles)[:, None] * num_classes + shuffled) * num_classes + guess
    counts = np.bincount(cells.ravel(), minlength=num_shuffles * num_classes**2)
    return counts.reshape(num_shuffles, num_classes, num_classes).astype(np.float64)
