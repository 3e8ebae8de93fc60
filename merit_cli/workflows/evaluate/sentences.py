"""What was found, in sentences that claim no more than the intervals carry."""

from collections.abc import Iterator, Sequence

from merit_cli.errors import BadData
from merit_cli.manifests.utterance import Utterance
from merit_cli.metrics.chance import permutation_test
from merit_cli.metrics.comparison import compare_scores, verdict
from merit_cli.metrics.spec import MetricSpec
from merit_cli.reports.report import Cell, Headline
from merit_cli.reports.tables import format_number
from merit_cli.workflows.evaluate.cells import quote
from merit_cli.workflows.evaluate.emotion import (
    CHANCE,
    LEVEL_DURATION,
    Classified,
)
from merit_cli.workflows.evaluate.emotion import (
    row_cell as label_row_cell,
)
from merit_cli.workflows.evaluate.enhancement import Scored, gain_over_noisy, row_cell
from merit_cli.workflows.evaluate.findings import Findings
from merit_cli.workflows.evaluate.groups import GROUPINGS, by_stationarity, format_value, split_by
from merit_cli.workflows.evaluate.scores import NOISY

RANKING = ("si_sdr_db", "ssnr_active_db", "ssnr_db", "snr_db", "stoi", "estoi", "pesq_wb", "pesq_nb")
"""The first of these that was scored leads the summary and picks the examples (ours)."""
GUARDS = ("ssnr_active_db", "ssnr_db")
"""Metrics that muting wins, so that the best baseline must be named beside the system."""


def leading_metric(scored: Scored) -> MetricSpec:
    """The metric that leads the summary."""
    by_name = {spec.name: spec for spec in scored.metrics}
    return next((by_name[name] for name in RANKING if name in by_name), scored.metrics[0])


def focus_of(members: Sequence[Utterance]) -> tuple[str, list[Utterance]]:
    """The hardest condition: the lowest SNR, in words, and its utterances; all where no SNR is known."""
    groups = split_by(members, GROUPINGS["snr"])
    if not groups:
        return "", list(members)
    snr_db, part = groups[0]
    return f" at {format_value(snr_db)} dB SNR", part


def enhancement_sentences(scored: Scored, utterances: Sequence[Utterance]) -> Iterator[str]:
    """Gain over the noisy signal in each kind of noise, and whether a baseline does as well."""
    spec = leading_metric(scored)
    for kind, members in by_stationarity(utterances):
        where, part = focus_of(members)
        if scored.system == NOISY or not scored.has_noisy:
            cell = row_cell(scored, scored.system, spec, part)
            yield f"In {kind}{where}, {scored.system} has a {spec.name} of {quote(cell)}."
            continue
        gain = gain_over_noisy(scored, spec, part)
        moves = f"{scored.system} {_moves(gain, spec)} the noisy signal's {spec.name}"
        guard = _guard(scored, part) if scored.has_baselines else ""
        yield f"In {kind}{where}, {moves}: {quote(gain, signed=True)}.{guard}"


def _moves(gain: Cell, spec: MetricSpec) -> str:
    if gain.mean is None:
        return "cannot be compared with"
    if gain.low is None or gain.high is None or gain.low <= 0.0 <= gain.high:
        return "does not clearly change"
    return "improves" if (gain.mean > 0.0) == spec.higher_is_better else "worsens"


def _guard(scored: Scored, part: Sequence[Utterance]) -> str:
    """Whether the metric that muting wins is above every baseline; empty where it was not scored."""
    by_name = {spec.name: spec for spec in scored.metrics}
    spec = next((by_name[name] for name in GUARDS if name in by_name), None)
    if spec is None:
        return ""
    cells = {row: row_cell(scored, row, spec, part) for row in scored.rows}
    means = {row: cell.mean for row, cell in cells.items() if cell.mean is not None}
    own = means.pop(scored.system, None)
    if own is None or not means:
        return ""
    best = max(means, key=lambda row: means[row])
    relation = "above" if own > means[best] else "not above"
    value = f"{format_number(means[best], spec.unit)} {spec.unit}"
    return f" Its {spec.name} of {quote(cells[scored.system])} is {relation} the best baseline ({best}, {value})."


