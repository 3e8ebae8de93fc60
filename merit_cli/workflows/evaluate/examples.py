"""The few utterances of a report that one should listen to: the worst, the typical, the best."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from merit_cli.manifests.utterance import Utterance
from merit_cli.reports.report import Clip, Example
from merit_cli.reports.tables import format_number
from merit_cli.workflows.evaluate.emotion import Classified, true_label
from merit_cli.workflows.evaluate.enhancement import Scored
from merit_cli.workflows.evaluate.findings import Findings
from merit_cli.workflows.evaluate.scores import NOISY
from merit_cli.workflows.evaluate.sentences import leading_metric


def choose_examples(findings: Findings, *, folder: Path, count: int) -> tuple[Example, ...]:
    """At most ``count`` utterances with their sounds; paths are relative to ``folder``."""
    if findings.scored and findings.pairs.utterances:
        chosen = _by_score(findings, findings.scored, count)
    elif findings.classified:
        chosen = _by_confidence(findings, findings.classified, count)
    else:
        chosen = []
    return tuple(_example(findings, one, why, folder) for one, why in chosen)


def _by_score(findings: Findings, scored: Scored, count: int) -> list[tuple[Utterance, str]]:
    spec = leading_metric(scored)
    ids = [one.id for one in findings.pairs.utterances]
    own = scored.book.values(scored.system, spec.name, ids)
    is_gain = scored.has_noisy and scored.system != NOISY
    base: Sequence[float | None] = scored.book.values(NOISY, spec.name, ids) if is_gain else [0.0] * len(ids)
    sign = 1.0 if spec.higher_is_better else -1.0
    ranked = sorted(
        (sign * (value - before), index)
        for index, (value, before) in enumerate(zip(own, base, strict=True))
        if value is not None and before is not None
    )
    what = f"{spec.name} gain over the noisy speech" if is_gain else spec.name
    places = _places(len(ranked), count)
    return [(findings.pairs.utterances[ranked[place][1]], f"{word} {what}") for place, word in places]


def _places(total: int, count: int) -> list[tuple[int, str]]:
    """Ranks to show, worst first, and the word for each: half of them worst, one median, one best.

    >>> _places(9, 4)
    [(0, 'lowest'), (1, 'second lowest'), (4, 'median'), (8, 'highest')]
    """
    words = ("lowest", "second lowest", "third lowest")
    wanted = [(0, words[0]), (total - 1, "highest"), (total // 2, "median"), (1, words[1]), (2, words[2])]
    wanted += [(rank, f"rank {rank + 1} from below in") for rank in range(3, total)]
    seen: dict[int, str] = {}
    for place, word in wanted:
        if 0 <= place < total and place not in seen and len(seen) < count:
            seen[place] = word
    return sorted(seen.items())


def _by_confidence(findings: Findings, classified: Classified, count: int) -> list[tuple[Utterance, str]]:
    predictions = findings.material.predictions or {}
    known = [one for one in classified.utterances if one.id in predictions]
    wrong = [one for one in known if predictions[one.id].predicted != true_label(one, predictions)]

    def surety(one: Utterance) -> float:
        said = predictions[one.id]
        return -float(said.probabilities.get(said.predicted, 0.0))

    return [(one, "wrong, and sure of it") for one in sorted(wrong, key=surety)[:count]]


def _example(findings: Findings, one: Utterance, why: str, folder: Path) -> Example:
    files: dict[str, Path] = {}
    if one.id in findings.pairs.noisy:
        files["noisy"] = findings.pairs.noisy[one.id]
    own = findings.pairs.processed.get(findings.pairs.system, {}).get(one.id, one.audio)
    if own not in files.values():
        files[findings.pairs.system if findings.pairs.system != NOISY else "audio"] = own
    if one.clean:
        files["clean"] = one.clean
    clips = tuple(
        Clip(name, Path(os.path.relpath(path, folder)).as_posix(), one.start, one.num_samples if one.start else None)
        for name, path in files.items()
    )
    return Example(one.id, why, _facts(findings, one), clips)


def _facts(findings: Findings, one: Utterance) -> Mapping[str, str]:
    facts = {}
    if one.mixture:
        facts["noise"] = one.mixture.noise_class
        facts["SNR"] = f"{one.mixture.achieved_snr_db:.2f} dB ({one.mixture.level})"
    if one.speaker:
        facts["speaker"] = one.speaker
    if findings.scored:
        for spec in findings.scored.metrics:
            own, noisy = (
                findings.scored.book.values(system, spec.name, [one.id])[0]
                for system in (findings.scored.system, NOISY)
            )
            before = f" (noisy {format_number(noisy, spec.unit)})" if findings.scored.has_noisy else ""
            facts[spec.name] = f"{format_number(own, spec.unit)} {spec.unit}".strip() + before
    said = (findings.material.predictions or {}).get(one.id)
    if said:
        probability = said.probabilities.get(said.predicted)
        facts["true"] = true_label(one, findings.material.predictions) or "not known"
        facts["predicted"] = said.predicted + (f" ({probability:.2f})" if probability is not None else "")
    return facts
