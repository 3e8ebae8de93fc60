"""Tables and confusions of classification, beside chance and the level + duration baseline."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from merit_cli.errors import MeritError
from merit_cli.io.audio_file import read_audio
from merit_cli.manifests.predictions import Prediction
from merit_cli.manifests.utterance import Utterance
from merit_cli.metrics.confusion import confusion_matrix
from merit_cli.metrics.level_duration import fit_logistic, level_and_duration
from merit_cli.metrics.spec import MetricSpec
from merit_cli.reports.report import Cell, Column, Confusion, Curve, Entry, Point, Series, Table
from merit_cli.workers import Machine, run_items
from merit_cli.workflows.evaluate.cells import chance_cell, interval_basis, label_cell, num_speakers, probability_cell
from merit_cli.workflows.evaluate.groups import GROUPINGS, Grouping, format_value, split_by

CHANCE, LEVEL_DURATION = "chance", "level + duration"
EMOTION = "emotion"
NORMAL = "normal"


@dataclass(frozen=True)
class Classified:
    """Labelled utterances and what was said of them.

    Args:
        utterances: Those with a true label.
        true: Id to true label.
        predicted: Row name to id to label; an id may be missing.
        system: The row that the tables are about.
        metrics: Label metrics, in the order of the columns.
        labels: Every class.
        split: Empty for all.
        seed: Of resampling and permutation.
        probabilities: The system's, id to label to probability; an id may be missing.
    """

    utterances: tuple[Utterance, ...]
    true: Mapping[str, str]
    predicted: Mapping[str, Mapping[str, str]]
    system: str
    metrics: tuple[MetricSpec, ...]
    labels: tuple[str, ...]
    split: str
    seed: int
    probabilities: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    @property
    def rows(self) -> tuple[str, ...]:
        """Row names; the system comes last."""
        baseline = (LEVEL_DURATION,) if LEVEL_DURATION in self.predicted else ()
        return (CHANCE, *baseline, self.system)


def classify(
    utterances: Sequence[Utterance],
    predictions: Mapping[str, Prediction],
    training: Sequence[Utterance],
    *,
    system: str,
    metrics: tuple[MetricSpec, ...],
    split: str,
    seed: int,
    machine: Machine,
) -> Classified:
    """Predictions and their baseline, ready to be tabulated.

    The true label is the manifest's, or the prediction's own where the manifest has none.
    """
    key = label_key(utterances)
    true = {one.id: label for one in utterances if (label := true_label(one, predictions, key=key))}
    labelled = tuple(one for one in utterances if one.id in true)
    predicted = {system: {key: one.predicted for key, one in predictions.items() if one.predicted}}
    baseline = level_duration_predictions(training, labelled, machine=machine)
    if baseline:
        predicted[LEVEL_DURATION] = baseline
    said = {label for rows in predicted.values() for label in rows.values()}
    listed = {label for one in predictions.values() for label in one.probabilities}
    labels = in_order({*true.values(), *said, *listed})
    probabilities = {key: one.probabilities for key, one in predictions.items() if one.probabilities}
    return Classified(labelled, true, predicted, system, metrics, labels, split, seed, probabilities)


def in_order(labels: Iterable[str]) -> tuple[str, ...]:
    """Classes as tables show them: by name, with the normal class of lung sounds first.

    >>> in_order(["wheeze", "normal", "both"])
    ('normal', 'both', 'wheeze')
    """
    return tuple(sorted(labels, key=lambda label: (label != NORMAL, label)))


def label_key(utterances: Sequence[Utterance]) -> str:
    """The label that is scored: emotion, or the only one in words that a manifest has."""
    named = {key for one in utterances for key, value in one.labels.items() if isinstance(value, str)}
    return next(iter(named)) if len(named) == 1 else EMOTION


def true_label(utterance: Utterance, predictions: Mapping[str, Prediction] | None = None, *, key: str = EMOTION) -> str:
    """The label of an utterance; empty where it has none."""
    label = utterance.labels.get(key)
    if label is None and predictions and utterance.id in predictions:
        label = predictions[utterance.id].label
    return "" if label is None else str(label)


def level_duration_predictions(
    training: Sequence[Utterance], test: Sequence[Utterance], *, machine: Machine
) -> dict[str, str]:
    """What a logistic regression on level and duration, fitted on ``training``, says of ``test``.

    Empty where there are not two classes to learn from.
    """
    learned = [one for one in training if true_label(one)]
    if len({true_label(one) for one in learned}) < 2:
        return {}
    features = _features([*learned, *test], machine)
    rows = [(features[one.id], true_label(one)) for one in learned if one.id in features]
    if len({label for _, label in rows}) < 2:
        return {}
    model = fit_logistic([row for row, _ in rows], [label for _, label in rows])
    known = [one.id for one in test if one.id in features]
    return dict(zip(known, model.predict([features[key] for key in known]), strict=True)) if known else {}


def _features(utterances: Sequence[Utterance], machine: Machine) -> dict[str, tuple[float, float]]:
    jobs = [(one.id, one.noisy or one.audio) for one in utterances]
    found = {}
    for number, (job, result) in enumerate(run_items(measure, jobs, workers=machine.workers), start=1):
        if isinstance(result, Exception) and not isinstance(result, MeritError):
            raise result
        if not isinstance(result, Exception):
            found[job[0]] = result
        machine.progress("measure level and duration", number, len(jobs))
    return found


def measure(job: tuple[str, Path]) -> tuple[float, float]:
    """Level and log duration of one file."""
    audio = read_audio(job[1])
    return level_and_duration(audio.samples, audio.sample_rate)


def emotion_tables(classified: Classified, groupings: Sequence[Grouping]) -> tuple[Table, ...]:
    """All utterances together, then by each grouping."""
    tables = [_table(classified, "Emotion", "", [("all", list(classified.utterances))])]
    for grouping in groupings:
        groups = split_by(classified.utterances, grouping)
        if len(groups) > 1:
            tables.append(_table(classified, f"Emotion, by {grouping.heading}", grouping.heading, groups))
    return tuple(tables)


def _table(
    classified: Classified, title: str, heading: str, groups: Sequence[tuple[str | float, list[Utterance]]]
) -> Table:
    rows: list[tuple[Entry, ...]] = []
    strong = []
    for value, members in groups:
        for name in classified.rows:
            if name == classified.system:
                strong.append(len(rows))
            cells = (row_cell(classified, name, spec, members) for spec in classified.metrics)
            rows.append((format_value(value), name, *cells))
    columns = (
        Column(heading or "utterances"),
        Column("system"),
        *(Column(spec.name, spec.unit, spec.higher_is_better) for spec in classified.metrics),
    )
    return Table(title, _caption(classified), columns, tuple(rows), tuple(strong))


def row_cell(classified: Classified, row: str, spec: MetricSpec, members: Sequence[Utterance]) -> Cell:
    """One row's score over some utterances."""
    if spec.kind == "probability":
        return _probability_row(classified, row, spec, members)
    said = classified.predicted[classified.system if row == CHANCE else row]
    scored = [one for one in members if one.id in said]
    reference, predicted = [classified.true[one.id] for one in scored], [said[one.id] for one in scored]
    make = chance_cell if row == CHANCE else label_cell
    return make(
        spec,
        reference,
        predicted,
        [one.speaker for one in scored],
        labels=classified.labels,
        n_total=len(members),
        seed=classified.seed,
    )


