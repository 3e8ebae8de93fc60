"""Composite measures: what listeners would say of the signal, of the background and overall, from other metrics.

The regressions were fitted with narrow-band PESQ scores (raw, P.862). Here, as in nearly every paper
on 16 kHz speech since, wide-band MOS-LQO (P.862.2) stands in its place, so that values are comparable
with theirs and not with the original's. Values are limited to [1, 5].

Source: Hu and Loizou 2008, "Evaluation of objective quality measures for speech enhancement", the
coefficients from the program beside it.
"""

from collections.abc import Mapping

from merit_cli.metrics.spec import MetricSpec

LOWEST, HIGHEST = 1.0, 5.0
_SOURCE = "Hu and Loizou 2008; with pesq_wb (MOS-LQO) in place of raw narrow-band PESQ"


def csig(parts: Mapping[str, float]) -> float:
    """Predicted rating of signal distortion: 3.093 - 1.029 llr + .603 pesq_wb - .009 wss, in [1, 5].

    Args:
        parts: Values of ``llr``, ``pesq_wb`` and ``wss``.

    Returns:
        Rating in [1, 5], higher is better.

    >>> round(csig({"llr": 0.5, "pesq_wb": 2.0, "wss": 40.0}), 4)
    3.4245
    """
    return _limited(3.093 - 1.029 * parts["llr"] + 0.603 * parts["pesq_wb"] - 0.009 * parts["wss"])


def cbak(parts: Mapping[str, float]) -> float:
    """Predicted rating of background noise: 1.634 + .478 pesq_wb - .007 wss + .063 ssnr_db, in [1, 5].

    Args:
        parts: Values of ``pesq_wb``, ``wss`` and ``ssnr_db``.

    Returns:
        Rating in [1, 5], higher is better.

    >>> round(cbak({"pesq_wb": 2.0, "wss": 40.0, "ssnr_db": 5.0}), 4)
    2.625
    """
    return _limited(1.634 + 0.478 * parts["pesq_wb"] - 0.007 * parts["wss"] + 0.063 * parts["ssnr_db"])


def covl(parts: Mapping[str, float]) -> float:
    """Predicted overall rating: 1.594 + .805 pesq_wb - .512 llr - .007 wss, in [1, 5].

    Args:
        parts: Values of ``llr``, ``pesq_wb`` and ``wss``.

    Returns:
        Rating in [1, 5], higher is better.

    >>> round(covl({"llr": 0.5, "pesq_wb": 2.0, "wss": 40.0}), 4)
    2.668
    """
    return _limited(1.594 + 0.805 * parts["pesq_wb"] - 0.512 * parts["llr"] - 0.007 * parts["wss"])


def _limited(rating: float) -> float:
    return min(max(rating, LOWEST), HIGHEST)


CSIG = MetricSpec(
    "csig",
    "signal",
    csig,
    "rating",
    higher_is_better=True,
    range=(LOWEST, HIGHEST),
    source=_SOURCE,
    parts=("llr", "pesq_wb", "wss"),
)
CBAK = MetricSpec(
    "cbak",
    "signal",
    cbak,
    "rating",
    higher_is_better=True,
    range=(LOWEST, HIGHEST),
    source=_SOURCE,
    parts=("pesq_wb", "wss", "ssnr_db"),
)
COVL = MetricSpec(
    "covl",
    "signal",
    covl,
    "rating",
    higher_is_better=True,
    range=(LOWEST, HIGHEST),
    source=_SOURCE,
    parts=("llr", "pesq_wb", "wss"),
)
