"""From answers to numbers: macro-F1 over speakers and seeds, contrasts, signal metrics by row."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from fold import answers_folder
from scipy.stats import t as student
from study import Study, System

from merit_cli.manifests.predictions import PREDICTIONS_NAME, read_predictions
from merit_cli.manifests.read_write import read_manifest
from merit_cli.manifests.utterance import Utterance
from merit_cli.metrics.chance import permutation_test
from merit_cli.metrics.comparison import Comparison, sign_flip_p
from merit_cli.metrics.confusion import cluster_confusions
from merit_cli.metrics.emotion import MACRO_F1
from merit_cli.metrics.statistics import Interval, unit_interval, units_of

FloatArray = npt.NDArray[np.float64]
Said = Mapping[str, str]  # utterance id to predicted label


@dataclass(frozen=True)
class Answers:
    """Everything that was said, and of what.

    Args:
        utterances: Of dev and test of every fold, by split.
        said: Split, then system, then one mapping a seed.
        labels: The classes.
    """

    utterances: Mapping[str, Sequence[Utterance]]
    said: Mapping[str, Mapping[str, Sequence[Said]]]
    labels: tuple[str, ...]


def read_answers(study: Study, manifests: Mapping[int, Path], folders: Mapping[tuple[int, int], Path]) -> Answers:
    """Predictions of all folds put together; every clip is tested in one fold.

    Args:
        study: The comparison.
        manifests: Of each fold.
        folders: Of each fold and seed.
    """
    utterances: dict[str, list[Utterance]] = {"dev": [], "test": []}
    for manifest in manifests.values():
        for one in read_manifest(manifest):
            if one.split in utterances:
                utterances[one.split].append(one)
    said: dict[str, dict[str, list[dict[str, str]]]] = {"dev": {}, "test": {}}
    for system in study.systems:
        for seed in study.seeds:
            found = _predictions(system, [folders[fold, seed] for fold in manifests])
            for split, by_id in found.items():
                said[split].setdefault(system.name, []).append(by_id)
    labels = tuple(sorted({str(one.labels["emotion"]) for one in utterances["test"]}))
    return Answers(utterances, said, labels)


def _predictions(system: System, folders: Sequence[Path]) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for folder in folders:
        path = answers_folder(folder, system) / PREDICTIONS_NAME
        for one in read_predictions(path) if path.exists() else ():
            found.setdefault(one.split, {})[one.id] = one.predicted
    return found


def confusions(answers: Answers, said: Sequence[Said], members: Sequence[Utterance]) -> FloatArray:
    """Counts (K, S, C, C) by speaker and seed."""
    units = units_of([one.speaker for one in members])
    truth = [str(one.labels["emotion"]) for one in members]
    by_seed = [
        cluster_confusions(truth, [by_id[one.id] for one in members], units.codes, answers.labels) for by_id in said
    ]
    return np.stack(by_seed, axis=1).astype(np.float64)


def mean_macro_f1(sums: FloatArray) -> FloatArray:
    """Macro-F1 of counts (..., S, C, C), its mean over the seeds."""
    return np.asarray(MACRO_F1.compute(sums).mean(axis=-1))


def f1_interval(answers: Answers, said: Sequence[Said], members: Sequence[Utterance]) -> Interval:
    """Macro-F1 over all members with its interval over speakers."""
    units = units_of([one.speaker for one in members])
    return unit_interval(confusions(answers, said, members), mean_macro_f1, units, seed=0)


def f1_contrast(
    answers: Answers, first: Sequence[Said], second: Sequence[Said], members: Sequence[Utterance]
) -> tuple[Comparison, FloatArray]:
    """Macro-F1 of the first minus the second on the same mixtures, and the same of each speaker."""
    units = units_of([one.speaker for one in members])
    both = [confusions(answers, said, members) for said in (first, second)]

    def difference(sums: FloatArray) -> FloatArray:
        return mean_macro_f1(sums[:, 0]) - mean_macro_f1(sums[:, 1])

    interval = unit_interval(np.stack(both, axis=1), difference, units, seed=0)
    p_value = sign_flip_p(both[0], both[1], mean_macro_f1, seed=0)
    return Comparison(interval, p_value), mean_macro_f1(both[0]) - mean_macro_f1(both[1])


def detectable(interval: Interval, power: float = 0.8) -> float:
    """The smallest true difference that a t test at 5 % over these speakers sees with that power.

    (t_{.975} + t_{power}) times the standard error, K - 1 degrees of freedom; an approximation.
    """
    assert interval.low is not None, interval
    assert interval.high is not None, interval
    degrees = interval.num_clusters - 1
    critical = float(student.ppf(0.975, degrees))
    standard_error = (interval.high - interval.low) / 2.0 / critical
    return standard_error * (critical + float(student.ppf(power, degrees)))


def chance_p(answers: Answers, said: Sequence[Said], members: Sequence[Utterance]) -> tuple[float, float]:
    """Chance level and p-value, labels permuted within speaker, of the first seed."""
    truth = [str(one.labels["emotion"]) for one in members]
    test = permutation_test(
        [said[0][one.id] for one in members],
        truth,
        [one.speaker for one in members],
        spec=MACRO_F1,
        labels=answers.labels,
        seed=0,
    )
    return test.chance, test.p_value


def best_on_dev(answers: Answers, names: Sequence[str]) -> tuple[str, dict[str, float]]:
    """The system with the largest mean dev macro-F1 over the folds, and that mean of each."""
    speakers = sorted({one.speaker for one in answers.utterances["dev"]})
    means = {}
    for name in names:
        by_speaker = [
            mean_macro_f1(
                confusions(
                    answers,
                    answers.said["dev"][name],
                    [one for one in answers.utterances["dev"] if one.speaker == speaker],
                ).sum(axis=0)
            )
            for speaker in speakers
        ]
        means[name] = float(np.mean(by_speaker))
    return max(means, key=lambda name: means[name]), means
