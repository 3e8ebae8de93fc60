"""The report of an evaluation, put together."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from merit_cli.reports.report import Report
from merit_cli.workflows.evaluate.attributes import attribute_sentences, attribute_tables
from merit_cli.workflows.evaluate.by_class import abstention_curves, class_table
from merit_cli.workflows.evaluate.cells import cluster_note
from merit_cli.workflows.evaluate.emotion import emotion_confusions, emotion_curves, emotion_tables
from merit_cli.workflows.evaluate.enhancement import enhancement_curves, enhancement_tables
from merit_cli.workflows.evaluate.examples import choose_examples
from merit_cli.workflows.evaluate.figures import heat_maps, item_list, planes
from merit_cli.workflows.evaluate.findings import Findings
from merit_cli.workflows.evaluate.routed import routed_of
from merit_cli.workflows.evaluate.routed_pictures import routed_pictures
from merit_cli.workflows.evaluate.routed_tables import routed_tables
from merit_cli.workflows.evaluate.routing import routing_pictures
from merit_cli.workflows.evaluate.sentences import emotion_sentences, enhancement_sentences, headlines
from merit_cli.workflows.evaluate.summary import failures

_PACKAGES = ("numpy", "scipy", "torch", "pesq", "pystoi")


def build_report(findings: Findings, *, folder: Path, num_examples: int) -> Report:
    """The report on what was found.

    Args:
        findings: What was found.
        folder: The run folder, where the report will lie.
        num_examples: Utterances to listen to.
    """
    scored, classified, rated = findings.scored, findings.classified, findings.rated
    utterances = findings.pairs.utterances
    material = findings.material
    routed = routed_of(material)
    title = f"{material.system}, {material.split} split" if material.split else material.system
    return Report(
        title=title,
        summary=(
            *(enhancement_sentences(scored, utterances) if scored else ()),
            *(emotion_sentences(classified) if classified else ()),
            *(attribute_sentences(rated) if rated else ()),
        ),
        notes=tuple(dict.fromkeys(_notes(findings))),
        headlines=headlines(findings),
        tables=(
            *(enhancement_tables(scored, utterances, findings.groupings) if scored else ()),
            *(emotion_tables(classified, findings.groupings) if classified else ()),
            *((class_table(classified),) if classified else ()),
            *(attribute_tables(rated, findings.groupings) if rated else ()),
            *(routed_tables(routed) if routed else ()),
        ),
        curves=(
            *(enhancement_curves(scored, utterances) if scored else ()),
            *(emotion_curves(classified) if classified else ()),
            *(abstention_curves(classified) if classified else ()),
        ),
        confusions=emotion_confusions(classified) if classified else (),
        examples=choose_examples(findings, folder=folder, count=num_examples),
        provenance=_provenance(findings, folder),
        heat_maps=heat_maps(findings),
        planes=planes(findings),
        routing=(*(routed_pictures(routed) if routed else ()), *routing_pictures(material.model_run)),
        items=item_list(findings),
    )


def _notes(findings: Findings) -> Iterator[str]:
    """Everything that must stand beside the numbers, the most important first."""
    failed = failures(findings)
    if failed:
        items = len({line["id"] for line in failed})
        yield f"{len(failed)} numbers of {items} items could not be had; scores.jsonl gives each reason."
    yield from findings.material.card.notes
    if findings.material.card.synthetic:
        yield "Audio or labels of this corpus are synthetic: made by rule, not recorded or annotated."
    note = cluster_note([one.speaker for one in findings.material.utterances])
    if note:
        yield note
    yield from findings.notes
    known = set(findings.material.card.notes)
    yield from (note for note in findings.material.notes if note.removeprefix("MODEL DATA: ") not in known)


def _provenance(findings: Findings, folder: Path) -> Mapping[str, str]:
    try:
        found = json.loads((folder / "provenance.json").read_text(encoding="utf-8"))
    except (OSError, json.JSONDecodeError):
        found = {}
    versions = ", ".join(f"{name} {found.get('packages', {}).get(name)}" for name in _PACKAGES)
    facts = {
        "source": findings.material.source,
        "corpus": findings.material.card.description or findings.material.card.name,
        "licence of the audio": findings.material.card.licence,
        "command": " ".join(found.get("argv", [])),
        "fingerprint": found.get("fingerprint"),
        "merit": " ".join(str(part) for part in (found.get("merit"), found.get("git_commit")) if part),
        "python": found.get("python"),
        "packages": versions if found else None,
    }
    return {key: str(value) for key, value in facts.items() if value}
