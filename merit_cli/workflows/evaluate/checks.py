"""``--fail-if``: conditions on the numbers that a batch job must not go past.

``macro_f1@snr=-5 < 0.5`` fails where the macro-F1 at -5 dB is under one half; ``.low`` and
``.high`` after the metric take an end of its interval, and a comma adds a condition:
``si_sdr_db.low@snr=0,noise=rain <= 3``. A number that could not be had fails as well.
"""

import operator
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from merit_cli.errors import CheckFailed, UsageError
from merit_cli.metrics.spec import canonical_name, load_metric
from merit_cli.reports.tables import format_number
from merit_cli.workflows.evaluate.field import Field, field_cell
from merit_cli.workflows.evaluate.groups import find_grouping, format_value
from merit_cli.workflows.evaluate.items import Evaluated

PLACE = "--fail-if"
_FORM = re.compile(
    r"\s*(?P<metric>[A-Za-z][\w -]*?)(?:\.(?P<end>mean|low|high))?\s*(?:@\s*(?P<where>[^<>]*?))?\s*"
    r"(?P<sign><=|>=|<|>)\s*(?P<bound>[-+]?[\d.]+(?:[eE][-+]?\d+)?)\s*"
)
_SIGNS = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}


@dataclass(frozen=True)
class Check:
    """One condition under which the command fails.

    Args:
        text: As typed.
        metric: Canonical name.
        end: Of the interval, or the value itself.
        where: Grouping and value, all of which must hold.
        sign: Of the comparison.
        bound: To compare with, in the metric's unit.
    """

    text: str
    metric: str
    end: Literal["mean", "low", "high"]
    where: tuple[tuple[str, str], ...]
    sign: str
    bound: float


def parse_check(text: str) -> Check:
    """The condition as typed.

    Raises:
        UsageError: It cannot be read, or names an unknown metric.

    >>> parse_check("macro_f1@snr=-5 < 0.5").where
    (('snr', '-5'),)
    """
    form = _FORM.fullmatch(text)
    if form is None:
        raise UsageError(f"cannot read the condition {text!r}", place=PLACE, hint="such as 'macro_f1@snr=-5 < 0.5'")
    where = []
    for part in (form["where"] or "").split(","):
        key, equals, value = (piece.strip() for piece in part.partition("="))
        if equals and key and value:
            where.append((key, value))
        elif part.strip():
            raise UsageError(f"cannot read {part.strip()!r} in {text!r}", place=PLACE, hint="write key=value")
    try:
        bound = float(form["bound"])
    except ValueError:
        raise UsageError(f"{form['bound']!r} is not a number", place=PLACE) from None
    end: Literal["mean", "low", "high"] = form["end"] or "mean"  # type: ignore[assignment]  # the pattern's three words
    return Check(text.strip(), canonical_name(form["metric"], place=PLACE), end, tuple(where), form["sign"], bound)


def check_all(checks: Sequence[Check], evaluated: Evaluated, *, seed: int) -> None:
    """Refuse to go on where a condition holds, or could not be looked at.

    Args:
        checks: The conditions.
        evaluated: What was found.
        seed: Of the intervals.

    Raises:
        CheckFailed: One holds.
        UsageError: A grouping is unknown.
    """
    failed = [sentence for check in checks if (sentence := _look(check, evaluated, seed))]
    if failed:
        raise CheckFailed("; ".join(failed), place=PLACE, hint="the report was written")


def _look(check: Check, evaluated: Evaluated, seed: int) -> str:
    members = list(evaluated.utterances.values())
    for key, value in check.where:
        grouping = find_grouping(key, members)
        members = [one for one in members if _equal(grouping.value(one), value)]
    if not members:
        return f"{check.text}: no utterance is meant by it"
    spec = load_metric(check.metric, place=PLACE)
    name = evaluated.system
    field = Field({name: (evaluated,)}, tuple(members), evaluated.true, evaluated.labels, (spec,), seed)
    if not field.has(name, spec):
        return f"{check.text}: {check.metric} was not scored"
    cell = field_cell(field, name, spec, members)
    number: float | None = getattr(cell, check.end)
    if number is None:
        return f"{check.text}: {check.metric} has no {check.end} over {cell.n_scored} of {cell.n_total} items"
    holds = _SIGNS[check.sign](number, check.bound)
    return f"{check.text}: it is {format_number(number, cell.unit)}" if holds else ""


def _equal(found: str | float | None, wanted: str) -> bool:
    if found is None:
        return False
    if isinstance(found, str):
        return found == wanted
    try:
        return found == float(wanted)
    except ValueError:
        return format_value(found) == wanted
