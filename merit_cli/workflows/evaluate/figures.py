"""Heat maps, planes and the list of all utterances of one evaluation."""

from collections.abc import Callable, Iterator, Sequence

from merit_cli.manifests.utterance import Utterance
from merit_cli.metrics.spec import MetricSpec
from merit_cli.reports.report import Cell, Column, HeatMap, Items, Plane, PlanePoint
from merit_cli.workflows.evaluate.cells import interval_basis
from merit_cli.workflows.evaluate.emotion import Classified
from merit_cli.workflows.evaluate.emotion import row_cell as label_row_cell
from merit_cli.workflows.evaluate.enhancement import gain_over_noisy, row_cell
from merit_cli.workflows.evaluate.findings import Findings
from merit_cli.workflows.evaluate.groups import GROUPINGS, format_value, label_of, split_by
from merit_cli.workflows.evaluate.scores import NOISY
from merit_cli.workflows.evaluate.sentences import leading_metric

FEW_IN_A_TILE = 30
CellOf = Callable[[Sequence[Utterance]], Cell]
Grid = tuple[tuple[str, ...], tuple[tuple[str, tuple[Cell | None, ...]], ...]]


def heat_maps(findings: Findings) -> tuple[HeatMap, ...]:
    """The leading metric of each task by noise class and SNR; none where there is but one of either."""
    return tuple(chart for chart in _heat_maps(findings) if len(chart.rows) > 1)


def _heat_maps(findings: Findings) -> Iterator[HeatMap]:
    scored, classified = findings.scored, findings.classified
    if scored:
        spec = leading_metric(scored)
        is_gain = scored.has_noisy and scored.system != NOISY
        grid = _grid(
            findings.pairs.utterances,
            lambda part: (
                gain_over_noisy(scored, spec, part) if is_gain else row_cell(scored, scored.system, spec, part)
            ),
        )
        what = f"{spec.name} gain over the noisy signal" if is_gain else spec.name
        yield _heat_map(f"{what} of {scored.system}", spec, grid)
    if classified:
        spec = classified.metrics[0]
        grid = _grid(classified.utterances, lambda part: label_row_cell(classified, classified.system, spec, part))
        yield _heat_map(f"{spec.name} of {classified.system}", spec, grid)


def _grid(utterances: Sequence[Utterance], cell_of: CellOf) -> Grid:
    """Noise classes, SNRs, and a cell for each pair that occurs."""
    columns = [value for value, _ in split_by(utterances, GROUPINGS["snr"])]
    rows = []
    for noise_class, members in split_by(utterances, GROUPINGS["noise"]):
        by_snr = dict(split_by(members, GROUPINGS["snr"]))
        rows.append((format_value(noise_class), tuple(cell_of(by_snr[v]) if v in by_snr else None for v in columns)))
    return tuple(format_value(value) for value in columns), tuple(rows)


def _heat_map(title: str, spec: MetricSpec, grid: Grid) -> HeatMap:
    columns, rows = grid
    unit = f" in {spec.unit}" if spec.unit else ""
    counts = [cell.n_scored for _, cells in rows for cell in cells if cell is not None]
    number = f"{min(counts)} to {max(counts)}" if counts and min(counts) < max(counts) else str(max(counts, default=0))
    warning = "; few, so read the tables for intervals" if counts and min(counts) < FEW_IN_A_TILE else ""
    caption = f"Mean{unit} over {number} utterances a tile{warning}."
    names, cells = tuple(name for name, _ in rows), tuple(line for _, line in rows)
    return HeatMap(title, caption, "noise class", "SNR (dB)", names, columns, cells, spec.higher_is_better)


def planes(findings: Findings) -> tuple[Plane, ...]:
    """Enhancement against emotion, one point for each SNR; none where one of the two was not scored."""
    scored, classified = findings.scored, findings.classified
    if not scored or not classified:
        return ()
    enhancement, emotion = leading_metric(scored), classified.metrics[0]
    labelled = set(classified.true)
    both = [one for one in findings.pairs.utterances if one.id in labelled]
    points = tuple(
        PlanePoint(
            classified.system,
            f"{format_value(snr_db)} dB",
            row_cell(scored, scored.system, enhancement, part),
            label_row_cell(classified, classified.system, emotion, part),
            strong=True,
        )
        for snr_db, part in split_by(both, GROUPINGS["snr"])
    )
    basis = interval_basis([one.speaker for one in both])
    caption = f"Each point is an SNR; crosses are 95 % intervals over {basis}."
    plane = Plane(f"{emotion.name} over {enhancement.name}", caption, label_of(enhancement), label_of(emotion), points)
    return (plane,) if points else ()


def item_list(findings: Findings) -> Items | None:
    """Every utterance with its facts, labels and values; None where there is nothing to say of one."""
    scored, classified = findings.scored, findings.classified
    predictions = findings.material.predictions or {}
    utterances = findings.material.utterances
    facts: list[tuple[Column, list[str | float | None]]] = []

    def add(column: Column, values: list[str | float | None]) -> None:
        if any(value not in (None, "") for value in values):
            facts.append((column, values))

    add(Column("SNR", "dB"), [_number(GROUPINGS["snr"].value(one)) for one in utterances])
    add(Column("noise"), [_text(GROUPINGS["noise"].value(one)) for one in utterances])
    add(Column("speaker"), [one.speaker for one in utterances])
    if classified:
        add(Column("true"), [classified.true.get(one.id, "") for one in utterances])
        add(Column("predicted"), [predictions[one.id].predicted if one.id in predictions else "" for one in utterances])
        add(Column("probability of the true one"), [_probability(classified, one) for one in utterances])
    if scored:
        ids = [one.id for one in utterances]
        for spec in scored.metrics:
            add(
                Column(spec.name, spec.unit, spec.higher_is_better),
                [*scored.book.values(scored.system, spec.name, ids)],
            )
            if scored.has_noisy and scored.system != NOISY:
                add(Column(f"noisy {spec.name}", spec.unit), [*scored.book.values(NOISY, spec.name, ids)])
    if not facts:
        return None
    columns = (Column("id"), *(column for column, _ in facts))
    rows = zip((one.id for one in utterances), *(values for _, values in facts), strict=True)
    return Items(columns, tuple(rows))


def _probability(classified: Classified, one: Utterance) -> float | None:
    return classified.probabilities.get(one.id, {}).get(classified.true.get(one.id, ""))


def _number(value: str | float | None) -> float | None:
    return value if isinstance(value, float) else None


def _text(value: str | float | None) -> str:
    return "" if value is None else format_value(value)
