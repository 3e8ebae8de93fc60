"""Scores over probabilities against scikit-learn and torchmetrics, and what their sums promise."""

import numpy as np
import numpy.typing as npt
import pytest
from sklearn.metrics import roc_auc_score

from merit_cli.errors import BadData
from merit_cli.metrics.probabilities import (
    AUC,
    AUC_TWO_CLASS,
    ECE,
    MAX_CELLS,
    MIN_CELLS,
    auc,
    auc_two_class,
    calibration_sums,
    class_auc,
    ece,
    roc_sums,
)
from merit_cli.metrics.spec import MetricSpec
from merit_cli.metrics.statistics import unit_interval, units_of

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]


def draw(seed: int, num_rows: int, num_classes: int, num_units: int) -> tuple[Codes, Floats, Codes]:
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, num_classes, num_rows)
    logits = rng.standard_normal((num_rows, num_classes)) + 1.2 * np.eye(num_classes)[truth]
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return truth, probabilities, rng.integers(0, num_units, num_rows)


@pytest.mark.parametrize("num_units", [1, 12, 500], ids=["one", "cells are units", "cells are quantiles"])
@pytest.mark.parametrize("num_classes", [2, 4])
def test_auc_on_all_rows_equals_scikit_learn_whatever_the_cells(num_classes: int, num_units: int) -> None:
    truth, probabilities, units = draw(0, 3000, num_classes, num_units)
    expected = (
        roc_auc_score(truth, probabilities[:, 1])
        if num_classes == 2
        else roc_auc_score(truth, probabilities, multi_class="ovr", average="macro")
    )
    sums = roc_sums(truth, probabilities, units, num_units)
    assert sums.shape[-1] <= max(MAX_CELLS, num_units if num_units <= MAX_CELLS else 0) + 1
    assert float(auc(sums.sum(axis=0))) == pytest.approx(expected, abs=1e-12)


def test_auc_counts_ties_half() -> None:
    truth, probabilities, units = draw(1, 800, 4, 500)
    coarse = np.round(probabilities, 1)
    coarse[:, 0] += 1.0 - coarse.sum(axis=1)
    expected = [roc_auc_score(truth == code, coarse[:, code]) for code in range(4)]
    coarse = np.clip(coarse, 0.0, None)
    coarse /= coarse.sum(axis=1, keepdims=True)
    found = class_auc(roc_sums(truth, coarse, units, 500).sum(axis=0))
    expected = [roc_auc_score(truth == code, coarse[:, code]) for code in range(4)]
    assert found == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(("num_units", "tolerance"), [(20, 1e-12), (300, 2e-3)], ids=["exact", "by quantiles"])
def test_auc_of_resampled_units_is_that_of_the_resampled_rows(num_units: int, tolerance: float) -> None:
    truth, probabilities, units = draw(2, 2400, 4, num_units)
    sums = roc_sums(truth, probabilities, units, num_units)
    rng = np.random.default_rng(0)
    for _ in range(5):
        drawn = rng.integers(0, num_units, num_units)
        rows = np.concatenate([np.flatnonzero(units == unit) for unit in drawn])
        expected = roc_auc_score(truth[rows], probabilities[rows], multi_class="ovr", average="macro")
        assert float(auc(sums[drawn].sum(axis=0))) == pytest.approx(expected, abs=tolerance)


def test_auc_of_very_many_units_saves_memory_and_stays_exact_on_all_rows() -> None:
    truth, probabilities, units = draw(8, 60_000, 4, 60_000)
    sums = roc_sums(truth, probabilities, units, 60_000)
    assert sums.shape[-1] == MIN_CELLS + 1
    expected = roc_auc_score(truth, probabilities, multi_class="ovr", average="macro")
    assert float(auc(sums.sum(axis=0))) == pytest.approx(expected, abs=1e-10)


def test_auc_of_few_distinct_scores_is_exact_in_resamples() -> None:
    rng = np.random.default_rng(0)
    score = rng.integers(0, 21, 1000) / 20.0
    truth = (rng.random(1000) < score).astype(np.int64)
    probabilities, rows = np.stack([1.0 - score, score], axis=1), np.arange(1000)
    sums = roc_sums(truth, probabilities, rows, 1000)
    drawn = rng.integers(0, 1000, 1000)
    expected = roc_auc_score(truth[drawn], score[drawn])
    assert float(auc(sums[drawn].sum(axis=0))) == pytest.approx(expected, abs=1e-12)


