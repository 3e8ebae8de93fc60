"""Mutual information against its definition over a joint distribution."""

import math

import numpy as np
import pytest

from merit_cli.metrics.information import entropy_of, mutual_information, shares_of


def test_rows_that_share_nothing_are_known_by_their_choice() -> None:
    assert mutual_information([[5, 0], [0, 9]]) == pytest.approx(math.log(2.0))
    assert mutual_information([[1, 2], [10, 20]]) == 0.0


def test_it_is_that_of_the_joint_distribution() -> None:
    counts = np.array([[3.0, 1.0, 4.0], [1.0, 5.0, 2.0]])
    joint = counts / counts.sum()  # rows of equal sums
    product = joint.sum(1, keepdims=True) * joint.sum(0, keepdims=True)
    assert mutual_information(counts.astype(int).tolist()) == pytest.approx(
        float((joint * np.log(joint / product)).sum())
    )


def test_weighted_rows_are_those_of_the_joint_distribution() -> None:
    counts = np.array([[30.0, 10.0], [2.0, 6.0], [0.0, 1.0]])
    joint = counts / counts.sum()
    product = joint.sum(1, keepdims=True) * joint.sum(0, keepdims=True)
    seen = joint > 0.0
    expected = float((joint[seen] * np.log(joint[seen] / product[seen])).sum())
    assert mutual_information(counts.tolist(), counts.sum(1).tolist()) == pytest.approx(expected)


def test_nothing_counted_says_nothing() -> None:
    assert shares_of([0, 0]) == [0.0, 0.0]
    assert mutual_information([[0, 0], [0, 0]]) == 0.0
    assert entropy_of([1.0]) == 0.0
