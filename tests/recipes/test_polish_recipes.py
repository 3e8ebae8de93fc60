"""The Polish comparison: its recipes load, its arms are comparable, its numbers are what they claim to be."""

import importlib
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from merit_cli.errors import CheckFailed, UsageError
from merit_cli.manifests.utterance import Mixture, Utterance
from merit_cli.metrics.statistics import Interval

FOLDER = Path(__file__).resolve().parents[2] / "recipes" / "polish"


@pytest.fixture
def polish(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A way to import the comparison's own modules."""
    monkeypatch.syspath_prepend(str(FOLDER))

    def load(name: str) -> ModuleType:
        return importlib.import_module(name)

    return load


def noise(noise_class: str, split: str) -> Utterance:
    return Utterance(
        f"{noise_class}-{split}", Path("n.wav"), 16000, 16000, split=split, info={"noise_class": noise_class}
    )


def utterance(item_id: str, speaker: str, emotion: str, *, split: str = "test") -> Utterance:
    mixture = Mixture("c", "n", "wind", -5.0, -5.0, "p56", 0, 0, 1.0, 1.0, 0)
    return Utterance(
        item_id, Path("a.wav"), 16000, 16000, speaker=speaker, split=split, labels={"emotion": emotion}, mixture=mixture
    )


def test_every_arm_of_the_study_has_a_recipe_and_every_recipe_is_an_arm(polish: Any) -> None:
    study = polish("study")
    wanted = {system.train for system in study.load_study().systems}
    assert wanted == {path.stem for path in (FOLDER / "train").glob("*.yaml")} - {"base"}
    assert len(wanted) == 7


def test_arms_differ_in_their_model_and_its_router_terms_only(polish: Any) -> None:
    study = polish("study")
    trees = {}
    for system in study.load_study().systems:
        tree = study.train_recipe(system.train, 1).model_dump(mode="json")
        tree.pop("name")
        tree.pop("model")
        for key in ("balance_weight", "router_z_weight"):
            tree["objective"].pop(key)
        trees[system.train] = tree
    assert all(tree == trees["sparse-merit"] for tree in trees.values())


def test_all_arms_have_the_same_trunk_and_heads(polish: Any) -> None:
    study = polish("study")
    shared = ("trunk_blocks", "trunk_width", "trunk_expansion", "blstm_hidden", "ser_hidden")
    sizes = {
        tuple(getattr(study.train_recipe(system.train, 1).model, key) for key in shared)
        for system in study.load_study().systems
    }
    assert sizes == {(2, 192, 2, 128, 64)}


def test_the_seed_reaches_the_recipe(polish: Any) -> None:
    assert polish("study").train_recipe("sparse-merit", 3).seed == 3


@pytest.mark.parametrize("role", ["train", "train-synthetic", "dev", "test"])
def test_mixtures_are_stated_by_speech_level_at_three_ratios(polish: Any, role: str) -> None:
    recipe = polish("study").mix_recipe(role)
    assert recipe.level == "p56"
    assert recipe.snr.values == (-5.0, 0.0, 5.0)


def test_each_role_draws_by_a_seed_of_its_own(polish: Any) -> None:
    study = polish("study")
    assert len({study.mix_recipe(role).seed for role in study.ROLES}) == len(study.ROLES)


def test_a_system_that_is_not_there_is_refused(polish: Any, tmp_path: Path) -> None:
    text = (FOLDER / "study.yaml").read_text(encoding="utf-8").replace("system: sparse-merit", "system: sparse")
    (tmp_path / "study.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match="unknown or repeated systems"):
        polish("study").load_study(tmp_path / "study.yaml")


def test_test_noise_is_of_held_out_classes_only(polish: Any) -> None:
    study = polish("study").load_study()
    files = [noise("wind", "test"), noise("jet", "test"), noise("jet", "train")]
    chosen = polish("material").noise_of_role(study, "test", files)
    assert [one.info["noise_class"] for one in chosen] == ["wind"]


def test_a_held_out_class_in_training_is_refused(polish: Any) -> None:
    study = polish("study").load_study()
    with pytest.raises(CheckFailed, match="wind"):
        polish("material").noise_of_role(study, "train", [noise("wind", "train")])


def test_the_bundled_noise_keeps_the_held_out_classes_out_of_train_and_dev(polish: Any) -> None:
    from merit_cli.assets import bundled
    from merit_cli.manifests.read_write import read_manifest

    study = polish("study").load_study()
    files = read_manifest(bundled("data_manifests/sample") / "noise.jsonl")
    classes = {
        role: {one.info["noise_class"] for one in polish("material").noise_of_role(study, role, files)}
        for role in ("train", "dev", "test")
    }
    assert classes["test"] == set(study.unseen_noise)
    assert not classes["test"] & (classes["train"] | classes["dev"])


@pytest.fixture
def answers(polish: Any) -> Any:
    """Two speakers, two classes: `right` is always right, `half` says the same of all."""
    scoring = polish("scoring")
    test = [utterance(f"{s}{n}", s, "ab"[n % 2]) for s in ("x", "y") for n in range(4)]
    right = {one.id: str(one.labels["emotion"]) for one in test}
    half = dict.fromkeys(right, "a")
    said = {"right": [right, right], "half": [half, half], "mixed": [right, half]}
    dev = [replace(one, split="dev") for one in test]
    return scoring.Answers({"test": test, "dev": dev}, {"test": said, "dev": said}, ("a", "b"))


def test_macro_f1_is_the_mean_over_seeds_not_of_pooled_seeds(polish: Any, answers: Any) -> None:
    value = polish("scoring").f1_interval(answers, answers.said["test"]["mixed"], answers.utterances["test"]).mean
    # saying "a" of everything: F1 2/3 for a, 0 for b
    assert value == pytest.approx((1.0 + 1 / 3) / 2)


def test_a_contrast_is_the_difference_of_the_two_scores(polish: Any, answers: Any) -> None:
    said = answers.said["test"]
    comparison, by_speaker = polish("scoring").f1_contrast(
        answers, said["right"], said["half"], answers.utterances["test"]
    )
    assert comparison.difference.mean == pytest.approx(2 / 3)
    np.testing.assert_allclose(by_speaker, [2 / 3, 2 / 3])


def test_the_best_on_dev_is_taken(polish: Any, answers: Any) -> None:
    name, means = polish("scoring").best_on_dev(answers, ["half", "mixed"])
    assert name == "mixed"
    assert means["half"] == pytest.approx(1 / 3)


def test_the_detectable_difference_of_five_speakers_follows_from_the_interval(polish: Any) -> None:
    # t of 4 degrees: .975 quantile 2.776, .8 quantile 0.941; standard error 0.01
    interval = Interval(0.0, -0.02776, 0.02776, 5, "t")
    assert polish("scoring").detectable(interval) == pytest.approx(0.03717, abs=2e-4)
