"""Tables of emotional attributes, such as arousal and valence: predicted values against annotated ones."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from merit_cli.manifests.predictions import Prediction
from merit_cli.manifests.utterance import Utterance
from merit_cli.metrics.spec import MetricSpec
from merit_cli.reports.report import Cell, Column, Entry, Table
from merit_cli.workflows.evaluate.cells import attribute_cell, interval_basis, num_speakers, quote
from merit_cli.workflows.evaluate.groups import Grouping, Value, format_value, split_by


@dataclass(frozen=True)
class Rated:
    """Utterances with annotated attributes and what was predicted for them.

    Args:
        utterances: With at least one annotated attribute.
        true: Attribute to id to its annotated value.
        predicted: Attribute to id to its predicted value.
        system: What predicted them.
        metrics: Of kind ``attribute``, in the order of the columns.
        split: Empty for all.
        seed: Of the resampling.
    """

    utterances: tuple[Utterance, ...]
    true: Mapping[str, Mapping[str, float]]
    predicted: Mapping[str, Mapping[str, float]]
    system: str
    metrics: tuple[MetricSpec, ...]
    split: str
    seed: int


def rate(
    utterances: Sequence[Utterance],
    predictions: Mapping[str, Prediction],
    *,
    system: str,
    metrics: tuple[MetricSpec, ...],
    split: str,
    seed: int,
) -> Rated | None:
    """Annotated and predicted attributes side by side; None where no attribute has both."""
    predicted: dict[str, dict[str, float]] = {}
    for key, one in predictions.items():
        for name, value in one.attributes.items():
            predicted.setdefault(name, {})[key] = value
    annotated = {name: _annotated(utterances, name) for name in predicted}
    true = {name: values for name, values in annotated.items() if values}
    if not true or not metrics:
        return None
    rated = {key for values in true.values() for key in values}
    kept = tuple(one for one in utterances if one.id in rated)
    return Rated(kept, true, {name: predicted[name] for name in true}, system, metrics, split, seed)


def _annotated(utterances: Sequence[Utterance], name: str) -> dict[str, float]:
    """Id to the value of one attribute, where there is a number."""
    values = ((one.id, one.labels.get(name)) for one in utterances)
    return {key: float(value) for key, value in values if isinstance(value, int | float) and np.isfinite(value)}


def attribute_tables(rated: Rated, groupings: Sequence[Grouping]) -> tuple[Table, ...]:
    """All utterances together, then by each grouping."""
    tables = [_table(rated, "Attributes", "utterances", [("all", list(rated.utterances))])]
    for grouping in groupings:
        groups = split_by(rated.utterances, grouping)
        if len(groups) > 1:
            tables.append(_table(rated, f"Attributes, by {grouping.heading}", grouping.heading, groups))
    return tuple(tables)


def _table(rated: Rated, title: str, heading: str, groups: Sequence[tuple[Value, list[Utterance]]]) -> Table:
    rows: tuple[tuple[Entry, ...], ...] = tuple(
        (format_value(value), name, *(rated_cell(rated, name, spec, members) for spec in rated.metrics))
        for value, members in groups
        for name in rated.true
    )
    columns = (
        Column(heading),
        Column("attribute"),
        *(Column(spec.name, spec.unit, spec.higher_is_better) for spec in rated.metrics),
    )
    return Table(title, _caption(rated), columns, rows)


def rated_cell(rated: Rated, name: str, spec: MetricSpec, members: Sequence[Utterance]) -> Cell:
    """One attribute's score over some utterances."""
    true, predicted = rated.true[name], rated.predicted[name]
    annotated = [one for one in members if one.id in true]
    both = [one for one in annotated if one.id in predicted]
    return attribute_cell(
        spec,
        [true[one.id] for one in both],
        [predicted[one.id] for one in both],
        [one.speaker for one in both],
        n_total=len(annotated),
        seed=rated.seed,
    )


def attribute_sentences(rated: Rated) -> Iterator[str]:
    """The first metric of each attribute."""
    spec = rated.metrics[0]
    found = (f"{name} {quote(rated_cell(rated, name, spec, list(rated.utterances)))}" for name in rated.true)
    yield f"{spec.name} of {rated.system}: {', '.join(found)}."


def _caption(rated: Rated) -> str:
    speakers = [one.speaker for one in rated.utterances]
    count = num_speakers(speakers)
    return (
        f"{f'Split {rated.split}' if rated.split else 'All splits'}; {len(rated.utterances)} annotated utterances of "
        f"{count} speaker{'s' if count != 1 else ''}. 95 % interval over {interval_basis(speakers)}, scored/total."
    )