def test_two_class_auc_is_the_first_class_against_all_others() -> None:
    truth, probabilities, units = draw(3, 500, 4, 1)
    expected = roc_auc_score(truth != 0, 1.0 - probabilities[:, 0])
    assert float(auc_two_class(roc_sums(truth, probabilities, units, 1)[0])) == pytest.approx(expected, abs=1e-12)


def test_auc_leaves_out_classes_that_never_occur() -> None:
    truth, probabilities, units = draw(4, 300, 4, 1)
    sums = roc_sums(np.where(truth == 3, 0, truth), probabilities, units, 1)[0]
    each = class_auc(sums)
    assert np.isnan(each[3])
    assert float(auc(sums)) == pytest.approx(each[:3].mean())


def test_auc_of_one_class_alone_is_undefined() -> None:
    sums = roc_sums(np.zeros(5, dtype=np.int64), np.full((5, 2), 0.5), np.zeros(5, dtype=np.int64), 1)[0]
    assert np.isnan(auc(sums))


@pytest.mark.parametrize("num_rows", [50, 5000])
def test_ece_equals_torchmetrics(num_rows: int) -> None:
    classification = pytest.importorskip("torchmetrics.functional.classification")
    import torch

    truth, probabilities, units = draw(5, num_rows, 4, 7)
    expected = classification.multiclass_calibration_error(
        torch.tensor(probabilities), torch.tensor(truth), num_classes=4, n_bins=15, norm="l1"
    )
    assert float(ece(calibration_sums(truth, probabilities, units, 7).sum(axis=0))) == pytest.approx(
        float(expected), abs=1e-6
    )


def test_ece_by_a_loop_over_bins() -> None:
    truth, probabilities, units = draw(6, 400, 3, 1)
    confidence, guess = probabilities.max(axis=1), probabilities.argmax(axis=1)
    expected = 0.0
    for number in range(15):
        inside = (confidence > number / 15) & (confidence <= (number + 1) / 15)
        if inside.any():
            expected += inside.mean() * abs((guess == truth)[inside].mean() - confidence[inside].mean())
    assert float(ece(calibration_sums(truth, probabilities, units, 1)[0])) == pytest.approx(expected, abs=1e-12)


def test_a_bin_of_confidence_has_its_upper_edge() -> None:
    probabilities = np.array([[0.6, 0.4], [0.61, 0.39]])  # 9/15 belongs to the bin below
    sums = calibration_sums(np.array([0, 1]), probabilities, np.zeros(2, dtype=np.int64), 1)[0]
    assert float(ece(sums)) == pytest.approx((0.4 + 0.61) / 2)


def test_a_model_that_is_sure_and_right_is_calibrated() -> None:
    truth = np.arange(30) % 3
    assert float(ece(calibration_sums(truth, np.eye(3)[truth], np.zeros(30, dtype=np.int64), 1)[0])) == 0.0


@pytest.mark.parametrize("spec", [AUC, AUC_TWO_CLASS, ECE], ids=lambda spec: spec.name)
def test_sums_of_units_give_an_interval_around_the_value(spec: MetricSpec) -> None:
    truth, probabilities, codes = draw(7, 1200, 4, 30)
    units = units_of([f"s{code:02}" for code in codes])
    assert spec.sufficient is not None
    sums = spec.sufficient(truth, probabilities, units.codes, units.num_units)
    interval = unit_interval(sums, spec.compute, units, seed=0, num_resamples=1000)
    assert interval.low is not None
    assert interval.high is not None
    assert interval.low <= interval.mean + 0.02
    assert interval.low < interval.high < interval.low + 0.2


@pytest.mark.parametrize(
    ("truth", "probabilities", "words"),
    [
        (np.zeros(2, dtype=np.int64), np.full((3, 2), 0.5), "stand against 2 true labels"),
        (np.zeros(0, dtype=np.int64), np.zeros((0, 2)), "no probabilities"),
        (np.zeros(1, dtype=np.int64), np.array([[0.7, 0.7]]), "row 0 add up to 1.4"),
        (np.zeros(1, dtype=np.int64), np.array([[-0.1, 1.1]]), "negative or not finite"),
        (np.zeros(1, dtype=np.int64), np.array([[np.nan, 1.0]]), "negative or not finite"),
    ],
)
@pytest.mark.parametrize("sufficient", [roc_sums, calibration_sums])
def test_what_are_no_probabilities_is_refused(sufficient, truth: Codes, probabilities: Floats, words: str) -> None:  # noqa: ANN001
    with pytest.raises(BadData, match=words):
        sufficient(truth, probabilities, np.zeros_like(truth), 1)
