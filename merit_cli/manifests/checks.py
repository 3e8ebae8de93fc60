"""Checks that guard the numbers: nothing that identifies a source may stand in two splits."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from merit_cli.errors import CheckFailed
from merit_cli.manifests.read_write import Card
from merit_cli.manifests.utterance import Utterance

Identity = Mapping[str, str]
"""What may not be shared between splits: ``speaker`` (or patient), ``noise_id``, ``clean_id``."""


def identity_of(utterance: Utterance) -> Identity:
    """The sources of an utterance; a plain utterance has only a speaker."""
    mixture = utterance.mixture
    sources = {"noise_id": mixture.noise_id, "clean_id": mixture.clean_id} if mixture else {}
    return {"speaker": utterance.speaker, **sources}


def find_leaks(rows: Iterable[tuple[str, Identity]]) -> dict[str, list[str]]:
    """Sources that stand in more than one split, by kind; kinds without one are left out.

    >>> find_leaks([("train", {"speaker": "ann"}), ("test", {"speaker": "ann"})])
    {'speaker': ['ann']}
    """
    splits: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for split, identity in rows:
        for kind, value in identity.items():
            if split and value:
                splits[kind][value].add(split)
    shared = {kind: sorted(v for v, where in values.items() if len(where) > 1) for kind, values in splits.items()}
    return {kind: values for kind, values in shared.items() if values}


def check_leaks(utterances: Sequence[Utterance], card: Card | None = None, *, allow_leak: bool = False) -> list[str]:
    """Notes on the leaks of a manifest that were allowed; see `check_identities`."""
    rows = [(one.split, identity_of(one)) for one in utterances]
    rows += [
        (one.split, {"noise_id": more.noise_id})
        for one in utterances
        if one.mixture
        for more in one.mixture.more_noises
    ]
    return check_identities(rows, card, allow_leak=allow_leak)


def check_identities(
    rows: Iterable[tuple[str, Identity]], card: Card | None = None, *, allow_leak: bool = False
) -> list[str]:
    """Notes on the leaks that were allowed; every report repeats them.

    Args:
        rows: Split and sources of each item, of all splits together.
        card: Its ``shared_groups`` are allowed.
        allow_leak: Allow every group.

    Raises:
        CheckFailed: A speaker, patient, noise file or clean utterance stands in two splits.
    """
    allowed = set(card.shared_groups) if card else set()
    notes = []
    for group, values in find_leaks(rows).items():
        some = ", ".join(values[:3]) + (", ..." if len(values) > 3 else "")
        if not allow_leak and group not in allowed:
            raise CheckFailed(
                f"{len(values)} {group} values stand in more than one split: {some}",
                place=card.name if card else "",
                hint="make the splits disjoint, or pass --allow-leak and every report will say so",
            )
        notes.append(f"LEAK ALLOWED: {len(values)} {group} values are shared between splits ({some}).")
    return notes


def transcript_notes(utterances: Iterable[Utterance]) -> list[str]:
    """A warning where splits have their transcripts from different sources; a model of words then meets other errors.

    >>> from pathlib import Path
    >>> lines = [Utterance("a", Path("a"), 1, 1, split=split, transcript="yes", transcript_source=source)
    ...          for split, source in (("train", "human"), ("test", "whisper"))]
    >>> transcript_notes(lines)
    ['TRANSCRIPTS DIFFER: test whisper; train human.']
    """
    sources: dict[str, set[str]] = defaultdict(set)
    for one in utterances:
        if one.split and one.transcript and one.transcript_source:
            sources[one.split].add(one.transcript_source)
    if len({frozenset(found) for found in sources.values()}) < 2:
        return []
    said = (f"{split} {' and '.join(sorted(found))}" for split, found in sorted(sources.items()))
    return [f"TRANSCRIPTS DIFFER: {'; '.join(said)}."]
