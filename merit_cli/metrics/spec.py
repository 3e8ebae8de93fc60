"""What a metric is: its name, formula, unit, range, direction and source; and the names people type for it."""

import importlib.util
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from merit_cli.errors import Unavailable, UsageError, unknown_name
from merit_cli.metrics import METRICS

FloatArray = npt.NDArray[np.float64]
Samples = npt.NDArray[np.floating]
Kind = Literal["signal", "classification", "respiratory", "probability", "attribute"]

NARROW_BAND_RATE = 8000

_ALIASES = {
    "f1": "macro_f1",
    "f1_macro": "macro_f1",
    "f1_micro": "micro_f1",
    "f1_weighted": "weighted_f1",
    "acc": "accuracy",
    "unweighted_average_recall": "uar",
    "sisdr": "si_sdr_db",
    "segsnr": "ssnr_db",
    "segmental_snr": "ssnr_db",
    "fwsegsnr": "fwssnr_db",
    "fwsnrseg": "fwssnr_db",
    "dnsmos": "dnsmos_ovrl",
    "dnsmos_ovr": "dnsmos_ovrl",
    "f0": "f0_rmse_cents",
    "f0_rmse": "f0_rmse_cents",
    "vde": "voicing_error",
    "auroc": "auc",
    "calibration_error": "ece",
    "se": "icbhi_se",
    "sp": "icbhi_sp",
    "score": "icbhi_score",
}


@dataclass(frozen=True)
class MetricSpec:
    """A metric.

    Args:
        name: Canonical, with its variant and its unit where it has one.
        kind: ``signal`` metrics are ``compute(clean, processed, sample_rate=...) -> float`` on one
            utterance (N,), or with ``parts`` ``compute(values) -> float`` on a mapping of each part's name
            to its value. ``classification`` and ``respiratory`` metrics are
            ``compute(confusion) -> array (...)`` on counts (..., C, C), true class in rows.
            ``probability`` and ``attribute`` metrics are ``compute(sums) -> array (...)`` on the sums over
            units of what ``sufficient`` gives.
        compute: The formula. A signal metric raises `BadData` where it is undefined; one over counts
            gives NaN there, which `confusion.score_of` refuses.
        unit: Such as ``dB``; empty for a plain number.
        higher_is_better: Which way is better.
        range: Lowest and highest value it can take.
        needs_reference: Whether it needs the clean signal or the true labels.
        sample_rates: Rates in Hz that it is defined at; empty for any.
        source: Author, year and equation.
        isolate: Whether its library may kill the process.
        parts: Canonical names of the signal metrics that this one is computed from, each at its own rate.
        sufficient: Of a ``probability`` metric ``(true_codes (N,), probabilities (N, C), units (N,), num_units)
            -> (K, ...)``, of an ``attribute`` metric ``(truth (N,), predicted (N,), units (N,), num_units)
            -> (K, ...)``: what adds up over the K units; None for the other kinds.
        packages: What it needs beyond our dependencies, by the names they are imported under.
        extra: The optional extra that brings them.
    """

    name: str
    kind: Kind
    compute: Callable[..., Any]  # the two signatures differ by kind
    unit: str
    higher_is_better: bool
    range: tuple[float, float]
    source: str
    needs_reference: bool = True
    sample_rates: tuple[int, ...] = ()
    isolate: bool = False
    parts: tuple[str, ...] = ()
    sufficient: Callable[..., FloatArray] | None = None
    packages: tuple[str, ...] = ()
    extra: str = ""

    def __post_init__(self) -> None:
        assert not self.parts or self.kind == "signal", f"{self.name}: only a signal metric has parts"
        has_sums = self.kind in ("probability", "attribute")
        assert has_sums == (self.sufficient is not None), f"{self.name}: a {self.kind} metric and its sums do not agree"


def canonical_name(name: str, *, sample_rate: int | None = None, place: str = "") -> str:
    """The canonical name of a metric; case, hyphens and blanks are free.

    Args:
        name: As typed.
        sample_rate: Rate of the audio in Hz, where it is known: ``pesq`` is narrow-band at 8 kHz.
        place: Where the name was typed, for the error.

    Raises:
        UsageError: No metric is called so; the nearest is named.

    >>> canonical_name("SI-SDR"), canonical_name("f1"), canonical_name("pesq"), canonical_name("pesq", sample_rate=8000)
    ('si_sdr_db', 'macro_f1', 'pesq_wb', 'pesq_nb')
    """
    plain = name.strip().lower().replace("-", "_").replace(" ", "_")
    if plain == "pesq":
        return "pesq_nb" if sample_rate == NARROW_BAND_RATE else "pesq_wb"
    candidates = (plain, _ALIASES.get(plain, plain), f"{plain}_db")
    found = next((name for name in candidates if name in METRICS.table), None)
    if found is not None:
        return found  # before plug-ins are looked for, which takes a scan of all installed packages
    known = METRICS.names()
    if plain in known:
        return plain
    short = [full.removesuffix("_db") for full in known]
    raise unknown_name("metric", name, {*short, "f1", "pesq"}, place=place)


def load_metric(name: str, *, sample_rate: int | None = None, place: str = "") -> MetricSpec:
    """The metric of that name, typed in any of its spellings.

    Raises:
        UsageError: No metric is called so, or a plug-in registered something else under the name.
        Unavailable: Its package is not installed.

    >>> load_metric("ssnr").unit
    'dB'
    """
    canonical = canonical_name(name, sample_rate=sample_rate, place=place)
    spec = METRICS.load(canonical, place=place)
    if not isinstance(spec, MetricSpec):
        raise UsageError(f"the metric {canonical!r} is not a MetricSpec", place=place, hint="mend the plug-in package")
    refuse_missing_packages(f"the metric {canonical!r}", spec.packages, extra=spec.extra, place=place)
    return spec


def refuse_missing_packages(what: str, packages: Sequence[str], *, extra: str, place: str = "") -> None:
    """Nothing, where all packages are installed.

    Raises:
        Unavailable: One is not; the extra that brings it is named.
    """
    for package in packages:
        if importlib.util.find_spec(package) is None:
            how = f"pip install 'merit-cli[{extra}]'" if extra else f"install {package}"
            raise Unavailable(f"{what} needs the package {package!r}", place=place, hint=how)
