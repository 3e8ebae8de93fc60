"""What a report says, apart from how it looks: summary, notes, tables, curves, confusions, examples.

Every number stands in a `Cell` with its interval and its counts, so that no renderer can leave out
how many items were scored.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import TypeAdapter, ValidationError

from merit_cli.errors import BadData


@dataclass(frozen=True)
class Cell:
    """One number with its uncertainty and its basis.

    Args:
        mean: The value, or None where nothing could be scored.
        low: Lower end of the 95 % interval, or None where there is none.
        high: Upper end.
        unit: Such as ``dB``; empty for a plain number.
        n_scored: Items that the value rests on.
        n_total: Items that were asked for.
        remark: Why a value that is missing had to be, such as ``undefined``; empty where it should be there.
        mark: Stands after the value, such as one of significance; the table's caption says what it means.
    """

    mean: float | None
    low: float | None = None
    high: float | None = None
    unit: str = ""
    n_scored: int = 0
    n_total: int = 0
    remark: str = ""
    mark: str = ""


Entry = str | Cell


@dataclass(frozen=True)
class Column:
    """A table's column; ``higher_is_better`` is None for text and for plain facts."""

    name: str
    unit: str = ""
    higher_is_better: bool | None = None


@dataclass(frozen=True)
class Table:
    """Rows of text and cells.

    Args:
        title: A few words.
        caption: States metric variants, split, classes, counts and seeds.
        columns: As many as each row has entries.
        rows: Entries in the columns' order.
        strong_rows: Indices of the rows that the report is about.
    """

    title: str
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Entry, ...], ...]
    strong_rows: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        for row in self.rows:
            assert len(row) == len(self.columns), f"a row of {len(row)} entries under {len(self.columns)} columns"


@dataclass(frozen=True)
class Point:
    """One place on a curve."""

    x: float
    cell: Cell


@dataclass(frozen=True)
class Series:
    """A named line.

    Args:
        name: In the legend.
        points: By rising x.
        strong: Whether the report is about it.
        number: Its colour, the same in every plot of a report.
    """

    name: str
    points: tuple[Point, ...]
    strong: bool = False
    number: int = 0


@dataclass(frozen=True)
class Curve:
    """Lines over a common axis; both labels carry their unit."""

    title: str
    caption: str
    x_label: str
    y_label: str
    series: tuple[Series, ...]


@dataclass(frozen=True)
class Confusion:
    """Counts by true label (rows) and predicted label (columns)."""

    title: str
    caption: str
    labels: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class HeatMap:
    """One metric over two groupings at once.

    Args:
        title: A few words.
        caption: What the numbers are.
        row_label: What the rows are, such as ``noise class``.
        column_label: What the columns are, with its unit.
        rows: Names of the rows.
        columns: Names of the columns.
        cells: By row and column; None where no item falls there.
        higher_is_better: Which end is good; None for plain facts.
        spans: Heads over the columns, each with how many; none puts ``column_label`` over all.
    """

    title: str
    caption: str
    row_label: str
    column_label: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    cells: tuple[tuple[Cell | None, ...], ...]
    higher_is_better: bool | None = None
    spans: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True)
class PlanePoint:
    """One place in a plane: a system under one condition, such as ``-5 dB``."""

    name: str
    condition: str
    x: Cell
    y: Cell
    strong: bool = False
    number: int = 0


@dataclass(frozen=True)
class Plane:
    """Two metrics against each other; both labels carry their unit."""

    title: str
    caption: str
    x_label: str
    y_label: str
    points: tuple[PlanePoint, ...]


@dataclass(frozen=True)
class Items:
    """Every utterance with its facts and values, to be sorted and searched.

    Args:
        columns: Of the rows; the first is the id.
        rows: Text, numbers, or None where a value could not be had.
    """

    columns: tuple[Column, ...]
    rows: tuple[tuple[str | float | None, ...], ...]


@dataclass(frozen=True)
class Clip:
    """A named piece of audio; ``path`` is relative to the report's folder."""

    name: str
    path: str
    start: int = 0
    num_samples: int | None = None


@dataclass(frozen=True)
class Strip:
    """A choice among a few, frame by frame.

    Args:
        name: Whose choice of what.
        choices: Of each frame, from 0.
        num_choices: How many there are.
        frames_per_second: From the start of the clips.
    """

    name: str
    choices: tuple[int, ...]
    num_choices: int
    frames_per_second: float


@dataclass(frozen=True)
class Example:
    """One utterance to listen to.

    Args:
        title: Its id.
        why: Why it is shown, such as ``largest SI-SDR loss``.
        facts: Name to value, as text.
        clips: In the order noisy, enhanced, clean.
        strips: Above their spectrograms.
    """

    title: str
    why: str
    facts: Mapping[str, str]
    clips: tuple[Clip, ...]
    strips: tuple[Strip, ...] = ()


@dataclass(frozen=True)
class Headline:
    """One of the few numbers a reader takes away."""

    label: str
    cell: Cell
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Report:
    """A whole report.

    Args:
        title: What was evaluated.
        summary: Sentences, the most important first.
        notes: Sentences that must stand beside the numbers: synthetic labels, few clusters, leaks allowed.
        headlines: At most six.
        tables: In reading order.
        curves: Over SNR.
        confusions: One per condition.
        examples: Worst and typical utterances.
        provenance: Name to value: command, versions, fingerprints.
        heat_maps: Such as a metric by noise class and SNR.
        planes: Such as enhancement against emotion.
        routing: What the experts of a routed model did.
        items: Every utterance; None where they are not listed.
    """

    title: str
    summary: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    headlines: tuple[Headline, ...] = ()
    tables: tuple[Table, ...] = ()
    curves: tuple[Curve, ...] = ()
    confusions: tuple[Confusion, ...] = ()
    examples: tuple[Example, ...] = ()
    provenance: Mapping[str, str] = field(default_factory=dict)
    heat_maps: tuple[HeatMap, ...] = ()
    planes: tuple[Plane, ...] = ()
    routing: tuple[HeatMap | Curve, ...] = ()
    items: Items | None = None


_ADAPTER: TypeAdapter[Report] = TypeAdapter(Report)


def report_to_data(report: Report) -> dict[str, Any]:
    """The report as JSON data.

    >>> report_to_data(Report("t", summary=("one",)))["summary"]
    ['one']
    """
    data: dict[str, Any] = _ADAPTER.dump_python(report, mode="json")
    return data


def report_from_data(data: Mapping[str, Any], *, place: str = "") -> Report:
    """The report in JSON data that `report_to_data` made.

    Raises:
        BadData: It is not a report.
    """
    try:
        return _ADAPTER.validate_python(dict(data))
    except ValidationError as error:
        raise BadData(
            f"the report cannot be read: {error.error_count()} of its fields are missing or of the wrong type",
            place=place,
        ) from None
