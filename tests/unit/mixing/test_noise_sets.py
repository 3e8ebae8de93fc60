from pathlib import Path

import pytest

from merit_cli.errors import CheckFailed, NoInput, UsageError
from merit_cli.manifests.utterance import Utterance
from merit_cli.mixing.noise_pools import Deal
from merit_cli.mixing.plan import plan_mixtures
from merit_cli.mixing.recipe import MixRecipe, SplitPlan, check_splits


def voices(**counts: int) -> list[Utterance]:
    return [
        Utterance(f"{split}{n:02d}", Path(f"/{split}{n}.wav"), 16000, 16000, split=split)
        for split, count in counts.items()
        for n in range(count)
    ]


def noises(*classes: str, each: int = 4, split: str = "") -> list[Utterance]:
    return [
        Utterance(f"{name}{n}", Path(f"/{name}{n}.wav"), 16000, 160000, split=split, info={"noise_class": name})
        for name in classes
        for n in range(each)
    ]


PROTOCOL = MixRecipe(
    snr={"kind": "list", "values": (-5, 0, 5), "order": "random"},  # type: ignore[arg-type]
    unseen_noise=("wind", "steam"),
    by_split={"test": SplitPlan(snr="-5,0,5,10", noise_sets=("matched", "unseen"))},  # type: ignore[arg-type]
)


def test_matched_and_unseen_noise_serve_test_and_never_train() -> None:
    plan = list(plan_mixtures(voices(train=30, dev=10, test=10), noises("rain", "hiss", "wind", "steam"), PROTOCOL))
    files = {
        (split, name): {n.id for m in plan if m.speech.split == split and m.noise_set == name for n in m.noises}
        for split in ("train", "dev", "test")
        for name in ("any", "matched", "unseen")
    }
    classes = {key: {name[:-1] for name in names} for key, names in files.items()}
    assert classes["test", "unseen"] == {"wind", "steam"}
    assert classes["test", "matched"] == classes["train", "any"] == {"rain", "hiss"}
    assert not files["train", "any"] & (files["test", "matched"] | files["test", "unseen"])
    assert not files["dev", "any"] & files["test", "matched"]


def test_each_split_has_its_own_ratios_and_counts() -> None:
    source = plan_mixtures(voices(train=30, test=10), noises("rain", "hiss", "wind", "steam"), PROTOCOL)
    plan = list(source)
    assert len(plan) == source.num_mixtures == 30 + 10 * 2 * 4
    assert {m.snr_db for m in plan if m.speech.split == "test"} == {-5.0, 0.0, 5.0, 10.0}
    assert len({m.id for m in plan}) == len(plan)


def test_held_out_noise_in_train_is_refused() -> None:
    files = noises("rain", split="train") + noises("wind", split="train") + noises("hiss", split="test")
    with pytest.raises(CheckFailed, match="wind"):
        plan_mixtures(voices(train=2, test=2), files, MixRecipe(unseen_noise=("wind",)))


def test_a_misspelt_noise_class_is_named() -> None:
    with pytest.raises(NoInput, match="'windd'") as caught:
        plan_mixtures(voices(train=1, test=1), noises("wind", "rain"), MixRecipe(unseen_noise=("windd",)))
    assert "'wind'" in caught.value.hint


def test_matched_noise_that_does_not_exist_is_refused() -> None:
    files = noises("rain", split="train") + noises("wind", split="test")
    recipe = MixRecipe(unseen_noise=("wind",), by_split={"test": SplitPlan(noise_sets=("matched",))})
    with pytest.raises(NoInput, match="no matched noise"):
        plan_mixtures(voices(train=2, test=2), files, recipe)


def test_noise_sets_without_held_out_classes_are_refused() -> None:
    with pytest.raises(ValueError, match="unseen_noise"):
        MixRecipe(noise_sets=("matched",))


@pytest.mark.parametrize(("num_noises", "num_files"), [(2, 2), (3, 5), (3, 7), (5, 6), (8, 9)])
def test_several_noises_at_once_are_different_files(num_noises: int, num_files: int) -> None:
    files = noises("rain", each=num_files)
    plan = list(plan_mixtures(voices(train=300), files, MixRecipe(snr="0", num_noises=num_noises)))  # type: ignore[arg-type]
    assert all(len({noise.id for noise in m.noises}) == len(m.noises) == num_noises for m in plan)


