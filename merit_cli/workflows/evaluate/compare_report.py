"""The report of a comparison: every system's numbers, marked against the baseline, and the verdicts in words."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from merit_cli.manifests.read_write import Card
from merit_cli.manifests.utterance import Utterance
from merit_cli.metrics.spec import MetricSpec
from merit_cli.reports.report import (
    Cell,
    Column,
    Curve,
    Entry,
    Headline,
    Plane,
    PlanePoint,
    Point,
    Report,
    Series,
    Table,
)
from merit_cli.reports.tables import format_number
from merit_cli.workflows.evaluate.cells import cluster_note, interval_basis, num_speakers, quote
from merit_cli.workflows.evaluate.contrasts import MARKS, Contrast, Split
from merit_cli.workflows.evaluate.field import Field, field_cell
from merit_cli.workflows.evaluate.groups import GROUPINGS, format_value, label_of, split_by

VERDICT_WORDS = {
    "ahead": "helps",
    "behind": "hurts",
    "not distinguishable": "neither helps nor hurts in a way that could be told",
}


def comparison_report(field: Field, together: Split, splits: Sequence[Split], *, card: Card) -> Report:
    """Everything that is to be said of systems on common ground.

    Args:
        field: The systems, their common utterances and metrics.
        together: Their contrasts over all utterances.
        splits: Those by each grouping.
        card: Joined from the corpora.
    """
    [whole] = together.contrasts
    tables = [_values_table(field, together), _differences_table(field, whole)]
    tables += [_values_table(field, split) for split in splits if len(split.groups) > 1]
    return Report(
        title=f"{', '.join(field.others)} against {field.baseline}",
        summary=tuple(_sentences(field, whole)),
        notes=tuple(dict.fromkeys(_notes(field, whole, card))),
        headlines=tuple(Headline(f"{one.system}: {one.spec.name}", one.cell, (one.verdict,)) for one in whole[:6]),
        tables=tuple(tables),
        curves=tuple(_curves(field)),
        planes=tuple(_planes(field)),
    )


def _values_table(field: Field, split: Split) -> Table:
    """Every system's value in each group, marked where it differs from the baseline."""
    rows: list[tuple[Entry, ...]] = []
    for (value, members), made in zip(split.groups, split.contrasts, strict=True):
        marks = {(one.system, one.spec.name): MARKS[one.verdict] for one in made}
        for name in field.systems:
            cells = (_marked(field, name, spec, members, marks.get((name, spec.name), "")) for spec in field.specs)
            rows.append((format_value(value), name, *cells))
    columns = (
        Column(split.grouping.heading if split.grouping else "utterances"),
        Column("system"),
        *(Column(spec.name, spec.unit, spec.higher_is_better) for spec in field.specs),
    )
    title = "Comparison" + (f", by {split.grouping.heading}" if split.grouping else "")
    return Table(title, _caption(field, sum(len(made) for made in split.contrasts)), columns, tuple(rows))


def _marked(field: Field, name: str, spec: MetricSpec, members: Sequence[Utterance], mark: str) -> Cell:
    if not field.has(name, spec):
        return Cell(None, unit=spec.unit, n_total=len(members), remark="not scored")
    cell = field_cell(field, name, spec, members)
    return replace(cell, mark=mark)


def _differences_table(field: Field, whole: Sequence[Contrast]) -> Table:
    rows = tuple(
        (
            one.system,
            one.spec.name,
            one.cell,
            f"{one.comparison.p_value:.2g}",
            f"{one.adjusted_p:.2g}",
            _other(one),
            _detectable(one),
            f"{one.verdict}{_direction(one)}",
        )
        for one in whole
    )
    columns = (
        Column("system"),
        Column("metric"),
        Column("difference"),
        Column("p"),
        Column("p (Holm)"),
        Column("other test"),
        Column("detectable"),
        Column("verdict"),
    )
    basis = interval_basis([one.speaker for one in field.utterances])
    caption = (
        f"{_caption(field, len(whole))} Other test: Wilcoxon's over {basis}, or McNemar's over utterances, "
        "which takes them as independent and so is too sure. Detectable: the least true difference that is seen with "
        "power .8."
    )
    return Table(f"Differences to {field.baseline}", caption, columns, rows)


def _other(one: Contrast) -> str:
    if one.other_test is None:
        return ""
    name, p = one.other_test
    return f"{name.removesuffix('_p').capitalize().replace('Mcnemar', 'McNemar')} {p:.2g}"


def _detectable(one: Contrast) -> str:
    """The least true difference that so many speakers show."""
    return format_number(one.comparison.detectable, one.spec.unit)


def _direction(one: Contrast) -> str:
    """What ahead means where lower is better."""
    return "" if one.spec.higher_is_better or one.verdict == "not distinguishable" else " (lower is better)"


