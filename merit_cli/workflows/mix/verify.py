"""``merit mix --verify``: anyone's noisy set measured, and everything that is wrong with it named."""

import heapq
import statistics
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from merit_cli.errors import CheckFailed, MeritError, NoInput, Unavailable, UsageError
from merit_cli.manifests.read_write import read_card
from merit_cli.mixing.find_pairs import find_manifest, find_pairs
from merit_cli.mixing.measure_pair import MeasureJob, measure_pair
from merit_cli.mixing.pair_findings import Finding, PairReport
from merit_cli.mixing.pairs import Pair, PairRules
from merit_cli.mixing.shared_sources import SharedSources
from merit_cli.workers import Machine, run_items

TOLERANCE_DB = 0.1
"""A ratio further than this from its claim is outside."""


@dataclass(frozen=True)
class Spread:
    """Smallest, middle and largest of the achieved ratios in dB."""

    min: float
    median: float
    max: float


@dataclass(frozen=True)
class AuditSummary:
    """What an audit found.

    Args:
        checked: Pairs looked at, also those that could not be measured.
        outside: Pairs whose achieved ratio is further from the claim than the tolerance.
        worst: Largest distance of an achieved ratio from its claim in dB; None where none was claimed.
        findings: By pair in their order, then the sources that splits share.
        measured: Pairs with an achieved ratio.
        achieved_snr_db: Of those; None where there are none.
        tolerance_db: Of the claims.
        not_checked: Sentences on what could not be checked, and on leaks that were allowed.
    """

    checked: int
    outside: int
    worst: float | None
    findings: tuple[Finding, ...]
    measured: int
    achieved_snr_db: Spread | None
    tolerance_db: float
    not_checked: tuple[str, ...]

    @property
    def num_errors(self) -> int:
        """Findings that make the set unfit as it is described; the others are remarks."""
        return sum(one.is_error for one in self.findings)

    @property
    def is_good(self) -> bool:
        """Whether nothing is outside and no finding is an error."""
        return not self.outside and not self.num_errors

    def to_json(self) -> dict[str, Any]:  # Any: JSON data
        """As scripts read it; the first four keys are the contract."""
        return {
            "checked": self.checked,
            "outside": self.outside,
            "worst": self.worst,
            "findings": [asdict(one) | {"severity": severity_of(one)} for one in self.findings],
            "measured": self.measured,
            "achieved_snr_db": asdict(self.achieved_snr_db) if self.achieved_snr_db else None,
            "tolerance_db": self.tolerance_db,
            "not_checked": list(self.not_checked),
        }

    def raise_if_bad(self) -> None:
        """Nothing where all is well.

        Raises:
            CheckFailed: Something is outside, or a finding is an error.
        """
        if self.is_good:
            return
        kinds = Counter(one.kind for one in self.findings if one.is_error)
        listed = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
        raise CheckFailed(
            f"of {self.checked} pairs {self.outside} are more than {self.tolerance_db:g} dB off; found: {listed}",
            hint="--json lists every finding",
        )


def severity_of(finding: Finding) -> str:
    """``error`` or ``remark``."""
    return "error" if finding.is_error else "remark"


def run_verify(
    place: str | Path,
    *,
    rules: PairRules | None = None,
    tolerance_db: float = TOLERANCE_DB,
    allow_leak: bool = False,
    machine: Machine | None = None,
) -> AuditSummary:
    """Measure every pair of a manifest, a run or a folder.

    Args:
        place: A manifest, a run folder, or a folder with noisy and clean folders.
        rules: How to read names where there is no manifest.
        tolerance_db: Largest distance from a claim that is let pass.
        allow_leak: Sources may stand in two splits; `AuditSummary.not_checked` says so.
        machine: Workers, progress.

    Raises:
        NoInput: There is no pair.
        BadData: A manifest line cannot be used.
        UsageError: A rule or the tolerance makes no sense.
    """
    if not tolerance_db > 0.0:
        raise UsageError(f"the tolerance {tolerance_db:g} dB is not above 0", place="--tolerance")
    machine, place = machine or Machine(), Path(place)
    manifest = find_manifest(place)
    card = read_card(manifest) if manifest else None
    sources = SharedSources(allowed=None if allow_leak else card.shared_groups if card else ())
    audit = _Audit(tolerance_db, sources)
    total = sum(1 for _ in find_pairs(place, rules))  # a bad line or rule is found before the work
    jobs = (MeasureJob(index, pair, tolerance_db) for index, pair in enumerate(find_pairs(place, rules)))
    for job, report in _in_order(run_items(measure_pair, jobs, workers=machine.workers)):
        audit.add(job.pair, report)
        machine.progress("verify", audit.checked, total)
    if not audit.checked:
        raise NoInput(
            "there is no pair of noisy and clean audio", place=str(place), hint="a manifest names clean files"
        )
    return audit.summary()


