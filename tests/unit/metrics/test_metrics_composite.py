"""Composite ratings from their parts."""

import pytest

from merit_cli.metrics.composite import CBAK, COVL, CSIG
from merit_cli.metrics.spec import MetricSpec

PARTS = {"llr": 0.7, "pesq_wb": 2.5, "wss": 35.0, "ssnr_db": 6.0}


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        (CSIG, 3.093 - 1.029 * 0.7 + 0.603 * 2.5 - 0.009 * 35.0),
        (CBAK, 1.634 + 0.478 * 2.5 - 0.007 * 35.0 + 0.063 * 6.0),
        (COVL, 1.594 + 0.805 * 2.5 - 0.512 * 0.7 - 0.007 * 35.0),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_a_rating_is_the_published_regression(spec: MetricSpec, expected: float) -> None:
    assert spec.compute({part: PARTS[part] for part in spec.parts}) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("spec", [CSIG, CBAK, COVL], ids=lambda spec: spec.name)
def test_a_rating_stays_between_1_and_5(spec: MetricSpec) -> None:
    assert spec.compute({"llr": 9.0, "pesq_wb": 1.0, "wss": 300.0, "ssnr_db": -10.0}) == 1.0
    assert spec.compute({"llr": 0.0, "pesq_wb": 4.64, "wss": 0.0, "ssnr_db": 35.0}) == 5.0


@pytest.mark.parametrize("spec", [CSIG, CBAK, COVL], ids=lambda spec: spec.name)
def test_a_rating_says_which_pesq_it_uses(spec: MetricSpec) -> None:
    assert "pesq_wb" in spec.parts
    assert "MOS-LQO" in spec.source