def _caption(field: Field, num_contrasts: int) -> str:
    speakers = [one.speaker for one in field.utterances]
    count = num_speakers(speakers)
    parts = [f"{len(field.utterances)} utterances that all systems have"]
    if count:
        parts.append(f"{count} speaker{'s' if count != 1 else ''}")
    seeds = {name: len(runs) for name, runs in field.systems.items() if len(runs) > 1}
    if seeds:
        parts.append("seeds of training: " + ", ".join(f"{name} {count}" for name, count in seeds.items()))
    if field.true and any(spec.kind != "signal" for spec in field.specs):
        parts.append(f"classes {', '.join(field.labels)}")
    return (
        "; ".join(parts) + f". 95 % interval over {interval_basis(speakers)}, scored/total. ▲ ahead of, ▼ behind "
        f"{field.baseline}: the interval of the paired difference excludes 0 and the sign-flip p over "
        f"{interval_basis(speakers)} is at most .05 after Holm's correction for {num_contrasts} comparisons."
    )


def _sentences(field: Field, whole: Sequence[Contrast]) -> Iterator[str]:
    for name in field.others:
        made = [one for one in whole if one.system == name]
        labels = next((one for one in made if one.spec.kind == "classification"), None)
        if labels and _is_enhanced(field, name) and not _is_enhanced(field, field.baseline):
            yield (
                f"Enhancing first ({name}) {VERDICT_WORDS[labels.verdict]} emotion here: {labels.spec.name} "
                f"changes by {quote(labels.cell, signed=True)} against {field.baseline}."
            )
        for one in made:
            base = field_cell(field, field.baseline, one.spec, list(field.utterances))
            yield (
                f"{one.spec.name}: {name} minus {field.baseline} is {quote(one.cell, signed=True)}, "
                f"p = {one.adjusted_p:.2g} after Holm: {one.verdict}{_blind(one)} "
                f"({field.baseline} has {format_number(base.mean, one.spec.unit)})."
            )


def _blind(one: Contrast) -> str:
    """What could not have been seen, where nothing was."""
    is_blind = one.verdict == "not distinguishable" and one.comparison.detectable is not None
    return f"; under {_detectable(one)} nothing would be seen" if is_blind else ""


def _is_enhanced(field: Field, name: str) -> bool:
    """Whether a system heard enhanced speech."""
    heard = field.systems[name][0].utterances
    return any(heard[one.id].enhancer for one in field.utterances)


def _notes(field: Field, whole: Sequence[Contrast], card: Card) -> Iterator[str]:
    for name, runs in field.systems.items():
        if count := max(len(one.utterances) for one in runs) - len(field.utterances):
            yield f"{count} utterances of {name} are not in all the evaluations and were left out."
    yield from card.notes
    if card.synthetic:
        yield "Audio or labels of this corpus are synthetic: made by rule, not recorded or annotated."
    if note := cluster_note([one.speaker for one in field.utterances]):
        yield note
    smallest = {one.comparison.note for one in whole if one.comparison.note}
    yield from (f"{note[0].upper()}{note[1:]}." for note in sorted(smallest))


def _planes(field: Field) -> Iterator[Plane]:
    """Enhancement against emotion, where both were scored: a point for each system and SNR."""
    by_kind = {spec.kind: spec for spec in reversed(field.specs)}  # the first of each kind
    across, up = by_kind.get("signal"), by_kind.get("classification")
    if across is None or up is None:
        return
    groups = split_by(field.utterances, GROUPINGS["snr"]) or [("all", list(field.utterances))]
    points = tuple(
        PlanePoint(
            name,
            f"{format_value(value)} dB" if value != "all" else "",
            field_cell(field, name, across, part),
            field_cell(field, name, up, part),
            strong=name != field.baseline,
            number=number,
        )
        for number, name in enumerate(field.systems)
        for value, part in groups
        if field.has(name, across) and field.has(name, up)
    )
    caption = f"Crosses are 95 % intervals over {interval_basis([one.speaker for one in field.utterances])}."
    yield Plane(f"{up.name} over {across.name}", caption, label_of(across), label_of(up), points)


def _curves(field: Field) -> Iterator[Curve]:
    groups = split_by(field.utterances, GROUPINGS["snr"])
    basis = interval_basis([one.speaker for one in field.utterances])
    for spec in field.specs if len(groups) > 1 else ():
        lines = []
        for number, name in enumerate(field.systems):
            if field.has(name, spec):
                cells = [(float(snr_db), field_cell(field, name, spec, part)) for snr_db, part in groups]
                points = tuple(Point(snr_db, cell) for snr_db, cell in cells if cell.mean is not None)
                lines.append(Series(name, points, strong=name != field.baseline, number=number))
        yield Curve(spec.name, f"95 % interval over {basis}.", "SNR (dB)", label_of(spec), tuple(lines))
