"""The versions of each clip that a study can be made of, from manifests as other commands leave them."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from merit_cli.errors import BadData, NoInput, UsageError
from merit_cli.io.jsonl import read_lines
from merit_cli.manifests.utterance import Utterance
from merit_cli.workflows.study.design import StudyClip

CLEAN, NOISY, ENHANCED = "clean", "noisy", "enhanced"
WITH_PREDICTION = "enhanced+prediction"


@dataclass(frozen=True)
class Piece:
    """A stretch of a file; ``num_samples`` None reads to its end."""

    path: Path
    start: int = 0
    num_samples: int | None = None


@dataclass(frozen=True)
class Material:
    """Clips that are there in every arm.

    Args:
        clips: In the order of the manifest.
        arms: Versions of each.
        pieces: Clip and arm to its sound.
        suggestions: Clip to what the machine says of it; empty without predictions.
        notes: What was left out.
    """

    clips: tuple[StudyClip, ...]
    arms: tuple[str, ...]
    pieces: Mapping[tuple[str, str], Piece]
    suggestions: Mapping[str, str]
    notes: tuple[str, ...] = ()


def gather_material(
    utterances: Sequence[Utterance],
    *,
    arms: Sequence[str] | None,
    split: str | None,
    predictions: Path | None,
) -> Material:
    """Clips with a breath label, in every arm.

    A line without enhancer is the noisy version, and names the clean one where there is one; a line of
    ``merit enhance`` is the enhanced version and may name both others. Lines of one id are one clip.

    Args:
        utterances: Of one manifest or of several.
        arms: Which versions; None takes all that are found.
        split: Take clips of it alone; None takes all.
        predictions: ``predictions.jsonl`` of the breath classifier behind the enhancer; adds the arm
            ``enhanced+prediction``.

    Raises:
        NoInput: No clip has a label, or none is there in every arm.
        UsageError: An arm is not found, or two enhancers have one name.
        BadData: A line of the predictions cannot be used.
    """
    chosen = [one for one in utterances if one.labels.get("breath") and split in (None, one.split)]
    if not chosen:
        raise NoInput("no line has a breath label", place="manifest", hint="take the manifest of a breath corpus")
    pieces = _pieces(chosen)
    suggestions = {} if predictions is None else read_suggestions(predictions)
    enhanced = sorted({arm for _, arm in pieces if arm.startswith(ENHANCED)})
    if suggestions and len(enhanced) == 1:
        for clip in suggestions.keys() & {clip for clip, arm in pieces if arm == enhanced[0]}:
            pieces[clip, WITH_PREDICTION] = pieces[clip, enhanced[0]]
    found = [arm for arm in (CLEAN, NOISY, *enhanced, WITH_PREDICTION) if any(name == arm for _, name in pieces)]
    wanted = list(arms) if arms else found
    for arm in wanted:
        if arm not in found:
            raise UsageError(f"no clip has a version {arm!r}", place="--arms", hint=f"found: {', '.join(found)}")
    if len(set(wanted)) < 2:
        raise UsageError(
            f"a study needs two arms, found {', '.join(wanted)}", hint="give the manifest of merit enhance"
        )
    by_id = {one.id: one for one in chosen}
    clips = [
        StudyClip(one.id, one.speaker or one.id, str(one.labels["breath"]))
        for one in by_id.values()
        if all((one.id, arm) in pieces for arm in wanted)
    ]
    if not clips:
        raise NoInput("no clip is there in every arm", hint=f"arms: {', '.join(wanted)}")
    lost = len(by_id) - len(clips)
    notes = (f"{lost} clips are not there in every arm and are left out.",) if lost else ()
    return Material(tuple(sorted(clips, key=lambda clip: clip.id)), tuple(wanted), pieces, suggestions, notes)


def _pieces(utterances: Sequence[Utterance]) -> dict[tuple[str, str], Piece]:
    names = {one.enhancer for one in utterances if one.enhancer}
    pieces: dict[tuple[str, str], Piece] = {}
    for one in utterances:
        arm = NOISY
        if one.enhancer:
            arm = ENHANCED if len(names) == 1 else f"{ENHANCED} ({one.enhancer})"
        if one.enhancer and (one.id, arm) in pieces:
            raise UsageError(f"two manifests are by {one.enhancer}", place=one.id, hint="give one of them")
        pieces[one.id, arm] = Piece(one.audio, one.start, one.num_samples)
        if one.enhancer and one.noisy is not None:
            pieces.setdefault((one.id, NOISY), Piece(one.noisy))
        if one.clean is not None:
            pieces.setdefault((one.id, CLEAN), Piece(one.clean))
    return pieces


def read_suggestions(path: Path) -> dict[str, str]:
    """What the machine says of each clip, as the page shows it.

    Raises:
        NoInput: There is no such file.
        BadData: A line has no id or no answer.
    """
    said = {}
    for number, line in read_lines(path, torn_tail=True):
        try:
            label, shares = str(line["predicted"]), line.get("probabilities") or {}
            share = f", probability {float(shares[label]):.2f}" if label in shares else ""
            said[str(line["id"])] = "no answer" if line.get("abstained") else f"{label}{share}"
        except (KeyError, TypeError, ValueError):
            raise BadData("a prediction has no id or no answer", place=f"{path}:{number}") from None
    return said


def choose_clips(material: Material, count: int, *, seed: int) -> list[StudyClip]:
    """At most ``count`` clips: as many of each class as there are, and of as many patients as can be.

    Args:
        material: What there is.
        count: In all classes together.
        seed: Of the choice among equals.
    """
    rng = np.random.default_rng(seed)
    shuffled = [material.clips[place] for place in rng.permutation(len(material.clips))]
    by_label: dict[str, list[StudyClip]] = defaultdict(list)
    ranks = _ranks(shuffled)
    for clip in sorted(shuffled, key=lambda clip: ranks[clip.id]):
        by_label[clip.label].append(clip)
    chosen: list[StudyClip] = []
    while len(chosen) < count and any(by_label.values()):
        for label in sorted(by_label):
            if by_label[label] and len(chosen) < count:
                chosen.append(by_label[label].pop(0))
    return sorted(chosen, key=lambda clip: clip.id)


def _ranks(clips: Sequence[StudyClip]) -> dict[str, int]:
    """How many clips of the same class and patient come before each."""
    seen: Counter[tuple[str, str]] = Counter()
    ranks = {}
    for clip in clips:
        ranks[clip.id] = seen[clip.label, clip.patient]
        seen[clip.label, clip.patient] += 1
    return ranks
