"""Groups that tables are split by: SNR, noise class, speaker, or any label or fact a manifest keeps."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from merit_cli.errors import UsageError, unknown_name
from merit_cli.manifests.utterance import Utterance
from merit_cli.metrics.spec import MetricSpec

Value = str | float
STATIONARY = "stationary"
"""Key in ``info`` that a mixture takes from its noise: ``yes`` or ``no``."""


@dataclass(frozen=True)
class Grouping:
    """One way to split.

    Args:
        key: In JSON, with its unit.
        heading: In tables.
        value: Of an utterance; None where it has none.
    """

    key: str
    heading: str
    value: Callable[[Utterance], Value | None]


def _stated_snr_db(one: Utterance) -> float | None:
    """The SNR that a foreign file of predictions states in a column of its own."""
    stated = one.info.get("snr_db", one.info.get("snr"))
    try:
        return None if stated is None else float(stated)
    except ValueError:
        return None


GROUPINGS = {
    "snr": Grouping("snr_db", "SNR (dB)", lambda one: one.mixture.snr_db if one.mixture else _stated_snr_db(one)),
    "noise": Grouping(
        "noise_class",
        "noise class",
        lambda one: one.mixture.noise_class if one.mixture else one.info.get("noise_class"),
    ),
    "noise-set": Grouping(
        "noise_set", "noise in training", lambda one: one.mixture.noise_set or None if one.mixture else None
    ),
    "speaker": Grouping("speaker", "speaker", lambda one: one.speaker or None),
    "split": Grouping("split", "split", lambda one: one.split or None),
}


def find_grouping(name: str, utterances: Sequence[Utterance]) -> Grouping:
    """The grouping called ``name``: a built-in one, or a key of the manifest's ``info`` or ``labels``.

    Raises:
        UsageError: There is no such grouping.
    """
    if name in GROUPINGS:
        return GROUPINGS[name]
    facts = {key for one in utterances for key in (*one.info, *one.labels)}
    if name not in facts:
        raise unknown_name("grouping", name, [*GROUPINGS, *facts], place="--by")
    return Grouping(name, name, lambda one: one.info.get(name, one.labels.get(name)))


def split_by(utterances: Sequence[Utterance], grouping: Grouping) -> list[tuple[Value, list[Utterance]]]:
    """Each value with its utterances, sorted; those without a value are left out."""
    groups: dict[Value, list[Utterance]] = {}
    for one in utterances:
        value = grouping.value(one)
        if value is not None:
            groups.setdefault(value, []).append(one)
    return sorted(groups.items(), key=lambda item: (isinstance(item[0], str), item[0]))


def by_stationarity(utterances: Sequence[Utterance]) -> list[tuple[str, list[Utterance]]]:
    """Utterances in stationary and in transient noise apart, under a title each; one group where it is not known."""
    names = {"yes": "stationary noise", "no": "transient noise"}
    known = [one for one in utterances if one.info.get(STATIONARY) in names]
    if not known:
        return [("all noise" if any(one.mixture for one in utterances) else "all files", list(utterances))]
    groups = [(title, [one for one in known if one.info[STATIONARY] == mark]) for mark, title in names.items()]
    rest = [one for one in utterances if one.info.get(STATIONARY) not in names]
    return [(title, members) for title, members in [*groups, ("other noise", rest)] if members]


def format_value(value: Value) -> str:
    """A group's value as tables show it.

    >>> format_value(-5.0), format_value("rain")
    ('-5', 'rain')
    """
    return value if isinstance(value, str) else f"{value:g}"


def label_of(spec: MetricSpec) -> str:
    """A metric with its unit, as axes show it."""
    return f"{spec.name} ({spec.unit})" if spec.unit else spec.name


def parse_names(text: str, *, place: str) -> tuple[str, ...]:
    """Names of a comma-separated list.

    Raises:
        UsageError: There are none.

    >>> parse_names("snr, noise", place="--by")
    ('snr', 'noise')
    """
    names = tuple(part.strip() for part in text.split(",") if part.strip())
    if not names:
        raise UsageError("the list is empty", place=place, hint="write names with commas between them")
    return names
