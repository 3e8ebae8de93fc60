"""The balance of the listening study, counted."""

from collections import Counter

import pytest

from merit_cli.errors import UsageError
from merit_cli.workflows.study.design import StudyClip, Trial, make_design, smallest_gap

ARMS = ("clean", "noisy", "enhanced")
CLIPS = [StudyClip(f"c{k:02d}", f"p{k // 2}", ("normal", "crackle", "wheeze", "both")[k % 4]) for k in range(40)]


def design(versions: int = 1, num_raters: int = 6, duplicates: float = 0.1, seed: int = 0) -> list[list[Trial]]:
    return make_design(CLIPS, ARMS, num_raters=num_raters, versions=versions, duplicates=duplicates, seed=seed)


@pytest.mark.parametrize("versions", [1, 2, 3])
def test_each_rater_hears_every_clip_in_as_many_different_versions(versions: int) -> None:
    for trials in design(versions):
        first = Counter((trial.clip, trial.arm) for trial in trials if not trial.duplicate)
        assert set(first.values()) == {1}
        assert set(Counter(clip for clip, _ in first).values()) == {versions}
        assert len({clip for clip, _ in first}) == len(CLIPS)


@pytest.mark.parametrize("versions", [1, 2])
def test_each_rater_hears_each_arm_as_often_within_each_class_too(versions: int) -> None:
    labels = {clip.id: clip.label for clip in CLIPS}
    for trials in design(versions):
        first = [trial for trial in trials if not trial.duplicate]
        by_arm = Counter(trial.arm for trial in first)
        assert max(by_arm.values()) - min(by_arm.values()) <= versions
        for label in set(labels.values()):
            counts = [sum(labels[t.clip] == label and t.arm == arm for t in first) for arm in ARMS]
            assert max(counts) - min(counts) <= versions


def test_over_raters_each_clip_is_heard_as_often_in_each_arm() -> None:
    heard = Counter((t.clip, t.arm) for trials in design(num_raters=6) for t in trials if not t.duplicate)
    assert set(heard.values()) == {2}
    assert len(heard) == len(CLIPS) * len(ARMS)


@pytest.mark.parametrize("versions", [1, 2, 3])
@pytest.mark.parametrize("seed", range(5))
def test_no_rater_hears_two_versions_of_a_clip_close_together(versions: int, seed: int) -> None:
    for trials in design(versions, seed=seed):
        assert smallest_gap(trials) >= len(CLIPS) // 2


@pytest.mark.parametrize("versions", [1, 2, 3])
def test_a_tenth_is_repeated_and_the_arms_share_it(versions: int) -> None:
    for trials in design(versions):
        repeated = [trial for trial in trials if trial.duplicate]
        assert len(repeated) == 4 * versions
        assert len({trial.clip for trial in repeated}) == len(repeated)
        by_arm = Counter(trial.arm for trial in repeated)
        assert max(by_arm.values()) - min(by_arm.values()) <= 1
        for trial in repeated:
            places = [k for k, one in enumerate(trials) if (one.clip, one.arm) == (trial.clip, trial.arm)]
            assert len(places) == 2
            assert [trials[place].duplicate for place in places] == [False, True]


def test_raters_hear_different_orders_and_a_seed_gives_the_same_ones() -> None:
    first = design()
    assert first == design()
    assert first != design(seed=1)
    assert len({tuple(trial.clip for trial in trials) for trials in first}) == len(first)


def test_no_arm_stands_earlier_than_another_by_much() -> None:
    places = {arm: [] for arm in ARMS}
    for trials in design(3, num_raters=60):
        for place, trial in enumerate(trials):
            places[trial.arm].append(place / len(trials))
    means = {arm: sum(where) / len(where) for arm, where in places.items()}
    assert all(mean == pytest.approx(0.5, abs=0.02) for mean in means.values())  # sd of a mean 0.29 / 2600**.5


@pytest.mark.parametrize(
    ("clips", "versions", "duplicates", "words"),
    [(CLIPS[:3], 1, 0.1, "needs 4 clips"), (CLIPS, 4, 0.1, "4 versions"), (CLIPS, 1, 0.6, "24 duplicates")],
)
def test_a_study_that_cannot_be_balanced_is_refused(
    clips: list[StudyClip], versions: int, duplicates: float, words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        make_design(clips, ARMS, num_raters=2, versions=versions, duplicates=duplicates, seed=0)