def _probability_row(classified: Classified, row: str, spec: MetricSpec, members: Sequence[Utterance]) -> Cell:
    if row != classified.system:
        return Cell(None, unit=spec.unit, n_total=len(members), remark="no probabilities")
    scored = [one for one in members if one.id in classified.probabilities]
    return probability_cell(
        spec,
        [classified.true[one.id] for one in scored],
        [classified.probabilities[one.id] for one in scored],
        [one.speaker for one in scored],
        labels=classified.labels,
        n_total=len(members),
        seed=classified.seed,
    )


def _caption(classified: Classified) -> str:
    speakers = num_speakers([one.speaker for one in classified.utterances])
    parts = [
        f"Split {classified.split}" if classified.split else "All splits",
        f"classes {', '.join(classified.labels)}",
        f"{len(classified.utterances)} labelled utterances of {speakers} speaker{'s' if speakers != 1 else ''}",
    ]
    sentences = [
        "; ".join(parts) + ".",
        f"95 % interval over {interval_basis([one.speaker for one in classified.utterances])}, scored/total.",
        "Chance: the system's own predictions against labels shuffled within each speaker, mean of 2000 shuffles.",
    ]
    if LEVEL_DURATION in classified.predicted:
        sentences.append("Level + duration: logistic regression on those two, fitted on the train split.")
    return " ".join(sentences)


def emotion_confusions(classified: Classified) -> tuple[Confusion, ...]:
    """One matrix for each SNR, or one for all where there is none."""
    said = classified.predicted[classified.system]
    groups = split_by(classified.utterances, GROUPINGS["snr"]) or [("", list(classified.utterances))]
    return tuple(_confusions(classified, said, groups))


def _confusions(
    classified: Classified, said: Mapping[str, str], groups: Sequence[tuple[str | float, list[Utterance]]]
) -> Iterator[Confusion]:
    for value, members in groups:
        scored = [one for one in members if one.id in said]
        if scored:
            counts = confusion_matrix(
                [classified.true[one.id] for one in scored], [said[one.id] for one in scored], classified.labels
            )
            title = f"SNR {format_value(value)} dB" if value != "" else "All utterances"
            caption = f"{classified.system}, {len(scored)} utterances; the shade is the share of the row."
            yield Confusion(title, caption, classified.labels, tuple(tuple(int(n) for n in row) for row in counts))


def emotion_curves(classified: Classified) -> tuple[Curve, ...]:
    """Each label metric over SNR; none where no SNR is known."""
    groups = split_by(classified.utterances, GROUPINGS["snr"])
    basis = interval_basis([one.speaker for one in classified.utterances])
    where = f" at {format_value(groups[0][0])} dB SNR" if len(groups) == 1 else ""
    curves = []
    for spec in classified.metrics if groups else ():
        lines = []
        for number, name in enumerate(classified.rows):
            points = [Point(float(snr_db), row_cell(classified, name, spec, members)) for snr_db, members in groups]
            lines.append(Series(name, tuple(points), strong=name == classified.system, number=number))
        caption = f"Emotion. 95 % interval over {basis}."
        curves.append(Curve(f"{spec.name}{where}", caption, "SNR (dB)", spec.name, tuple(lines)))
    return tuple(curves)
