"""The splits a user asks for by name, in place of those that an adapter gives."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from merit_cli.corpora.breath_splits import (
    fold_splits,
    folds_by_patient,
    official_as_published,
    random_by_cycle,
    read_fold_file,
)
from merit_cli.errors import CheckFailed, UsageError
from merit_cli.manifests.utterance import Utterance

DEFAULT_FOLDS = 5
_HINT = "official, folds, folds:K, random, or a file of patients and folds"


@dataclass(frozen=True)
class SplitPlan:
    """Splits as asked for.

    Args:
        kind: ``corpus`` (as the adapter gives), ``official``, ``folds``, ``file`` or ``random``.
        folds: Number of folds by patient.
        path: The file of folds.
    """

    kind: str = "corpus"
    folds: int = DEFAULT_FOLDS
    path: Path | None = None


def parse_split_plan(words: str | None) -> SplitPlan:
    """What ``--splits`` means.

    Raises:
        UsageError: It is none of the plans, and no file.

    >>> parse_split_plan("folds:10").folds
    10
    """
    if words is None:
        return SplitPlan()
    if words in ("corpus", "official", "random"):
        return SplitPlan(words)
    kind, _, number = words.partition(":")
    if kind == "folds" and (not number or number.isdigit()):
        count = int(number or DEFAULT_FOLDS)
        if count < 2:
            raise UsageError("folds by patient must be two or more", place="--splits")
        return SplitPlan("folds", count)
    if Path(words).is_file():
        return SplitPlan("file", path=Path(words))
    raise UsageError(f"there are no splits {words!r}", place="--splits", hint=_HINT)


def check_split_plan(plan: SplitPlan, fold: int | None, *, allow_leak: bool) -> None:
    """Refuse a plan before anything is read.

    Raises:
        UsageError: The plan needs a fold and has none.
        CheckFailed: The plan is ``random`` and leaks are not allowed.
    """
    if plan.kind == "random" and not allow_leak:
        raise CheckFailed(
            "a random split of cycles puts patients on both sides and is refused",
            place="--splits random",
            hint="take folds:5, or pass --allow-leak and every report will say so",
        )
    if plan.kind in ("folds", "file") and fold is None:
        raise UsageError("say which fold is to be tested", place="--splits", hint="--fold 1")


def apply_split_plan(
    utterances: Sequence[Utterance], plan: SplitPlan, fold: int | None
) -> tuple[list[Utterance], list[str]]:
    """The utterances in the splits of a plan that `check_split_plan` let through, and notes on these splits.

    Raises:
        UsageError: There is no such fold, or the corpus has no official split.
        BadData: The file of folds cannot be used.
    """
    if plan.kind == "random":
        return random_by_cycle(utterances), ["LEAK ALLOWED: splits were drawn cycle by cycle, not by patient."]
    if plan.kind == "official":
        return official_as_published(utterances), ["The official split as published, leaking patients included."]
    assert fold is not None, plan
    folds = read_fold_file(plan.path) if plan.path else folds_by_patient(utterances, plan.folds)
    return fold_splits(utterances, folds, fold)