def test_too_few_files_for_several_noises_at_once_are_refused() -> None:
    with pytest.raises(NoInput, match="3 noises at once"):
        plan_mixtures(voices(train=1), noises("rain", each=2), MixRecipe(num_noises=3))


@pytest.mark.parametrize(("num_noises", "num_files"), [(3, 5), (5, 6), (8, 9)])
def test_several_noises_at_once_are_all_used_before_any_is_used_again(num_noises: int, num_files: int) -> None:
    files = noises("rain", each=num_files)
    plan = plan_mixtures(voices(train=90), files, MixRecipe(snr="0", num_noises=num_noises))  # type: ignore[arg-type]
    heard = [noise.id for m in plan for noise in m.noises]
    for first in range(0, len(heard) - num_files, num_files):
        assert len(set(heard[first : first + num_files])) == num_files


@pytest.mark.parametrize("variants", [1, 2, 3, 5, 7])
@pytest.mark.parametrize("num_noises", [1, 2, 3])
@pytest.mark.parametrize("num_files", [4, 7, 10])
def test_variants_of_an_utterance_share_no_noise_while_there_is_another(
    variants: int, num_noises: int, num_files: int
) -> None:
    recipe = MixRecipe(snr="0", variants=variants, num_noises=num_noises)  # type: ignore[arg-type]
    heard: dict[str, list[str]] = {}
    for planned in plan_mixtures(voices(train=60), noises("rain", each=num_files), recipe):
        assert len({noise.id for noise in planned.noises}) == num_noises
        heard.setdefault(planned.speech.id, []).extend(noise.id for noise in planned.noises)
    assert {len(set(names)) for names in heard.values()} == {min(num_files, variants * num_noises)}
    dealt = [name for names in heard.values() for name in names]
    for first in range(0, len(dealt) - num_files, num_files):
        assert len(set(dealt[first : first + num_files])) == num_files


@pytest.mark.parametrize(("hand", "round_of"), [(8, 1), (2, 4)])
def test_a_hand_of_noises_does_not_depend_on_the_hands_asked_for_before(hand: int, round_of: int) -> None:
    def new_deal() -> Deal:
        return Deal(noises("rain", each=9), seed=0, key="", hand=hand, round_of=round_of)

    in_order = new_deal()
    hands = [in_order.at(position) for position in range(60)]
    assert [new_deal().at(position) for position in range(60)] == hands
    assert [in_order.at(position) for position in reversed(range(60))] == hands[::-1]


def test_round_robin_uses_every_ratio_equally_often() -> None:
    snr = {"kind": "list", "values": (-5, 0, 5), "order": "round_robin"}
    plan = list(plan_mixtures(voices(train=30), noises("rain"), MixRecipe(snr=snr)))  # type: ignore[arg-type]
    assert [sum(m.snr_db == value for m in plan) for value in (-5, 0, 5)] == [10, 10, 10]


def test_impossible_formats_are_refused() -> None:
    for keys in ({"format": "ogg"}, {"encoding": "FLOAT"}, {"encoding": "VORBIS"}):
        with pytest.raises(ValueError, match=r"format|encoding"):
            MixRecipe(**keys)  # type: ignore[arg-type]


def test_splits_that_a_recipe_says_nothing_of_are_named() -> None:
    recipe = MixRecipe(by_split={"test": SplitPlan(variants=2)})
    assert check_splits(recipe, {"test"}) == ()
    (remark,) = check_splits(recipe, {"dev", "test", "train"})
    assert remark.endswith("dev, train")
    assert "no splits" in check_splits(recipe, {""})[0]
    assert check_splits(MixRecipe(), {""}) == ()


def test_a_split_of_a_recipe_that_is_nowhere_is_refused() -> None:
    recipe = MixRecipe(by_split={"tset": SplitPlan(variants=2)})
    with pytest.raises(UsageError, match="did you mean 'test'"):
        check_splits(recipe, {"train", "test"})
    assert "dev" in check_splits(recipe, {"tset", "dev"})[0]