def _in_order(
    results: Iterable[tuple[MeasureJob, PairReport | Exception]],
) -> Iterator[tuple[MeasureJob, PairReport]]:
    """Results by index, each as soon as all before it are there."""
    waiting: list[tuple[int, MeasureJob, PairReport]] = []
    expected = 0
    for job, result in results:
        heapq.heappush(waiting, (job.index, job, _as_report(job.pair, result)))
        while waiting and waiting[0][0] == expected:
            _, ready, report = heapq.heappop(waiting)
            expected += 1
            yield ready, report


def _as_report(pair: Pair, result: PairReport | Exception) -> PairReport:
    if isinstance(result, PairReport):
        return result
    if isinstance(result, MeritError) and not isinstance(result, Unavailable):
        return PairReport((Finding(pair.id, "unreadable", "noisy", None, result.message),))
    raise result


class _Audit:
    """Adds up the reports of pairs, in their order."""

    def __init__(self, tolerance_db: float, sources: SharedSources) -> None:
        self.tolerance_db, self.sources = tolerance_db, sources
        self.checked = self.outside = 0
        self.findings: list[Finding] = []
        self.achieved: list[float] = []
        self.errors_db: list[float] = []
        self.coding_db: list[float] = []
        self.counts: Counter[str] = Counter()
        self.unchecked: Counter[str] = Counter()

    def add(self, pair: Pair, report: PairReport) -> None:
        """One more pair."""
        self.checked += 1
        self.findings += report.findings
        self.findings += self.sources.add(pair, report.content)
        if report.achieved_snr_db is not None:
            self.achieved.append(report.achieved_snr_db)
            if pair.claimed_snr_db is not None:
                self.errors_db.append(abs(report.achieved_snr_db - pair.claimed_snr_db))
        self.outside += any(one.kind == "snr" for one in report.findings)
        self.counts["claimed"] += pair.claimed_snr_db is not None
        self.counts["remade"] += bool(pair.remade)
        self.counts["lossy"] += report.sum_unchecked
        if report.coding_db is not None:
            self.coding_db.append(report.coding_db)
        self.unchecked[report.ratio_unchecked] += 1

    def summary(self) -> AuditSummary:
        """Everything, once all pairs are in."""
        spread = (
            Spread(min(self.achieved), statistics.median(self.achieved), max(self.achieved)) if self.achieved else None
        )
        return AuditSummary(
            checked=self.checked,
            outside=self.outside,
            worst=round(max(self.errors_db), 5) if self.errors_db else None,
            findings=(*self.findings, *self.sources.shared_names()),
            measured=len(self.achieved),
            achieved_snr_db=spread and Spread(*(round(value, 3) for value in asdict(spread).values())),
            tolerance_db=self.tolerance_db,
            not_checked=tuple(self._not_checked()),
        )

    def _not_checked(self) -> Iterator[str]:
        if unclaimed := self.checked - self.counts["claimed"]:
            yield f"{unclaimed} of {self.checked} pairs claim no ratio: theirs was measured, not compared"
        for reason, count in sorted(self.unchecked.items()):
            if reason:
                yield f"{count} pairs claim a ratio that was not checked: {reason}"
        if count := self.counts["remade"]:
            yield f"{count} pairs were distorted after they were mixed: their ratio can no longer be measured"
        if count := self.counts["lossy"]:
            yield f"{count} pairs hold lossy files: whether noisy is clean plus noise was not checked"
        if self.coding_db:
            yield (
                f"{len(self.coding_db)} pairs hold lossy files: coding moved their ratio by up to "
                f"{max(self.coding_db):.2f} dB, which was not held against them"
            )
        yield from self.sources.not_checked()
