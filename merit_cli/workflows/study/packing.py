"""A study under opaque names: the sounds, the page's lists, and the key that undoes the names."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from merit_cli.corpora.breath_labels import BREATH_LABELS
from merit_cli.workers import Machine
from merit_cli.workflows.study.design import Trial
from merit_cli.workflows.study.material import WITH_PREDICTION, Material
from merit_cli.workflows.study.page import StudyPage
from merit_cli.workflows.study.sound import common_gain, read_piece, reference_sound, to_flac_uri

_REFERENCE = "reference"


def opaque(*parts: object) -> str:
    """A name from which nothing can be read without all of ``parts``."""
    return hashlib.sha256("/".join(map(str, parts)).encode()).hexdigest()[:12]


def _sound_id(secret: str, clip: str, arm: str) -> str:
    return opaque(secret, "sound", clip, arm.removesuffix("+prediction"))


def _trial_id(secret: str, rater: str, place: int) -> str:
    return opaque(secret, "trial", rater, place)


def level_sounds(
    material: Material, design: Sequence[Sequence[Trial]], secret: str, machine: Machine
) -> tuple[dict[str, str], float]:
    """Data URI of each sound by its opaque id, in the order of these ids; and the gain that all have in common."""
    heard = {_sound_id(secret, t.clip, t.arm): (t.clip, t.arm) for trials in design for t in trials}
    read = {}
    for number, (name, which) in enumerate(sorted(heard.items()), start=1):
        read[name] = read_piece(material.pieces[which])
        machine.progress("sounds", number, len(heard))
    read[_REFERENCE] = reference_sound()
    gain = common_gain(read)
    return {name: to_flac_uri(gain * sound) for name, sound in read.items()}, gain


def fill_page(
    study: str, secret: str, lists: Mapping[str, Sequence[Trial]], material: Material, sounds: Mapping[str, str]
) -> StudyPage:
    """The page's contents: each rater's trials in order, each with its sound and, in its arm, the machine's word."""
    trials: dict[str, dict[str, str]] = {}
    for code, order in lists.items():
        for place, trial in enumerate(order):
            one = {"audio": _sound_id(secret, trial.clip, trial.arm)}
            if trial.arm == WITH_PREDICTION:
                one["suggestion"] = material.suggestions[trial.clip]
            trials[_trial_id(secret, code, place)] = one
    raters = {code: [_trial_id(secret, code, place) for place in range(len(order))] for code, order in lists.items()}
    return StudyPage(study, BREATH_LABELS, raters, trials, sounds, _REFERENCE)


def key_trials(secret: str, lists: Mapping[str, Sequence[Trial]]) -> dict[str, dict[str, Any]]:
    """Of each trial, by its opaque id: who, when, what, and which earlier trial it repeats."""
    found: dict[str, dict[str, Any]] = {}
    for code, order in lists.items():
        first: dict[tuple[str, str], str] = {}
        for place, trial in enumerate(order):
            name = _trial_id(secret, code, place)
            first.setdefault((trial.clip, trial.arm), name)
            repeats = first[trial.clip, trial.arm] if trial.duplicate else None
            found[name] = {
                "rater": code,
                "position": place + 1,
                "clip": trial.clip,
                "arm": trial.arm,
                "repeats": repeats,
            }
    return found
