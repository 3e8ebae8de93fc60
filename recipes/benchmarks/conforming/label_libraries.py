"""Scores over predictions by other libraries."""

import importlib
import importlib.metadata
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass

from conforming.material import LABELS, Predictions

Score = Callable[[Predictions], float]


@dataclass(frozen=True)
class LabelLibrary:
    """One library.

    Args:
        name: As it is installed.
        module: As it is imported.
        metrics: Our name of a score, to the library's value.
    """

    name: str
    module: str
    metrics: dict[str, Score]

    @property
    def version(self) -> str | None:
        """Its version; None where it is not installed."""
        return None if importlib.util.find_spec(self.module) is None else importlib.metadata.version(self.name)


def _sklearn(function: str, **options: object) -> Score:
    def value(drawn: Predictions) -> float:
        metrics = importlib.import_module("sklearn.metrics")
        return float(getattr(metrics, function)(drawn.truth, drawn.probabilities.argmax(axis=1), **options))

    return value


def _sklearn_auc(drawn: Predictions) -> float:
    metrics = importlib.import_module("sklearn.metrics")
    return float(metrics.roc_auc_score(drawn.truth, drawn.probabilities, multi_class="ovr", average="macro"))


def _sklearn_two_class_auc(drawn: Predictions) -> float:
    metrics = importlib.import_module("sklearn.metrics")
    return float(metrics.roc_auc_score(drawn.truth != 0, 1.0 - drawn.probabilities[:, 0]))


def _sklearn_rmse(drawn: Predictions) -> float:
    metrics = importlib.import_module("sklearn.metrics")
    return float(metrics.root_mean_squared_error(drawn.attribute, drawn.predicted))


def _torchmetrics_ece(drawn: Predictions) -> float:
    import torch

    scores = importlib.import_module("torchmetrics.functional.classification")
    probabilities, truth = torch.tensor(drawn.probabilities), torch.tensor(drawn.truth)
    return float(
        scores.multiclass_calibration_error(probabilities, truth, num_classes=len(LABELS), n_bins=15, norm="l1")
    )


def _torchmetrics_ccc(drawn: Predictions) -> float:
    import torch

    scores = importlib.import_module("torchmetrics.functional.regression")
    return float(scores.concordance_corrcoef(torch.tensor(drawn.predicted), torch.tensor(drawn.attribute)))


LABEL_LIBRARIES = (
    LabelLibrary(
        "scikit-learn",
        "sklearn",
        {
            "macro_f1": _sklearn("f1_score", average="macro"),
            "micro_f1": _sklearn("f1_score", average="micro"),
            "weighted_f1": _sklearn("f1_score", average="weighted"),
            "accuracy": _sklearn("accuracy_score"),
            "uar": _sklearn("balanced_accuracy_score"),
            "auc": _sklearn_auc,
            "auc_two_class": _sklearn_two_class_auc,
            "rmse": _sklearn_rmse,
        },
    ),
    LabelLibrary("torchmetrics", "torchmetrics", {"ece": _torchmetrics_ece, "ccc": _torchmetrics_ccc}),
)
