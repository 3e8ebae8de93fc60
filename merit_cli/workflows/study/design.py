"""Which rater hears which version of which clip, and when.

Arms are spread over clips and raters as in a Latin square: rater r hears clip i in arm (i + r) mod A. Versions of one
clip stand in different blocks of the session, more than half a block apart; hidden duplicates keep that distance too.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from merit_cli.errors import UsageError

MIN_CLIPS = 4


@dataclass(frozen=True)
class StudyClip:
    """One clip, whatever version of it is heard.

    Args:
        id: Of its utterance.
        patient: Whose breath it is.
        label: The true class.
    """

    id: str
    patient: str
    label: str


@dataclass(frozen=True)
class Trial:
    """One question to one rater.

    Args:
        clip: Its id.
        arm: The version that is heard.
        duplicate: Whether the same version was heard before.
    """

    clip: str
    arm: str
    duplicate: bool = False


def make_design(
    clips: Sequence[StudyClip],
    arms: Sequence[str],
    *,
    num_raters: int,
    versions: int,
    duplicates: float,
    seed: int,
) -> list[list[Trial]]:
    """The trials of each rater, in the order they are heard.

    Args:
        clips: At least `MIN_CLIPS`.
        arms: Versions of each clip.
        num_raters: How many lists; arms are balanced over raters where it is a multiple of the arms.
        versions: Versions of a clip that one rater hears.
        duplicates: Share of further trials that repeat one, to measure each rater against himself.
        seed: Of every order.

    Raises:
        UsageError: There are too few clips, or more versions than arms, or more duplicates than keep their distance.
    """
    if len(clips) < MIN_CLIPS:
        raise UsageError(f"a study needs {MIN_CLIPS} clips, found {len(clips)}", place="clips")
    if not 1 <= versions <= len(arms):
        raise UsageError(f"{versions} versions of a clip cannot be heard in {len(arms)} arms", place="--versions")
    num_duplicates = round(duplicates * versions * len(clips))
    if num_duplicates > len(clips) // 2:
        raise UsageError(
            f"{num_duplicates} duplicates of {len(clips)} clips would come too soon after the first hearing",
            place="--duplicates",
            hint=f"at most {len(clips) // 2 / (versions * len(clips)):.2f}",
        )
    ordered = _by_class(clips, _generator(seed, "classes"))
    return [
        _rater_trials(ordered, arms, rater, versions, num_duplicates, _generator(seed, f"rater {rater}"))
        for rater in range(num_raters)
    ]


def smallest_gap(trials: Sequence[Trial]) -> int:
    """Trials from one hearing of a clip to the next, at least; the length of the list where no clip comes twice.

    >>> smallest_gap([Trial("a", "x"), Trial("b", "x"), Trial("a", "y")])
    2
    """
    last: dict[str, int] = {}
    gap = len(trials)
    for place, trial in enumerate(trials):
        if trial.clip in last:
            gap = min(gap, place - last[trial.clip])
        last[trial.clip] = place
    return gap


def _generator(seed: int, what: str) -> np.random.Generator:
    digest = hashlib.sha256(f"{seed}/{what}".encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "big"))


def _by_class(clips: Sequence[StudyClip], rng: np.random.Generator) -> list[StudyClip]:
    """Shuffled within each class, the classes one after the other, so that each gets its arms in turn."""
    shuffled = [clips[place] for place in rng.permutation(len(clips))]
    return sorted(shuffled, key=lambda clip: clip.label)


def _rater_trials(
    clips: Sequence[StudyClip],
    arms: Sequence[str],
    rater: int,
    versions: int,
    num_duplicates: int,
    rng: np.random.Generator,
) -> list[Trial]:
    half = (len(clips) + 1) // 2
    order = list(rng.permutation(len(clips)))
    trials: list[Trial] = []
    for block in range(versions):
        if block:
            order = [*rng.permutation(order[:half]), *rng.permutation(order[half:])]
        trials += [Trial(clips[place].id, arms[(place + rater + block) % len(arms)]) for place in order]
    early = [clips[place].id for place in order[:half]]  # of the last block: time is left after them
    return _with_duplicates(trials, early, arms, num_duplicates, len(clips) // 2, rng)


def _with_duplicates(
    trials: list[Trial], early: Sequence[str], arms: Sequence[str], count: int, gap: int, rng: np.random.Generator
) -> list[Trial]:
    """Each arm repeated as often as any other, where it can be; each duplicate ``gap`` trials after its clip."""
    left = [early[place] for place in rng.permutation(len(early))]
    heard = {(trial.clip, trial.arm) for trial in trials}
    made = list(trials)
    for number in range(count):
        wanted = arms[number % len(arms)]
        clip = next((clip for clip in left if (clip, wanted) in heard), left[0])
        left.remove(clip)
        arm = wanted if (clip, wanted) in heard else next(arm for arm in arms if (clip, arm) in heard)
        last = max(place for place, trial in enumerate(made) if trial.clip == clip)
        first_place = min(last + gap, len(made))
        made.insert(int(rng.integers(first_place, len(made) + 1)), Trial(clip, arm, duplicate=True))
    return made
