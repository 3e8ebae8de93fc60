"""Our value of each metric beside the loops and the libraries."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from conforming import naive, naive_intelligibility, naive_labels
from conforming.label_libraries import LABEL_LIBRARIES
from conforming.libraries import SIGNAL_LIBRARIES
from conforming.material import LABELS, RATE, Pair, Predictions

from merit_cli.audio.pitch import pitch_track
from merit_cli.metrics.attributes import moment_sums
from merit_cli.metrics.probabilities import calibration_sums, roc_sums
from merit_cli.metrics.spec import load_metric

Array = npt.NDArray[np.float64]
LOOPS = "loops"
NAIVE_TOLERANCE = 1e-8
LIBRARY_TOLERANCE = 1e-6
TOLERANCES: dict[tuple[str, str], float | None] = {
    ("stoi", "speechbrain"): 5e-3,  # its own STOI, written for training
    ("f0_rmse_cents", "librosa"): None,  # another pitch tracker
    ("ccc", "torchmetrics"): 1e-3,  # variances over n - 1
    **{(f"dnsmos_{part}", "speechmos"): 1e-4 for part in ("ovrl", "sig", "bak")},  # float32, other thread counts
}
"""Where the tolerance is not that of its column; None where two methods are shown that need not agree."""
NAIVE_SIGNAL: dict[str, Callable[[Array, Array, int], float]] = {
    "ssnr_db": naive.ssnr,
    "ssnr_active_db": naive.ssnr_active,
    "snr_db": naive.snr,
    "si_sdr_db": naive.si_sdr,
    "band_si_sdr_db": naive.band_si_sdr,
    "event_retention_db": naive.event_retention,
    "sdr_db": naive.sdr,
    "fwssnr_db": naive.fwssnr,
    "wss": naive.wss,
    "llr": naive.llr,
    "lsd_db": naive.lsd,
    "mcd_db": naive.mcd,
    "energy_correlation": naive.energy_correlation,
}
NAIVE_PITCH = {
    "f0_rmse_cents": naive.f0_rmse_cents,
    "f0_gross_error": naive.f0_gross_error,
    "voicing_error": naive.voicing_error,
}
NAIVE_10K = {"stoi": naive_intelligibility.stoi, "estoi": naive_intelligibility.estoi}
COMPOSITES = ("csig", "cbak", "covl")


@dataclass(frozen=True)
class Row:
    """One comparison.

    Args:
        metric: Our name.
        ours: Our value.
        other: What it is compared with: ``loops``, or a library and its version.
        theirs: The other's value.
        tolerance: What the difference must stay under; None where it need not.
    """

    metric: str
    ours: float
    other: str
    theirs: float
    tolerance: float | None

    @property
    def difference(self) -> float:
        """Absolute difference."""
        return abs(self.ours - self.theirs)

    @property
    def agrees(self) -> bool:
        """Whether it stays under the tolerance, where there is one."""
        return self.tolerance is None or self.difference <= self.tolerance


def our_value(metric: str, clean: Array, noisy: Array, rate: int = RATE) -> float:
    """Our value of a signal metric, its parts computed first."""
    spec = load_metric(metric)
    if spec.parts:
        return float(spec.compute({part: our_value(part, clean, noisy, rate) for part in spec.parts}))
    return float(spec.compute(clean, noisy, sample_rate=rate))


def signal_rows(pair: Pair) -> Iterator[Row]:
    """Every signal metric on one pair, against the loops and against each library that is installed."""
    for metric, formula in NAIVE_SIGNAL.items():
        value = our_value(metric, pair.clean, pair.noisy)
        yield Row(metric, value, LOOPS, formula(pair.clean, pair.noisy, RATE), NAIVE_TOLERANCE)
    tracks = [pitch_track(one, RATE) for one in (pair.clean, pair.noisy)]
    for metric, of_tracks in NAIVE_PITCH.items():
        yield Row(metric, our_value(metric, pair.clean, pair.noisy), LOOPS, of_tracks(*tracks), NAIVE_TOLERANCE)
    for metric, at_10k in NAIVE_10K.items():
        value = our_value(metric, pair.clean_10k, pair.noisy_10k, 10_000)
        yield Row(metric, value, f"{LOOPS}, 10 kHz", at_10k(pair.clean_10k, pair.noisy_10k), NAIVE_TOLERANCE)
    parts = [naive.llr, naive.wss, naive.ssnr]
    llr, wss, ssnr = (formula(pair.clean, pair.noisy, RATE) for formula in parts)
    ratings = naive.composite(llr, our_value("pesq_wb", pair.clean, pair.noisy), wss, ssnr)
    for metric, rating in zip(COMPOSITES, ratings, strict=True):
        yield Row(metric, our_value(metric, pair.clean, pair.noisy), LOOPS, rating, NAIVE_TOLERANCE)
    for library in SIGNAL_LIBRARIES:
        version = library.version
        for metric, theirs in library.metrics.items() if version is not None else ():
            value = our_value(metric, pair.clean, pair.noisy)
            tolerance = TOLERANCES.get((metric, library.name), LIBRARY_TOLERANCE)
            yield Row(metric, value, f"{library.name} {version}", theirs(pair.clean, pair.noisy), tolerance)


def label_rows(drawn: Predictions) -> Iterator[Row]:
    """Every score over predictions, against the loops and against each library that is installed."""
    ours = our_label_values(drawn)
    truth, guess = drawn.truth.tolist(), drawn.probabilities.argmax(axis=1).tolist()
    theirs = {
        "macro_f1": naive_labels.macro_f1(truth, guess),
        "micro_f1": naive_labels.accuracy(truth, guess),
        "weighted_f1": naive_labels.weighted_f1(truth, guess),
        "accuracy": naive_labels.accuracy(truth, guess),
        "uar": naive_labels.uar(truth, guess),
        **naive_labels.icbhi(truth, guess),
        "auc": naive_labels.auc(drawn.truth, drawn.probabilities),
        "auc_two_class": naive_labels.area(
            drawn.probabilities[drawn.truth == 0, 0], drawn.probabilities[drawn.truth != 0, 0]
        ),
        "ece": naive_labels.ece(drawn.truth, drawn.probabilities),
        "ccc": naive_labels.ccc(drawn.attribute, drawn.predicted),
        "rmse": naive_labels.rmse(drawn.attribute, drawn.predicted),
    }
    for metric, value in theirs.items():
        yield Row(metric, ours[metric], LOOPS, value, NAIVE_TOLERANCE)
    for library in LABEL_LIBRARIES:
        version = library.version
        for metric, score in library.metrics.items() if version is not None else ():
            tolerance = TOLERANCES.get((metric, library.name), LIBRARY_TOLERANCE)
            yield Row(metric, ours[metric], f"{library.name} {version}", score(drawn), tolerance)


def our_label_values(drawn: Predictions) -> dict[str, float]:
    """Our value of each score over predictions, through sums over the speakers."""
    num_classes = len(LABELS)
    guess = drawn.probabilities.argmax(axis=1)
    counts = np.bincount(drawn.truth * num_classes + guess, minlength=num_classes**2).reshape(num_classes, -1)
    num_speakers = int(drawn.speakers.max()) + 1
    by_class = (drawn.truth, drawn.probabilities, drawn.speakers, num_speakers)
    areas = roc_sums(*by_class).sum(axis=0)
    moments = moment_sums(drawn.attribute, drawn.predicted, drawn.speakers, num_speakers).sum(axis=0)
    sums = {"auc": areas, "auc_two_class": areas, "ece": calibration_sums(*by_class).sum(axis=0)}
    names = ("macro_f1", "micro_f1", "weighted_f1", "accuracy", "uar")
    respiratory = ("icbhi_se", "icbhi_se_two_class", "icbhi_sp", "icbhi_score")
    sums |= dict.fromkeys((*names, *respiratory), counts) | dict.fromkeys(("ccc", "rmse"), moments)
    return {metric: float(load_metric(metric).compute(one)) for metric, one in sums.items()}
