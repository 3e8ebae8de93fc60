"""The few utterances of a report that one should listen to: the worst, the typical, the best."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from merit_cli.manifests.utterance import Utterance
from merit_cli.reports.report import Clip, Example, Strip
from merit_cli.reports.tables import format_number
from merit_cli.workflows.evaluate.emotion import Classified, true_label
from merit_cli.workflows.evaluate.enhancement import Scored
from merit_cli.workflows.evaluate.findings import Findings
from merit_cli.workflows.evaluate.scores import NOISY
from merit_cli.workflows.evaluate.sentences import leading_metric


def choose_examples(findings: Findings, *, folder: Path, count: int) -> tuple[Example, ...]:
    """At most ``count`` utterances with their sounds; paths are relative to ``folder``.

    Where both tasks were scored, a quarter of them are mistakes of emotion.
    """
    wrong = _by_confidence(findings, findings.classified) if findings.classified else []
    chosen: list[tuple[Utterance, str]] = []
    if findings.scored and findings.pairs.utterances:
        num_wrong = min(len(wrong), -(-count // 4) if count > 1 else 0)
        chosen = _by_score(findings, findings.scored, count - num_wrong)
    shown = {one.id for one, _ in chosen}
    chosen += [(one, why) for one, why in wrong if one.id not in shown][: count - len(chosen)]
    return tuple(_example(findings, one, why, folder) for one, why in chosen)


def _by_score(findings: Findings, scored: Scored, count: int) -> list[tuple[Utterance, str]]:
    spec = leading_metric(scored)
    utterances = findings.pairs.utterances
    ids = [one.id for one in utterances]
    own = scored.book.values(scored.system, spec.name, ids)
    is_gain = scored.has_noisy and scored.system != NOISY
    base: Sequence[float | None] = scored.book.values(NOISY, spec.name, ids) if is_gain else [0.0] * len(ids)
    sign = 1.0 if spec.higher_is_better else -1.0
    ranked = sorted(
        (sign * (value - before), index)
        for index, (value, before) in enumerate(zip(own, base, strict=True))
        if value is not None and before is not None
    )
    what = f"{spec.name} gain over the noisy signal" if is_gain else spec.name
    places = different_places([source_of(utterances[index]) for _, index in ranked], count)
    return [(utterances[ranked[place][1]], f"{rank_words(place, len(ranked))} {what}") for place in places]


def source_of(one: Utterance) -> str:
    """What is said in an utterance and in which noise: the SNRs of one mixture sound much alike."""
    return f"{one.mixture.clean_id} {one.mixture.noise_id}" if one.mixture else one.id


def different_places(sources: Sequence[str], count: int) -> list[int]:
    """Ranks to show, worst first: half of them the worst, one median, one best, no source twice if others are left.

    Args:
        sources: Of the ranked utterances, worst first.
        count: How many at most.

    >>> different_places(["a", "a", "b", "c", "d"], 4)
    [0, 2, 3, 4]
    """
    total = len(sources)
    wanted = [0, total - 1, total // 2, *range(1, total)][:total] if total else []
    order = [*dict.fromkeys(wanted), *range(total)]
    places: list[int] = []
    for again in (False, True):
        for place in order:
            seen = {sources[one] for one in places}
            if len(places) < count and place not in places and (again or sources[place] not in seen):
                places.append(place)
    return sorted(places)


def rank_words(place: int, total: int) -> str:
    """How bad an utterance is among all, worst first.

    >>> [rank_words(place, 9) for place in (0, 2, 4, 8)]
    ['worst', 'rank 3 of 9 from the worst in', 'median', 'best']
    """
    words = {total // 2: "median", total - 1: "best", 0: "worst"}
    return words.get(place, f"rank {place + 1} of {total} from the worst in")


def _by_confidence(findings: Findings, classified: Classified) -> list[tuple[Utterance, str]]:
    """Every wrong answer, the surest first."""
    predictions = findings.material.predictions or {}
    known = [one for one in classified.utterances if one.id in predictions]
    wrong = [one for one in known if predictions[one.id].predicted != true_label(one, predictions)]

    def surety(one: Utterance) -> float:
        said = predictions[one.id]
        return -float(said.probabilities.get(said.predicted, 0.0))

    return [(one, "label wrong, and sure of it") for one in sorted(wrong, key=surety)]


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
    return Example(one.id, why, _facts(findings, one), clips, _strips(findings, one))


def _strips(findings: Findings, one: Utterance) -> tuple[Strip, ...]:
    """The expert that each router sent each frame to; none where there was nothing to choose."""
    routed = findings.material.routing.get(one.id)
    if routed is None:
        return ()
    return tuple(
        Strip(f"expert of {task}", found.best, len(found.load), routed.frames_per_second)
        for task, found in routed.tasks.items()
        if len(found.load) > 1
    )


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
