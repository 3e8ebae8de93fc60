"""What the choice of expert tells of a task, an SNR, a noise or a label, beside what it tells by chance.

Shape suffixes: U utterances, G groups, E experts, S tasks.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from merit_cli.manifests.utterance import Utterance
from merit_cli.metrics.information import entropy_of, mutual_information, shares_of
from merit_cli.workflows.evaluate.groups import Grouping
from merit_cli.workflows.evaluate.routed import RoutedUtterances

SHUFFLES = 200
"""How often groups are dealt out anew, to see what mutual information comes by chance."""

IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Information:
    """Mutual information of a group and the expert of a frame, in nats.

    Args:
        value: As measured.
        by_chance: Mean over shuffles.
        low: 2.5th percentile of the shuffles.
        high: 97.5th percentile.
        most: The smaller of the entropies of group and expert: no value can be larger.
        num_utterances: Those that have a group.
    """

    value: float
    by_chance: float
    low: float
    high: float
    most: float
    num_utterances: int


def information_about(routed: RoutedUtterances, grouping: Grouping, task: str, *, seed: int = 0) -> Information:
    """What a task's choice of expert tells about a group, beside what it tells where groups are dealt out by chance.

    Clean recordings and noises come in several mixtures, which are routed alike: a group that never varies within a
    recording or a noise is dealt out among these as wholes, and any other, such as SNR, within each recording.
    """
    groups = routed.groups(grouping)
    kept = np.array(sorted(index for _, members in groups for index in members))
    code_of = {index: code for code, (_, members) in enumerate(groups) for index in members}
    code_U = np.array([code_of[int(index)] for index in kept])
    weighted_UE = routed.load_UE[task][kept] * routed.frames_U[kept, None]

    def measured(codes: IntArray) -> float:
        counts_GE = np.zeros((len(groups), routed.num_experts))
        np.add.at(counts_GE, codes, weighted_UE)
        return mutual_information(counts_GE.tolist(), counts_GE.sum(1).tolist())

    shuffled = _shuffled(code_U, [routed.utterances[int(index)] for index in kept], seed=seed)
    frames_G = np.bincount(code_U, weights=weighted_UE.sum(1)).tolist()
    return _compared(measured, code_U, shuffled, most=_least_entropy(frames_G, weighted_UE.sum(0).tolist()))


def information_about_task(routed: RoutedUtterances, *, seed: int = 0) -> Information:
    """What an expert tells of the task that chose it, beside the same with tasks swapped at random per recording."""
    tasks = tuple(routed.load_UE)
    weighted_SUE = np.stack([routed.load_UE[task] * routed.frames_U[:, None] for task in tasks])
    names, source_U = np.unique([_recording(one) for one in routed.utterances], return_inverse=True)

    def measured(order_US: IntArray) -> float:
        dealt_SUE = np.take_along_axis(weighted_SUE, order_US.T[:, :, None], axis=0)
        return mutual_information(dealt_SUE.sum(1).tolist())

    def shuffled(number: int) -> IntArray:
        order = _generator(seed, number).permuted(np.tile(np.arange(len(tasks)), (len(names), 1)), axis=1)
        return np.asarray(order[source_U])

    as_it_is = np.tile(np.arange(len(tasks)), (len(routed.utterances), 1))
    most = _least_entropy([1.0] * len(tasks), weighted_SUE.sum((0, 1)).tolist())
    return _compared(measured, as_it_is, shuffled, most=most)


def _compared(
    measured: Callable[[IntArray], float], given: IntArray, shuffled: Callable[[int], IntArray], *, most: float
) -> Information:
    found = [measured(shuffled(number)) for number in range(SHUFFLES)]
    low, high = np.percentile(found, [2.5, 97.5])
    return Information(measured(given), float(np.mean(found)), float(low), float(high), most, len(given))


def _recording(one: Utterance) -> str:
    return one.mixture.clean_id if one.mixture else one.id


def _noise(one: Utterance) -> str:
    return one.mixture.noise_id if one.mixture else one.id


def _shuffled(code_U: IntArray, utterances: Sequence[Utterance], *, seed: int) -> Callable[[int], IntArray]:
    """Groups dealt out anew: among wholes of which none has two groups, the largest there are; else within recordings.

    Wholes that are as few as the groups are not dealt out: a group could not be told from its one recording or noise.
    """
    wholes = [
        np.unique([name_of(one) for one in utterances], return_index=True, return_inverse=True)[1:]
        for name_of in (_recording, _noise)
    ]
    num_groups = len(np.unique(code_U))
    constant = [
        (first, whole_U)
        for first, whole_U in wholes
        if len(first) > num_groups and np.all(code_U == code_U[first][whole_U])
    ]
    if constant:
        first, whole_U = min(constant, key=lambda one: len(one[0]))
        return lambda number: np.asarray(_generator(seed, number).permutation(code_U[first])[whole_U])
    recording_U = wholes[0][1]  # such as SNR, or a noise class of one file each

    def within(number: int) -> IntArray:
        order = np.lexsort((_generator(seed, number).random(len(code_U)), recording_U))
        codes = np.empty_like(code_U)
        codes[np.argsort(recording_U, kind="stable")] = code_U[order]
        return codes

    return within


def _generator(seed: int, number: int) -> np.random.Generator:
    return np.random.default_rng((seed, number))


def _least_entropy(*counts: Sequence[float]) -> float:
    return min(entropy_of(shares_of(one)) for one in counts)
