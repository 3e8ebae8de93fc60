"""Scores over continuous attributes against formulas and torchmetrics."""

import numpy as np
import pytest

from merit_cli.errors import BadData
from merit_cli.metrics.attributes import CCC, RMSE, ccc, moment_sums, rmse

RNG = np.random.default_rng(0)
TRUTH = 1000.0 + RNG.standard_normal(400)
PREDICTED = 1000.2 + 0.6 * (TRUTH - 1000.0) + 0.5 * RNG.standard_normal(400)
UNITS = np.arange(400) % 9


def test_ccc_equals_torchmetrics_and_the_formula() -> None:
    regression = pytest.importorskip("torchmetrics.functional.regression")
    import torch

    value = float(ccc(moment_sums(TRUTH, PREDICTED, UNITS, 9).sum(axis=0)))
    covariance = np.mean((TRUTH - TRUTH.mean()) * (PREDICTED - PREDICTED.mean()))
    expected = 2 * covariance / (TRUTH.var() + PREDICTED.var() + (TRUTH.mean() - PREDICTED.mean()) ** 2)
    assert value == pytest.approx(expected, abs=1e-12)
    theirs = regression.concordance_corrcoef(torch.tensor(PREDICTED), torch.tensor(TRUTH))
    assert value == pytest.approx(float(theirs), abs=3e-3)  # torchmetrics divides the variances by n - 1


def test_rmse_is_the_root_of_the_mean_square() -> None:
    expected = np.sqrt(np.mean((TRUTH - PREDICTED) ** 2))
    assert float(rmse(moment_sums(TRUTH, PREDICTED, UNITS, 9).sum(axis=0))) == pytest.approx(expected, abs=1e-12)


def test_resampled_sums_are_the_sums_of_the_resampled_rows() -> None:
    sums = moment_sums(TRUTH, PREDICTED, UNITS, 9)
    drawn = [0, 0, 3, 8, 5, 5, 5, 1, 2]
    rows = np.concatenate([np.flatnonzero(unit == UNITS) for unit in drawn])
    alone = moment_sums(TRUTH[rows], PREDICTED[rows], np.zeros(rows.size, dtype=np.int64), 1)[0]
    for score in (ccc, rmse):
        assert float(score(sums[drawn].sum(axis=0))) == pytest.approx(float(score(alone)), abs=1e-10)


def test_many_sums_are_scored_at_once() -> None:
    sums = moment_sums(TRUTH, PREDICTED, UNITS, 9)
    assert ccc(sums).shape == rmse(sums).shape == (9,)


def test_perfect_predictions_have_the_best_values() -> None:
    sums = moment_sums(TRUTH, TRUTH, UNITS, 9).sum(axis=0)
    assert float(ccc(sums)) == pytest.approx(CCC.range[1], abs=1e-12)
    assert float(rmse(sums)) == RMSE.range[0]


def test_ccc_of_a_constant_prediction_is_zero_and_of_two_constants_undefined() -> None:
    units = np.zeros(3, dtype=np.int64)
    assert float(ccc(moment_sums(np.array([1.0, 2.0, 3.0]), np.full(3, 2.0), units, 1)[0])) == 0.0
    assert np.isnan(ccc(moment_sums(np.full(3, 2.0), np.full(3, 2.0), units, 1)[0]))


@pytest.mark.parametrize(
    ("truth", "predicted", "words"),
    [
        (np.ones(2), np.ones(3), "stand against"),
        (np.ones(0), np.ones(0), "no values"),
        (np.ones(2), np.array([1.0, np.nan]), "not finite"),
    ],
)
def test_values_that_do_not_pair_are_refused(truth, predicted, words: str) -> None:  # noqa: ANN001
    with pytest.raises(BadData, match=words):
        moment_sums(truth, predicted, np.zeros(truth.size, dtype=np.int64), 1)