def emotion_sentences(classified: Classified) -> Iterator[str]:
    """The first metric over labels against chance and against level + duration."""
    spec = next((spec for spec in classified.metrics if spec.kind != "probability"), None)
    if spec is None:
        return
    members = list(classified.utterances)
    said = classified.predicted[classified.system]
    scored = [one for one in members if one.id in said]
    cell = label_row_cell(classified, classified.system, spec, members)
    reference, predicted = [classified.true[one.id] for one in scored], [said[one.id] for one in scored]
    speakers = [one.speaker for one in scored]
    try:
        test = permutation_test(
            predicted, reference, speakers, spec=spec, labels=classified.labels, seed=classified.seed
        )
    except BadData:
        yield f"{spec.name} of {classified.system} is not defined on these utterances."
        return
    relation = "above" if test.p_value <= 0.05 else "not above"
    yield (
        f"{spec.name} of {classified.system} is {quote(cell)}, {relation} chance "
        f"({format_number(test.chance)}; p = {test.p_value:.2g} by permutation within speaker)."
    )
    yield from _against_baseline(classified, spec)


def _against_baseline(classified: Classified, spec: MetricSpec) -> Iterator[str]:
    if LEVEL_DURATION not in classified.predicted:
        yield "Without a train split there is no level + duration baseline, so nothing shows more than level was used."
        return
    own, baseline = classified.predicted[classified.system], classified.predicted[LEVEL_DURATION]
    common = [one for one in classified.utterances if one.id in own and one.id in baseline]
    comparison = compare_scores(
        spec,
        [classified.true[one.id] for one in common],
        [own[one.id] for one in common],
        [baseline[one.id] for one in common],
        [one.speaker for one in common],
        labels=classified.labels,
        seed=classified.seed,
    )
    word = verdict(comparison, higher_is_better=spec.higher_is_better)
    relation = {"ahead": "ahead of", "behind": "behind"}.get(word, "not distinguishable from")
    value = format_number(label_row_cell(classified, LEVEL_DURATION, spec, common).mean)
    warning = "" if word == "ahead" else "; a model that is not ahead of it has shown nothing about emotion"
    yield f"It is {relation} a logistic regression on level and duration alone ({value}){warning}."


def headlines(findings: Findings) -> tuple[Headline, ...]:
    """At most six numbers: the system's in the hardest condition, and its classification."""
    made: list[Headline] = []
    room = 4 if findings.classified else 6
    if findings.scored and findings.pairs.utterances:
        made += list(_enhancement_headlines(findings.scored, findings.pairs.utterances))[:room]
    if findings.classified:
        made += list(_emotion_headlines(findings.classified))[: 6 - len(made)]
    return tuple(made)


def _enhancement_headlines(scored: Scored, utterances: Sequence[Utterance]) -> Iterator[Headline]:
    kind, members = by_stationarity(utterances)[0]
    where, part = focus_of(members)
    for spec in scored.metrics:
        remarks = [f"{kind}{where}"]
        if scored.has_noisy and scored.system != NOISY:
            remarks.append(f"noisy {format_number(row_cell(scored, NOISY, spec, part).mean, spec.unit)}")
        yield Headline(spec.name, row_cell(scored, scored.system, spec, part), tuple(remarks))


def _emotion_headlines(classified: Classified) -> Iterator[Headline]:
    members = list(classified.utterances)
    for spec in classified.metrics:
        others = tuple(
            f"{row} {format_number(label_row_cell(classified, row, spec, members).mean)}"
            for row in (CHANCE, LEVEL_DURATION)
            if row in classified.rows
        )
        yield Headline(spec.name, label_row_cell(classified, classified.system, spec, members), others)
