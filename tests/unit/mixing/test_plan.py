from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import ValidationError

from merit_cli.errors import NoInput
from merit_cli.manifests.checks import find_leaks
from merit_cli.manifests.utterance import Utterance
from merit_cli.mixing.noise_pools import split_noise
from merit_cli.mixing.plan import plan_mixtures
from merit_cli.mixing.recipe import MixRecipe


def clips(prefix: str, count: int, *, split: str = "", noise_class: str = "") -> list[Utterance]:
    info = {"noise_class": noise_class} if noise_class else {}
    return [
        Utterance(f"{prefix}{n:02d}", Path(f"/{prefix}{n}.wav"), 16000, 16000, split=split, info=info)
        for n in range(count)
    ]


def test_the_plan_does_not_depend_on_the_order_of_the_inputs() -> None:
    speech, noise, recipe = clips("s", 5), clips("n", 3), MixRecipe(snr="0:10", variants=2)
    there = list(plan_mixtures(speech, noise, recipe))
    assert there == list(plan_mixtures(speech[::-1], noise[::-1], recipe))
    assert len(there) == 10


def test_a_mixture_does_not_change_when_other_speech_is_added_after_it() -> None:
    noise, recipe = clips("n", 3), MixRecipe(snr="normal(5,2)")
    few = list(plan_mixtures(clips("s", 3), noise, recipe))
    assert few == list(plan_mixtures(clips("s", 9), noise, recipe))[:3]


def test_every_noise_is_used_before_any_is_used_again() -> None:
    plan = list(plan_mixtures(clips("s", 8), clips("n", 4), MixRecipe(snr="0")))
    for start in (0, 4):
        assert len({mixture.noises[0].id for mixture in plan[start : start + 4]}) == 4


def test_the_ratios_of_a_grid_share_noise_and_segment() -> None:
    plan = list(plan_mixtures(clips("s", 1), clips("n", 4), MixRecipe(snr="-5,0,5")))
    assert [mixture.snr_db for mixture in plan] == [-5.0, 0.0, 5.0]
    assert len({(mixture.noises[0].id, mixture.draw_key) for mixture in plan}) == 1
    assert [mixture.id for mixture in plan] == ["s00__v0", "s00__v1", "s00__v2"]


def test_a_range_is_filled() -> None:
    ratios = [m.snr_db for m in plan_mixtures(clips("s", 200), clips("n", 4), MixRecipe(snr="-5:5"))]
    assert min(ratios) < -4.5
    assert max(ratios) > 4.5
    assert all(-5 <= ratio <= 5 for ratio in ratios)


def test_speech_of_a_split_meets_only_noise_of_that_split() -> None:
    speech = clips("a", 4, split="train") + clips("b", 4, split="test")
    noise = clips("n", 2, split="train") + clips("m", 2, split="test")
    assert all(m.speech.split == m.noises[0].split for m in plan_mixtures(speech, noise, MixRecipe(snr="0")))


def test_a_split_without_noise_is_refused() -> None:
    with pytest.raises(NoInput, match="'test'"):
        list(plan_mixtures(clips("s", 1, split="test"), clips("n", 1, split="train"), MixRecipe()))


def test_splits_that_hold_nothing_are_refused() -> None:
    with pytest.raises(NoInput, match="no speech in the splits dev"):
        list(plan_mixtures(clips("s", 1, split="test"), clips("n", 1), MixRecipe(splits=("dev",))))


def test_noise_without_splits_is_dealt_so_that_no_file_stands_in_two() -> None:
    noise = clips("h", 6, noise_class="hiss") + clips("r", 6, noise_class="rain")
    dealt = split_noise(noise, ["dev", "test", "train"], 0)
    assert len({n.id for n in dealt}) == 12
    assert {n.split for n in dealt} == {"train", "dev", "test"}
    assert sum(n.split == "train" for n in dealt) > 6


def parts_of(files: list[Utterance], count: int) -> list[Utterance]:
    """Channels or segments: so many sources of each file."""
    return [replace(one, id=f"{one.id}__c{number}") for one in files for number in range(count)]


def test_channels_and_segments_of_a_noise_file_stand_in_one_split() -> None:
    hiss, rain = clips("h", 6, noise_class="hiss"), clips("r", 2, noise_class="rain")
    mixed = replace(hiss[0], id="z", info={"noise_class": "rain"})  # another segment of a file of hiss
    dealt = split_noise([*parts_of([*hiss, *rain], 3), mixed], ["dev", "test", "train"], 0)
    assert len(dealt) == 25
    splits = {path: {one.split for one in dealt if one.audio == path} for path in {one.audio for one in dealt}}
    assert all(len(names) == 1 for names in splits.values())
    assert set.union(*splits.values()) == {"train", "dev", "test"}


def test_a_noise_file_with_a_segment_of_a_held_out_class_goes_to_test_whole() -> None:
    files = clips("h", 6, noise_class="hiss")
    held_out = replace(files[0], id="z", info={"noise_class": "wind"})
    dealt = split_noise([*files, held_out], ["test", "train"], 0, unseen=("wind",))
    assert {one.split for one in dealt if one.audio == files[0].audio} == {"test"}


def test_a_noise_file_whose_channels_stand_in_two_splits_is_a_leak() -> None:
    speech = clips("a", 2, split="train") + clips("b", 2, split="test")
    (left, right) = parts_of(clips("n", 1), 2)
    noise = [replace(left, split="train"), replace(right, split="test")]
    assert find_leaks(plan_mixtures(speech, noise, MixRecipe()).identities()) == {"noise_id": ["n00__c0"]}


@pytest.mark.parametrize("text", ["loud", "5:", "10:0", "normal(1)", "", "1,,2"])
def test_an_snr_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"SNR|range"):
        MixRecipe(snr=text)


@pytest.mark.parametrize(
    ("snr", "words"),
    [
        ("1000", "less than or equal to 100"),
        ("-1000:0", "greater than or equal to -100"),
        ("normal(0,1000)", "less than or equal to 50"),
        ({"kind": "list", "values": [float("nan")]}, "finite"),
    ],
)
def test_an_snr_that_no_file_can_hold_is_one_fault(snr: object, words: str) -> None:
    with pytest.raises(ValidationError, match=words) as caught:
        MixRecipe(snr=snr)  # type: ignore[arg-type]
    assert "snr" in {fault["loc"][0] for fault in caught.value.errors()}
    assert len({fault["loc"][1:2] for fault in caught.value.errors()}) == 1


@pytest.mark.parametrize("keys", [{"values": [5]}, {"low": 0, "high": 5}, {"mean": 0, "std": 5}])
def test_the_kind_of_an_snr_is_known_by_its_keys(keys: dict[str, object]) -> None:
    plan = MixRecipe(snr=keys).snr  # type: ignore[arg-type]
    assert keys.keys() <= plan.model_dump().keys()
