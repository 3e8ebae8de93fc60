"""Tables and curves of enhancement: the system among noisy, all-zero, best constant gain and spectral gate."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from merit_cli.manifests.utterance import Utterance
from merit_cli.metrics.spec import MetricSpec
from merit_cli.reports.report import Cell, Column, Curve, Entry, Point, Series, Table
from merit_cli.workflows.evaluate.cells import difference_cell, interval_basis, mean_cell, num_speakers
from merit_cli.workflows.evaluate.groups import GROUPINGS, Grouping, by_stationarity, format_value, label_of, split_by
from merit_cli.workflows.evaluate.scores import BASELINES, BLIND_TO_GAIN, GAIN, NOISY, ZERO, ScoreBook, best_gain


@dataclass(frozen=True)
class Scored:
    """Scored utterances and how to read them.

    Args:
        book: The scores.
        system: The row that the tables are about.
        metrics: Signal metrics, in the order of the columns.
        has_noisy: Whether the noisy files are known.
        has_baselines: Whether the other baselines were scored.
        split: Empty for all.
        seed: Of the resampling.
    """

    book: ScoreBook
    system: str
    metrics: tuple[MetricSpec, ...]
    has_noisy: bool
    has_baselines: bool
    split: str
    seed: int

    @property
    def rows(self) -> tuple[str, ...]:
        """Row names; the system comes last."""
        baselines = BASELINES if self.has_baselines else (NOISY,) if self.has_noisy else ()
        return (*(name for name in baselines if name != self.system), self.system)


def enhancement_tables(
    scored: Scored, utterances: Sequence[Utterance], groupings: Sequence[Grouping]
) -> tuple[Table, ...]:
    """One table for each kind of noise and each grouping; stationary and transient noise apart."""
    tables = []
    for kind, members in by_stationarity(utterances):
        for grouping in groupings:
            groups = split_by(members, grouping)
            if groups:
                tables.append(_table(scored, kind, members, grouping, groups))
        if not any(split_by(members, grouping) for grouping in groupings):
            tables.append(_table(scored, kind, members, None, [("all", members)]))
    return tuple(tables)


def _table(
    scored: Scored,
    kind: str,
    members: Sequence[Utterance],
    grouping: Grouping | None,
    groups: Sequence[tuple[str | float, list[Utterance]]],
) -> Table:
    rows: list[tuple[Entry, ...]] = []
    strong = []
    for value, part in groups:
        for name in scored.rows:
            if name == scored.system:
                strong.append(len(rows))
            cells = (row_cell(scored, name, spec, part) for spec in scored.metrics)
            rows.append((format_value(value), name, *cells))
    columns = (
        Column(grouping.heading if grouping else "files"),
        Column("system"),
        *(Column(spec.name, spec.unit, spec.higher_is_better) for spec in scored.metrics),
    )
    title = f"Enhancement, {kind}" + (f", by {grouping.heading}" if grouping else "")
    return Table(title, caption(scored, members), columns, tuple(rows), tuple(strong))


def row_cell(scored: Scored, row: str, spec: MetricSpec, members: Sequence[Utterance]) -> Cell:
    """Mean of one row's metric over some utterances."""
    ids = [one.id for one in members]
    system = best_gain(scored.book, spec, ids) if row == GAIN else row
    values = scored.book.values(system, spec.name, ids)
    cell = mean_cell(values, [one.speaker for one in members], unit=spec.unit, seed=scored.seed)
    return replace(cell, remark="undefined") if row == ZERO and cell.mean is None else cell


def gain_over_noisy(scored: Scored, spec: MetricSpec, members: Sequence[Utterance]) -> Cell:
    """Paired difference of the system to the noisy signal."""
    ids, speakers = [one.id for one in members], [one.speaker for one in members]
    system, noisy = (scored.book.values(name, spec.name, ids) for name in (scored.system, NOISY))
    return difference_cell(system, noisy, speakers, unit=spec.unit, seed=scored.seed)


def caption(scored: Scored, members: Sequence[Utterance]) -> str:
    """What the numbers are: split, counts, noise classes, level, intervals, baselines."""
    speakers = num_speakers([one.speaker for one in members])
    classes = sorted({one.mixture.noise_class for one in members if one.mixture})
    levels = sorted({one.mixture.level for one in members if one.mixture})
    parts = [
        f"Split {scored.split}" if scored.split else "All splits",
        f"{len(members)} utterances of {speakers} speaker{'s' if speakers != 1 else ''}"
        if speakers
        else f"{len(members)} files",
    ]
    if classes:
        parts.append(f"noise classes {', '.join(classes)}")
    if levels:
        parts.append(f"SNR stated by {', '.join(levels)} level")
    sentences = [
        "; ".join(parts) + ".",
        f"Mean, 95 % interval over {interval_basis([one.speaker for one in members])}, scored/total.",
    ]
    if scored.has_baselines:
        blind = [spec.name for spec in scored.metrics if spec.name in BLIND_TO_GAIN]
        sentences.append("The best constant gain is chosen for each metric and group on the very pairs shown.")
        if blind:
            sentences.append(f"{', '.join(blind)} do{'' if len(blind) > 1 else 'es'} not see a gain.")
    return " ".join(sentences)


def enhancement_curves(scored: Scored, utterances: Sequence[Utterance]) -> tuple[Curve, ...]:
    """Each metric over SNR, in the first kind of noise; none where no SNR is known."""
    kind, members = by_stationarity(utterances)[0]
    groups = split_by(members, GROUPINGS["snr"])
    basis = interval_basis([one.speaker for one in members])
    curves = []
    for spec in scored.metrics if groups else ():
        series = tuple(line for line in _lines(scored, spec, groups) if line.points)
        where = f" at {format_value(groups[0][0])} dB SNR" if len(groups) == 1 else ""
        caption = f"Mean and 95 % interval over {basis}."
        curves.append(Curve(f"{spec.name}, {kind}{where}", caption, "SNR (dB)", label_of(spec), series))
    return tuple(curve for curve in curves if curve.series)


def _lines(scored: Scored, spec: MetricSpec, groups: Sequence[tuple[str | float, list[Utterance]]]) -> Iterator[Series]:
    """One line a row; where the metric does not see a gain, silence and constant gain are left to the table."""
    for number, name in enumerate(scored.rows):
        if spec.name in BLIND_TO_GAIN and name in (ZERO, GAIN):
            continue
        cells = [(float(snr_db), row_cell(scored, name, spec, part)) for snr_db, part in groups]
        points = tuple(Point(snr_db, cell) for snr_db, cell in cells if cell.mean is not None)
        yield Series(name, points, strong=name == scored.system, number=number)
